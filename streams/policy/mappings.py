"""Our labels in the words of others, each mapping a table.

DDEX ERN 4.3.2 (``ContainsAI``, ``AiContribution``, ``SpecialContributor``), IPTC digital
source types, GB 45438-2025 (codes and the ``AIGC`` key), Apple's transparency tags, the icon
of the EU Code of Practice. Where another vocabulary has no word for ours, nothing is said:
``Unknown`` is never passed on as ``None``.
"""

import json
from typing import Final, Literal

from streams.contract.records import (
    Certainty,
    Component,
    Contains,
    Extent,
    Label,
    LabelMappings,
    LabelSource,
    Provenance,
    TrackClassified,
)
from streams.contract.records.credits import CreditLine

DDEX_CONTAINS_AI: Final[dict[Extent, Contains | None]] = {
    Extent.ALL: "All",
    Extent.PARTLY: "Partly",
    Extent.NONE: "None",
    Extent.UNKNOWN: None,
}

IPTC: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
IPTC_OF_EXTENT: Final[dict[Extent, str | None]] = {
    Extent.ALL: f"{IPTC}trainedAlgorithmicMedia",
    Extent.PARTLY: f"{IPTC}compositeWithTrainedAlgorithmicMedia",
    Extent.NONE: None,  # not AI is many things: captured, composed, edited
    Extent.UNKNOWN: None,
}
# What a digital source type says about AI, by its last word.
EXTENT_OF_SOURCE_TYPE: Final[dict[str, Extent]] = {
    "trainedAlgorithmicMedia": Extent.ALL,
    "compositeWithTrainedAlgorithmicMedia": Extent.PARTLY,
    "compositeSynthetic": Extent.PARTLY,
    "digitalCapture": Extent.NONE,
    "digitalCreation": Extent.NONE,
    "humanEdits": Extent.NONE,
    "minorHumanEdits": Extent.NONE,
    "computationalCapture": Extent.NONE,
    "compositeCapture": Extent.NONE,
    "algorithmicMedia": Extent.UNKNOWN,  # computed, and not by a trained model
    "algorithmicallyEnhanced": Extent.UNKNOWN,
    "composite": Extent.UNKNOWN,
    "dataDrivenMedia": Extent.UNKNOWN,
    "virtualRecording": Extent.UNKNOWN,
    "screenCapture": Extent.UNKNOWN,
    "digitalArt": Extent.UNKNOWN,
    "softwareImage": Extent.UNKNOWN,
    "empty": Extent.UNKNOWN,
}

GbCode = Literal["1", "2", "3"]
GB_OF_CERTAINTY: Final[dict[Certainty, GbCode]] = {
    Certainty.CONFIRMED: "1",
    Certainty.DECLARED: "2",
    Certainty.SUSPECTED: "3",
}

AppleTag = Literal["artwork", "track", "composition", "music_video"]
APPLE_OF_COMPONENT: Final[dict[Component, AppleTag]] = {
    "vocals": "track",
    "instrumentation": "track",
    "post_production": "track",
    "composition": "composition",
    "lyrics": "composition",
    "artwork": "artwork",
}

EU_ICON: Final[dict[Extent, Literal["fully_ai", "partially_ai"] | None]] = {
    Extent.ALL: "fully_ai",
    Extent.PARTLY: "partially_ai",
    Extent.NONE: None,
    Extent.UNKNOWN: None,
}

# A component, and the DDEX role of the machine that contributed it.
DDEX_ROLE: Final[dict[Component, str]] = {
    "vocals": "Vocalist",
    "instrumentation": "MusicalInstrumentalist",
    "composition": "Composer",
    "lyrics": "Lyricist",
    "post_production": "Mixer",
    "artwork": "GraphicDesigner",
}


def mappings_of(
    label: Label, artwork: Label | None = None, *, voice: bool = False
) -> LabelMappings:
    """Return what the prevailing labels are called elsewhere.

    Args:
        label: of the recording.
        artwork: of the artwork, where anything is known of it.
        voice: whether somebody's voice is replicated.
    """
    icon: Literal["fully_ai", "partially_ai", "deepfake"] | None = EU_ICON[label.extent]
    return LabelMappings(
        ddex_contains_ai=DDEX_CONTAINS_AI[label.extent],
        iptc_digital_source_type=IPTC_OF_EXTENT[label.extent],
        gb45438=gb_code(label),
        eu_icon="deepfake" if voice and icon else icon,
        apple_tags=apple_tags(label, artwork),
    )


