"""The snapshot: the features of one track in one territory.

It is plain data by the published schema (``streams.policy.schema``). A decision contains its
snapshot, which replays it. Nothing in it depends on the time or on a database any more.
"""

import itertools
from collections.abc import Mapping
from typing import Any

from detector.errors import BadInput
from streams.contract.records import (
    Certainty,
    Extent,
    LabelSource,
    Outcome,
    Provenance,
    TrackClassified,
    Upload,
    Uploader,
)
from streams.contract.vocabulary import BANKS_SEEN, FORMER
from streams.policy import labels
from streams.policy.facts import Facts
from streams.policy.labels import Assertion
from streams.policy.rights import Rights
from streams.policy.schema import CONFLICTS, DEFAULTS, FEATURES, SAYS_AI, Feature, Kind, Value


class WrongSnapshot(BadInput):
    """Values that are not of the schema."""


def features_of(
    event: TrackClassified, facts: Facts, rights: Rights, assertions: tuple[Assertion, ...]
) -> dict[str, Value]:
    """Return the snapshot of a track in the territories where ``rights`` hold."""
    label, artwork = labels.effective(assertions), labels.effective_artwork(assertions)
    upload, analysis, audio = event.upload, event.analysis, event.audio
    provenance = event.provenance or Provenance()
    uploader = upload.uploader or Uploader()
    derivation = "none" if upload.derivation is None else upload.derivation.type
    declared, detected = labels.declared_extent(event), labels.detected_extent(event)
    finds_ai = analysis.outcome.finds_ai
    undeclared = declared is Extent.NONE or (declared is Extent.PARTLY and detected is Extent.ALL)
    sources = {
        one.source
        for one in assertions
        if one.subject == "recording" and not one.neg
        if one.extent in SAYS_AI and one.certainty is not Certainty.SUSPECTED
    }
    if finds_ai:
        sources.add(LabelSource.DETECTOR)
    return {
        "label.extent": label.extent.value,
        "label.certainty": label.certainty.value,
        "label.source": label.source.value,
        "label.licensed": labels.licensed(label, rights),
        "label.generator": label.generator and label.generator.casefold(),
        "label.components": tuple(label.components),
        "label.tier": label.tier or "none",
        "artwork.extent": "Unknown" if artwork is None else artwork.extent.value,
        "ai.outcome": analysis.outcome.value,
        "ai.extent": detected.value,
        "ai.p_value": _known(analysis.p_value),
        "ai.identified_p_value": _known(analysis.identified_p_value),
        "ai.probability": _known(analysis.probability),
        "ai.coverage": _known(analysis.coverage),
        "ai.generator": analysis.generator and analysis.generator.casefold(),
        "declared.ai": "absent" if declared is None else declared.value,
        "declared.mismatch": (finds_ai and undeclared) or labels.denied(event, assertions),
        "declared.components": tuple(upload.declared.components),
        "declared.tools": tuple(dict.fromkeys(t.name.casefold() for t in upload.declared.tools)),
        "declared.conflicts": conflicts(upload),
        "declared.derivation": derivation,
        "declared.voice": upload.voice is not None or derivation == "voice_swap",
        "provenance.state": provenance.state,
        "provenance.extent": provenance.extent.value,
        "provenance.aigc": "none" if provenance.aigc is None else provenance.aigc.label,
        "provenance.opt_out": "notAllowed" in provenance.training_mining.values(),
        "provenance.mark": _marked(provenance, watermark=False),
        "provenance.watermark": _marked(provenance, watermark=True),
        "rights.generator_status": rights.generator_status,
        "rights.agreement": rights.agreement,
        "rights.derivative": rights.derivative,
        "rights.voice_consent": rights.voice_consent,
        "review.by_person": label.source.human,
        "review.findings": facts.findings,
        "review.appeal_open": facts.appeal_open,
        "review.interim_relief": facts.interim_relief,
        "delivery.distributor": upload.distributor,
        "delivery.foreign_track": facts.foreign,
        "delivery.territories": tuple(upload.territories),
        "delivery.profile_mismatch": bool(uploader.profile_mismatch),
        "uploader.fraud_score": _known(uploader.fraud_score),
        "uploader.rate_24h": _known(uploader.rate_24h),
        "uploader.strikes": _known(uploader.strikes),
        **_known_recordings(event),
        "known.catalogue.other_artist": facts.identity.artist,
        "known.catalogue.other_isrc": facts.identity.isrc,
        "known.catalogue.other_deliverer": facts.identity.deliverer,
        "audio.duration_s": float(audio.duration_s),
        "audio.silent_share": float(audio.silent_share),
        "audio.heard_share": float(audio.heard_share),
        "audio.streams": float(audio.streams),
        "audio.channels_cancel": float(audio.channels_cancel),
        "audio.channels_differ": float(audio.channels_differ),
        "signals.independent": float(len(sources)),
    }


