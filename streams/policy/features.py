"""The snapshot: what rules may ask about one track, filled in.

It is plain data by the published schema (``streams.policy.schema``); stored in the decision,
it replays it. Whatever depends on time or on a database has been settled before.
"""

from collections.abc import Mapping
from typing import Any

from detector.errors import BadInput
from streams.contract.records import (
    Certainty,
    Extent,
    LabelSource,
    Outcome,
    TrackClassified,
)
from streams.policy.facts import Facts
from streams.policy.known_recordings import known
from streams.policy.labels import (
    SAYS_AI,
    Assertion,
    declared_extent,
    detected_extent,
    effective,
    effective_artwork,
    licensed,
)
from streams.policy.metadata_conflicts import conflicts
from streams.policy.rights import Rights
from streams.policy.schema import DEFAULTS, FEATURES, Kind, Value


class WrongSnapshot(BadInput):
    """Values that are not of the schema."""

    def __init__(self, reason: str = "wrong_snapshot", detail: str = "") -> None:
        super().__init__(reason, detail)


def features_of(
    event: TrackClassified,
    facts: Facts,
    rights: Rights,
    assertions: tuple[Assertion, ...],
) -> dict[str, Value]:
    """Take the snapshot of a track in the territories where ``rights`` hold."""
    label, artwork = effective(assertions), effective_artwork(assertions)
    upload, analysis, audio = event.upload, event.analysis, event.audio
    declared = declared_extent(event)
    detected = detected_extent(event) if analysis.outcome is Outcome.AI_LIKELY else None
    mismatch = detected is not None and (
        declared is Extent.NONE or (declared is Extent.PARTLY and detected is Extent.ALL)
    )
    provenance, uploader = event.provenance, upload.uploader
    said_by = {one.source for one in assertions if not one.neg and one.subject == "recording"
               and one.extent in SAYS_AI and one.certainty is not Certainty.SUSPECTED}  # fmt: skip
    if detected is not None:
        said_by.add(LabelSource.DETECTOR)
    return {
        "label.extent": label.extent.value,
        "label.certainty": label.certainty.value,
        "label.source": label.source.value,
        "label.licensed": licensed(label, rights),
        "label.generator": _low(label.generator),
        "label.components": tuple(label.components),
        "artwork.extent": "Unknown" if artwork is None else artwork.extent.value,
        "ai.outcome": analysis.outcome.value,
        "ai.extent": detected_extent(event).value,
        "ai.p_value": _known(analysis.p_value),
        "ai.probability": _known(analysis.probability),
        "ai.coverage": _known(analysis.coverage),
        "ai.generator": _low(analysis.generator),
        "declared.ai": "absent" if declared is None else declared.value,
        "declared.mismatch": mismatch,
        "declared.components": tuple(upload.declared.components),
        "declared.tools": tuple(dict.fromkeys(t.name.casefold() for t in upload.declared.tools)),
        "declared.conflicts": conflicts(upload),
        "declared.derivation": "none" if upload.derivation is None else upload.derivation.type,
        "declared.voice": upload.voice is not None
        or (upload.derivation is not None and upload.derivation.type == "voice_swap"),
        "provenance.state": "absent" if provenance is None else provenance.state,
        "provenance.extent": "Unknown" if provenance is None else provenance.extent.value,
        "provenance.aigc": "none"
        if provenance is None or provenance.aigc is None
        else provenance.aigc.label,
        "provenance.opt_out": provenance is not None
        and "notAllowed" in provenance.training_mining.values(),
        "rights.generator_status": rights.generator_status,
        "rights.agreement": rights.agreement,
        "rights.derivative": rights.derivative,
        "rights.voice_consent": rights.voice_consent,
        "review.by_person": label.source.human,
        "review.findings": facts.findings,
        "review.appeal_open": facts.appeal_open,
        "review.interim_relief": facts.interim_relief,
        "delivery.distributor": upload.distributor,
        "delivery.territories": tuple(upload.territories),
        "delivery.profile_mismatch": bool(uploader and uploader.profile_mismatch),
        "uploader.fraud_score": _known(uploader.fraud_score) if uploader else None,
        "uploader.rate_24h": _known(uploader.rate_24h) if uploader else None,
        "uploader.strikes": _known(uploader.strikes) if uploader else None,
        **known(event),
        "audio.duration_s": float(audio.duration_s),
        "audio.silent_share": float(audio.silent_share),
        "signals.independent": float(len(said_by)),
    }


def snapshot(features: Mapping[str, Any]) -> dict[str, Value]:
    """Return a full snapshot from some values, flat or nested; the rest is unknown.

    Raises:
        WrongSnapshot: a name or a value that the schema does not have.
    """
    values = dict(DEFAULTS)
    for name, value in flattened(features).items():
        if name not in FEATURES:
            raise WrongSnapshot(detail=f"there is no feature {name!r}")
        values[name] = _typed(name, value)
    return values


def flattened(features: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested groups as dotted names."""
    flat: dict[str, Any] = {}
    for key, value in features.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def _typed(name: str, value: Any) -> Value:
    feature = FEATURES[name]
    if value is None:
        if not feature.missing:
            raise WrongSnapshot(detail=f"{name} is never null")
        return None
    match feature.kind:
        case Kind.BOOL:
            good = isinstance(value, bool)
        case Kind.NUMBER:
            good = isinstance(value, int | float) and not isinstance(value, bool)
            value = float(value) if good else value
        case Kind.TEXT:
            good = isinstance(value, str) and (not feature.values or value in feature.values)
        case Kind.TEXTS:
            items = tuple(value) if isinstance(value, list | tuple) else ()
            good = isinstance(value, list | tuple) and all(
                isinstance(one, str) and (not feature.values or one in feature.values)
                for one in items
            )
            value = items
    if not good:
        words = f"one of {', '.join(feature.values)}" if feature.values else f"a {feature.kind}"
        raise WrongSnapshot(detail=f"{name} is {words}, not {value!r}")
    typed: Value = value
    return typed


def _low(name: str | None) -> str | None:
    return None if name is None else name.casefold()


def _known(value: float | None) -> float | None:
    """Not-a-number is not known."""
    return None if value is None or value != value else float(value)