def gb_code(label: Label) -> GbCode | None:
    """Return the code of GB 45438; None where nothing says AI.

    A platform that finds the implicit tag in the file's metadata says 1, whoever wrote it; a
    tag that only suspects (3) is passed on as such.
    """
    if label.extent in (Extent.NONE, Extent.UNKNOWN):
        return None
    tagged = label.source is LabelSource.PROVENANCE and label.origin == "aigc"
    if tagged and label.certainty is not Certainty.SUSPECTED:
        return "1"
    return GB_OF_CERTAINTY[label.certainty]


def aigc_value(label: Label, *, propagator: str, propagate_id: str) -> str | None:
    """Return the value of the ``AIGC`` metadata key (JSON); None where nothing says AI."""
    code = gb_code(label)
    if code is None:
        return None
    content = {
        "Label": code,
        "ContentProducer": label.generator or "",
        "ProduceID": "",
        "ReservedCode1": "",
        "ContentPropagator": propagator,
        "PropagateID": propagate_id,
        "ReservedCode2": "",
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def apple_tags(label: Label, artwork: Label | None) -> tuple[AppleTag, ...]:
    """Return Apple's tags: what a material portion of which is AI.

    Where no component is named, all of a recording is its track.
    """
    tags: set[AppleTag] = set()
    if label.extent in (Extent.ALL, Extent.PARTLY):
        tags = {APPLE_OF_COMPONENT[part] for part in label.components} or {"track"}
    if artwork is not None and artwork.extent in (Extent.ALL, Extent.PARTLY):
        tags.add("artwork")
    order: tuple[AppleTag, ...] = ("artwork", "track", "composition", "music_video")
    return tuple(tag for tag in order if tag in tags)


def extent_of_source_types(types: tuple[str, ...], ingredients: tuple[str, ...] = ()) -> Extent:
    """Return what the digital source types of a manifest say about the whole.

    Args:
        types: those of its actions, as URIs.
        ingredients: those of what it was made from.
    """
    extents = [EXTENT_OF_SOURCE_TYPE.get(_last(one), Extent.UNKNOWN) for one in types]
    inside = [EXTENT_OF_SOURCE_TYPE.get(_last(one), Extent.UNKNOWN) for one in ingredients]
    says_ai = (Extent.ALL, Extent.PARTLY)
    if extents and set(extents) == {Extent.ALL} and not set(inside) - {Extent.ALL}:
        return Extent.ALL
    if any(one in says_ai for one in (*extents, *inside)):
        return Extent.PARTLY
    if extents and set(extents) == {Extent.NONE}:
        return Extent.NONE
    return Extent.UNKNOWN


def _last(uri: str) -> str:
    return uri.rsplit("/", 1)[-1]


def credit_lines(
    event: TrackClassified, label: Label, credited: tuple[str, ...]
) -> list[CreditLine]:
    """Return contributor lines in DDEX terms that follow from a label.

    ``All`` admits no human contributor, only machines; ``Partly`` keeps the people and adds a
    machine for what is known to be AI. Credits that an agreement demands come last.
    """
    contains = DDEX_CONTAINS_AI[label.extent]
    if contains is None:
        return []
    lines: list[CreditLine] = []
    if contains != "All":
        for contributor in event.upload.contributors:
            if not contributor.is_generative_ai:
                part = contributor.ai_contribution if contains == "Partly" else "None"
                lines.append(
                    CreditLine(
                        name=contributor.name,
                        roles=contributor.roles,
                        ai_contribution=part or "None",
                    )
                )
    if contains != "None":
        roles = tuple(dict.fromkeys(DDEX_ROLE[part] for part in label.components))
        lines.append(
            CreditLine(
                special_contributor="GenerativeAI",
                roles=roles,
                ai_contribution="All",
                display_credits=label.generator,
            )
        )
    lines += [CreditLine(name=name, roles=("Source",), ai_contribution="None") for name in credited]
    return lines


def provenance_view(provenance: Provenance | None) -> dict[str, object]:
    """Return what a listener's interface must show (California AB 853)."""
    if provenance is None or provenance.state == "absent":
        return {"available": False}
    return {
        "available": True,
        "system_name": next(iter(provenance.software_agents), None),
        "created_at": provenance.signed_at,
        "signatures": [provenance.signer] if provenance.signer else [],
        "valid": provenance.state in ("untrusted", "trusted"),
        "trusted": provenance.state == "trusted",
    }
