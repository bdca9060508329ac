"""The published feature schema: what a condition may ask, of which type, and what it means.

``alone`` is what a feature may be where only the detector finds AI: from it follows whether a
rule could rest on a single score. ``None`` means anything: the feature is the detector's own, or
states nothing about AI. ``earmark policy features --json`` publishes the schema; it only grows.
"""

import itertools
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final, get_args

from detector.matching.classes import MatchClass
from streams.contract.field_texts import TEXTS
from streams.contract.records.fingerprints import ProvenanceState
from streams.contract.records.rights import LicenceStatus
from streams.contract.vocabulary import (
    BANKS_SEEN,
    COMPONENTS,
    DERIVATIVES,
    FINDINGS,
    TIERS,
    Certainty,
    Extent,
    LabelSource,
    Outcome,
)
from streams.policy.registry import AGREEMENT_STATUSES

Value = str | float | bool | tuple[str, ...] | None


class Kind(StrEnum):
    """Types of features; a number is always a double."""

    TEXT = "text"
    NUMBER = "number"
    BOOL = "bool"
    TEXTS = "texts"


@dataclass(frozen=True)
class Feature:
    """One feature."""

    kind: Kind
    default: Value  # where nothing is known of it
    meaning: str  # a sentence for the authors of policies
    values: tuple[str, ...] = ()  # the only values it takes, of texts; empty: any
    missing: bool = False  # it may be null; a rule that reads it has ``on_missing``
    alone: tuple[Value, ...] | None = None  # its values where only the detector finds AI


EXTENTS: Final = tuple(Extent)
DECLARED: Final = (*(one for one in Extent if one is not Extent.UNKNOWN), "absent")
SAYS_AI: Final = (Extent.ALL, Extent.PARTLY)
NO_AI: Final = ("None", "Unknown")
# Of the label's source. Where that source finds no AI, only the detector can find it.
ABOUT_THE_LABEL: Final = ("label.certainty", "label.source", "review.by_person")
CLEARING: Final = ("licensed", "not_fraud", "not_impersonation", "not_removed_before")
"""Findings for the deliverer: no signal against any person."""
CONFLICTS: Final = ("ddex_all_with_human", "ddex_none_with_ai", "ddex_all_with_human_vocals")
MATCHES: Final = ("none", *(one for one in MatchClass if one is not MatchClass.NONE))
Alone = tuple[Value, ...] | None
_name: Final = partial(Feature, Kind.TEXT, None, missing=True)
_flag: Final = partial(Feature, Kind.BOOL, False, alone=(False,))


def _text(meaning: str, *values: str, default: str | None = None, alone: Alone = None) -> Feature:
    words = tuple(map(str, values))
    return Feature(Kind.TEXT, default or words[0], meaning, words, alone=alone)


def _number(meaning: str, default: float | None = None, alone: Alone = None) -> Feature:
    return Feature(Kind.NUMBER, default, meaning, missing=default is None, alone=alone)


def _list(meaning: str, *values: str, alone: Alone = ((),)) -> Feature:
    return Feature(Kind.TEXTS, (), meaning, tuple(map(str, values)), alone=alone)