def _marked(provenance: Provenance, *, watermark: bool) -> str | None:
    """Return the generator of the first mark of a kind, in lower case."""
    for mark in provenance.marks:
        if (mark.kind == "watermark") is watermark:
            return mark.generator.casefold()
    return None


def _known_recordings(event: TrackClassified) -> dict[str, Value]:
    """Return the features of the group ``known``: matches, the strongest first, none of golden."""
    banks = dict(BANKS_SEEN)
    matches = [one for one in event.matches if one.bank_kind in banks]
    strongest = {one.bank_kind: one.match_class for one in reversed(matches)}
    first = matches[0] if matches else None
    return {
        **{f"known.{kind}": strongest.get(kind, "none") for kind in banks},
        "known.class": first.match_class if first else "none",
        "known.bank": first.bank if first else None,
        "known.score": first.score if first else 0.0,
        "known.share": first.share_of(event.audio.duration_s) if first else 0.0,
        "known.speed": first.speed_ratio if first else None,
    }


def conflicts(upload: Upload) -> tuple[str, ...]:
    """Return the contradictions of a delivery's own metadata (DDEX ERN 4.3.2, domain 1.1).

    ``ContainsAI=All`` admits only machines as contributors, and no human vocal performance.
    ``None`` admits no contributor who worked by AI. That recording and artwork differ is no
    contradiction.
    """
    declared = upload.declared
    everything, nothing = declared.contains_ai == "All", declared.contains_ai == "None"
    contradicts = (
        everything and not all(one.is_generative_ai for one in upload.contributors),
        nothing and labels.has_ai_contributor(upload),
        everything and bool(declared.has_vocal_performance),
    )
    return tuple(sorted(itertools.compress(CONFLICTS, contradicts)))


def snapshot(features: Mapping[str, Any]) -> dict[str, Value]:
    """Return a full snapshot from some values, flat or nested; the rest is unknown.

    Raises:
        WrongSnapshot: a name or a value that the schema does not have.
    """
    values = dict(DEFAULTS)
    for name, value in flattened(features).items():
        if name not in FEATURES:
            raise WrongSnapshot("wrong_snapshot", f"there is no feature {name!r}")
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
            raise WrongSnapshot("wrong_snapshot", f"{name} is never null")
        return None
    match feature.kind, value:
        case Kind.BOOL, bool():
            return value
        case Kind.NUMBER, int() | float() if not isinstance(value, bool):
            return float(value)
        case Kind.TEXT, str() if name == "ai.outcome" and value in FORMER:
            return Outcome(value).value
        case Kind.TEXT, str() if _is_word(value, feature):
            return value
        case Kind.TEXTS, list() | tuple() if all(_is_word(one, feature) for one in value):
            return tuple(value)
    words = f"one of {', '.join(feature.values)}" if feature.values else f"a {feature.kind}"
    raise WrongSnapshot("wrong_snapshot", f"{name} is {words}, not {value!r}")


def _is_word(value: object, feature: Feature) -> bool:
    return isinstance(value, str) and (not feature.values or value in feature.values)


def _known(value: float | None) -> float | None:
    """Not-a-number is not known."""
    return None if value is None or value != value else float(value)
