"""Our labels in the words of other vocabularies, each mapping a table.

These are DDEX ERN 4.3.2, IPTC digital source types, GB 45438-2025, Apple's transparency tags
and the EU Code of Practice. ``Unknown`` has no word there, and is never passed on as ``None``.
"""

from collections.abc import Iterable
from typing import Final, Literal, get_args

from streams.contract.records import (
    Certainty,
    Component,
    Contains,
    Extent,
    Label,
    LabelMappings,
    LabelSource,
)
from streams.policy.schema import SAYS_AI

DDEX_CONTAINS_AI: Final[dict[Extent, Contains]] = {
    Extent.ALL: "All",
    Extent.PARTLY: "Partly",
    Extent.NONE: "None",
}

IPTC: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
IPTC_OF_EXTENT: Final = {  # None has no word: not AI may be captured, composed or edited
    Extent.ALL: f"{IPTC}trainedAlgorithmicMedia",
    Extent.PARTLY: f"{IPTC}compositeWithTrainedAlgorithmicMedia",
}
# Digital source types that state an extent, by their last word. The others are Unknown:
# algorithmicMedia, say, is computed, but not by a trained model.
EXTENT_OF_SOURCE_TYPE: Final[dict[str, Extent]] = {
    "trainedAlgorithmicMedia": Extent.ALL,
    "compositeWithTrainedAlgorithmicMedia": Extent.PARTLY,
    "compositeSynthetic": Extent.PARTLY,
    **dict.fromkeys(("digitalCapture", "computationalCapture", "compositeCapture"), Extent.NONE),
    **dict.fromkeys(("digitalCreation", "humanEdits", "minorHumanEdits"), Extent.NONE),
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

EU_ICON: Final[dict[Extent, Literal["fully_ai", "partially_ai"]]] = {
    Extent.ALL: "fully_ai",
    Extent.PARTLY: "partially_ai",
}

# A component, and the DDEX role of the machine that contributed it.
DDEX_ROLE: Final[dict[Component, str]] = {
    "vocals": "Vocalist",
    "instrumentation": "Musician",
    "composition": "Composer",
    "lyrics": "Lyricist",
    "post_production": "Mixer",
    "artwork": "GraphicDesigner",
}


def mappings_of(
    label: Label, artwork: Label | None = None, *, voice: bool = False
) -> LabelMappings:
    """Return what the prevailing labels are called elsewhere.

    ``voice``: whether a person's voice is replicated.
    """
    icon: Literal["fully_ai", "partially_ai", "deepfake"] | None = EU_ICON.get(label.extent)
    return LabelMappings(
        ddex_contains_ai=DDEX_CONTAINS_AI.get(label.extent),
        iptc_digital_source_type=IPTC_OF_EXTENT.get(label.extent),
        gb45438=gb_code(label),
        eu_icon="deepfake" if voice and icon else icon,
        apple_tags=apple_tags(label, artwork),
    )


def gb_code(label: Label) -> GbCode | None:
    """Return the code of GB 45438; None where the label states no AI.

    A platform that finds the implicit tag in the metadata of a file declares 1, by whatever
    author. A tag that only suspects (3) is passed on as such.
    """
    if label.extent not in SAYS_AI:
        return None
    tagged = label.source is LabelSource.PROVENANCE and label.origin == "aigc"
    if tagged and label.certainty is not Certainty.SUSPECTED:
        return "1"
    return GB_OF_CERTAINTY[label.certainty]


def apple_tags(label: Label, artwork: Label | None) -> tuple[AppleTag, ...]:
    """Return Apple's tags: the parts of which a material portion is AI.

    Where no component is named, all of a recording is its track.
    """
    tags: set[AppleTag] = set()
    if label.extent in SAYS_AI:
        tags = {APPLE_OF_COMPONENT[part] for part in label.components} or {"track"}
    if artwork is not None and artwork.extent in SAYS_AI:
        tags.add("artwork")
    return tuple(tag for tag in get_args(AppleTag) if tag in tags)


def extent_of_source_types(types: Iterable[str], ingredients: Iterable[str] = ()) -> Extent:
    """Return what the source types (URIs) of a manifest's actions and ingredients state."""
    own, inside = (
        {EXTENT_OF_SOURCE_TYPE.get(uri.rsplit("/", 1)[-1], Extent.UNKNOWN) for uri in uris}
        for uris in (types, ingredients)
    )
    if own and own | inside == {Extent.ALL}:
        return Extent.ALL
    if (own | inside).intersection(SAYS_AI):
        return Extent.PARTLY
    return Extent.NONE if own == {Extent.NONE} else Extent.UNKNOWN