FEATURES: Final[dict[str, Feature]] = {
    # The label that prevails.
    "label.extent": _text("how much of the recording is AI", *EXTENTS, default="Unknown"),
    "label.certainty": _text(
        "how sure that is", *Certainty, default="suspected", alone=("suspected",)
    ),
    "label.source": _text("who states it", *LabelSource, default="detector", alone=("detector",)),
    "label.licensed": _flag("an agreement covers the AI in this recording, in this territory"),
    "label.generator": _name("the generator, in lower case, as the prevailing label names it"),
    "label.components": _list("which parts are AI", *COMPONENTS, alone=None),
    "label.tier": _text("what the detector finds, where its label prevails", "none", *TIERS),
    "artwork.extent": _text("the same of the artwork", *EXTENTS, default="Unknown"),
    # What the detector answers.
    "ai.outcome": _text("what the detector answers", *Outcome, default="not_assessable"),
    "ai.extent": _text("how much the detector finds", *EXTENTS, default="Unknown"),
    "ai.p_value": _number(TEXTS["p_value"]),
    "ai.identified_p_value": _number("share of them in which two traces agree at least as well"),
    "ai.probability": _number(TEXTS["probability"]),
    "ai.coverage": _number("share of the recording in which it was found"),
    "ai.generator": _name("the generator that the detector attributes it to, in lower case"),
    # What the deliverer declares. A drawn cover states nothing about the recording.
    "declared.ai": _text(
        "the declaration: DDEX ContainsAI", *DECLARED, default="absent", alone=("None", "absent")
    ),
    "declared.mismatch": _flag(
        "the detector finds AI where none is declared, or all where part is; or the file itself "
        "declares AI where the delivery declares none",
        alone=None,
    ),
    "declared.components": _list(
        "which parts are declared to be AI", *COMPONENTS, alone=((), ("artwork",))
    ),
    "declared.tools": _list("names of declared tools, in lower case"),
    "declared.conflicts": _list(
        "contradictions inside of the delivery's metadata (DDEX)", *CONFLICTS, alone=None
    ),
    "declared.derivation": _text("what it is made from", "none", *DERIVATIVES),
    "declared.voice": _flag("the voice of a person is declared as replicated"),
    # What the file states of itself. AIGC 3: a platform's detector suspected it, perhaps this one.
    "provenance.state": _text(
        "signed provenance (C2PA): only trusted confirms",
        *get_args(ProvenanceState),
    ),
    "provenance.extent": _text(
        "what it states about AI", *EXTENTS, default="Unknown", alone=("None", "Unknown")
    ),
    "provenance.aigc": _text(
        "the AIGC tag's code: 1 is, 2 may be, 3 suspected",
        *("none", "1", "2", "3"),
        alone=("none", "3"),
    ),
    "provenance.opt_out": _flag("the file reserves training and mining", alone=None),
    "provenance.mark": Feature(
        Kind.TEXT,
        None,
        "the generator whose mark the file carries, in lower case; anyone can write a mark",
        missing=True,
        alone=(None,),
    ),
    "provenance.watermark": Feature(
        Kind.TEXT,
        None,
        "the generator whose watermark the sound carries, in lower case; "
        "without `EARMARK_WATERMARKS` there is none",
        missing=True,
        alone=(None,),
    ),
    # The rights registry, in this territory. The generator may be the detector's attribution,
    # and an agreement about a recording does not state that it is AI.
    "rights.generator_status": _text(
        "licence status of the generators named", "none", *get_args(LicenceStatus)
    ),
    "rights.agreement": _text("the agreement claimed or found", "none", *AGREEMENT_STATUSES),
    "rights.derivative": _text(
        "consent of the sources of a derivative", "not_needed", "granted", "missing"
    ),
    "rights.voice_consent": _text(
        "consent of the person whose voice it is",
        *("not_needed", "granted", "missing", "refused"),
        alone=("not_needed",),
    ),
    # What people found.
    "review.by_person": _flag("a reviewer or an appeal has settled the label"),
    "review.findings": _list(
        *("what people found beside the extent", *FINDINGS),
        alone=tuple(
            words
            for count in range(len(CLEARING) + 1)
            for words in itertools.combinations(CLEARING, count)
        ),
    ),
    "review.appeal_open": _flag("an appeal is being looked at", alone=None),
    "review.interim_relief": _flag("consequences rest while the appeal is open", alone=None),
    # The delivery and its sender.
    "delivery.distributor": _name("who delivered, as named in the upload"),
    "delivery.foreign_track": _flag(
        "another distributor delivered this track id first", alone=None
    ),
    "delivery.territories": _list("territories delivered for (Worldwide)", alone=None),
    "delivery.profile_mismatch": _flag("it claims an artist profile that is not the uploader's"),
    "uploader.fraud_score": _number(
        "the platform's own fraud score of the uploader, 0 to 1", alone=(None, 0.0, 0.5)
    ),
    "uploader.rate_24h": _number("uploads of this account in 24 hours"),
    "uploader.strikes": _number(TEXTS["strikes"], alone=(None, 0.0)),
    "audio.duration_s": _number("seconds", 180.0),
    "audio.silent_share": _number("share of silence", 0.0),
    "audio.heard_share": _number("share of the delivered duration that was decoded", 1.0),
    "audio.streams": _number(TEXTS["streams"], 1.0),
    "audio.channels_cancel": _number("share in which the channels cancel each other", 0.0),
    "audio.channels_differ": _number(
        "1 where the first two channels are unrelated, or any two opposed; 0 where alike", 0.0
    ),
    # Known recordings that this one is, wholly or in part; test sets (golden) left out.
    **{
        f"known.{kind}": _text(meaning, *MATCHES, alone=("none",) if kind.second_signal else None)
        for kind, meaning in BANKS_SEEN
    },
    "known.catalogue.other_artist": _flag(
        "most of this track is a track of the catalogue that names no artist of this one",
        alone=None,
    ),
    "known.catalogue.other_isrc": _flag(
        "most of this track is a track of the catalogue with another ISRC", alone=None
    ),
    "known.catalogue.other_deliverer": _flag(
        "most of this track is a track of the catalogue from another distributor", alone=None
    ),
    "known.class": _text("the strongest of these", *MATCHES),
    "known.bank": _name("the bank of that match"),
    "known.score": _number("share of landmarks that coincide in that match", 0.0),
    "known.share": _number("share of this track that it covers", 0.0),
    "known.speed": _number("how much faster this track is than that one: 1.04 is 4 %"),
    # The sources are the detector, a declaration, provenance, a registry and a person.
    "signals.independent": _number("independent sources that say AI", 0.0, alone=(0.0, 1.0)),
}
DEFAULTS: Final[dict[str, Value]] = {name: one.default for name, one in FEATURES.items()}


def document() -> dict[str, Any]:
    """Return the schema as plain data."""
    return {
        "schema_version": 1,
        "features": {
            name: {
                "type": one.kind.value,
                "meaning": one.meaning,
                "default": list(one.default) if isinstance(one.default, tuple) else one.default,
                "may_be_missing": one.missing,
                **({"values": list(one.values)} if one.values else {}),
            }
            for name, one in FEATURES.items()
        },
    }
