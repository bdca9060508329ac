"""The published feature schema: what a condition may ask, of which type, and what it means.

``alone`` says what a feature may be where nothing but the detector speaks of AI: from it
follows whether a rule could rest on a single score. ``None`` there means anything: the
feature is the detector's own, or says nothing about AI (a name, a duration, that a file is
signed, that an agreement ended). ``ABOUT_THE_LABEL`` says who settled the label; where it says
that there is no AI, nobody but the detector speaks of it either.

Published as JSON by ``earmark policy features --json``; additive evolution only.
"""

import itertools
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from detector.matching.classes import MatchClass
from streams.contract.vocabulary import (
    BANKS_SEEN,
    COMPONENTS,
    DERIVATIVES,
    FINDINGS,
    Certainty,
    Extent,
    LabelSource,
    Outcome,
)

Value = str | float | bool | tuple[str, ...] | None


class Kind(StrEnum):
    """Types of features; a number is always a double."""

    TEXT = "text"
    NUMBER = "number"
    BOOL = "bool"
    TEXTS = "texts"


@dataclass(frozen=True)
class Feature:
    """One feature.

    Args:
        kind: its type.
        default: its value where nothing is known of it.
        meaning: a sentence for whoever writes policy.
        values: the only values it takes, of texts; empty: any.
        missing: whether it may be null; a rule that reads it says ``on_missing``.
        alone: its possible values where only the detector speaks; None: any.
    """

    kind: Kind
    default: Value
    meaning: str
    values: tuple[str, ...] = ()
    missing: bool = False
    alone: tuple[Value, ...] | None = None


EXTENTS: Final = tuple(Extent)
DECLARED: Final = (*(one for one in Extent if one is not Extent.UNKNOWN), "absent")
CLEARING: Final = ("licensed", "not_fraud", "not_impersonation", "not_removed_before")
"""Findings for the deliverer: no signal against anybody."""
CONFLICTS: Final = ("ddex_all_with_human", "ddex_none_with_ai", "ddex_all_with_human_vocals")
MATCHES: Final = ("none", *(one for one in MatchClass if one is not MatchClass.NONE))


def _text(default: str, meaning: str, *values: str, alone: tuple[Value, ...] | None) -> Feature:
    return Feature(Kind.TEXT, default, meaning, tuple(map(str, values)), alone=alone)


def _name(meaning: str) -> Feature:
    return Feature(Kind.TEXT, None, meaning, missing=True)


def _number(
    meaning: str, default: float | None = None, alone: tuple[Value, ...] | None = None
) -> Feature:
    return Feature(Kind.NUMBER, default, meaning, missing=default is None, alone=alone)


def _flag(meaning: str, alone: tuple[Value, ...] | None = (False,)) -> Feature:
    return Feature(Kind.BOOL, False, meaning, alone=alone)


def _list(meaning: str, *values: str, alone: tuple[Value, ...] | None = ((),)) -> Feature:
    return Feature(Kind.TEXTS, (), meaning, tuple(map(str, values)), alone=alone)


FEATURES: Final[dict[str, Feature]] = {
    # The label that prevails.
    "label.extent": _text("Unknown", "how much of the recording is AI", *EXTENTS, alone=None),
    "label.certainty": _text(
        *("suspected", "how sure that is", *Certainty),
        alone=("suspected",),
    ),
    "label.source": _text(
        *("detector", "who says so", *LabelSource),
        alone=("detector",),
    ),
    "label.licensed": _flag("an agreement covers the AI in this recording, in this territory"),
    "label.generator": _name("the generator, in lower case, as the prevailing label names it"),
    "label.components": _list("which parts are AI", *COMPONENTS, alone=None),
    "artwork.extent": _text("Unknown", "the same of the artwork", *EXTENTS, alone=None),
    # What the detector answers.
    "ai.outcome": _text(
        *("not_assessable", "what the detector answers", *Outcome),
        alone=None,
    ),
    "ai.extent": _text("Unknown", "how much the detector finds", *EXTENTS, alone=None),
    "ai.p_value": _number("share of human recordings that score at least as high"),
    "ai.probability": _number("calibrated probability of AI at even prior odds"),
    "ai.coverage": _number("share of the recording in which it was found"),
    "ai.generator": _name("the generator that the detector attributes it to, in lower case"),
    # What the deliverer says.
    "declared.ai": _text(
        "absent", "the declaration: DDEX ContainsAI", *DECLARED, alone=("None", "absent")
    ),
    "declared.mismatch": _flag(
        "the detector finds AI where none is declared, or all where part is", None
    ),
    "declared.components": _list(
        # A drawn cover says nothing about the recording.
        *("which parts are declared to be AI", *COMPONENTS),
        alone=((), ("artwork",)),
    ),
    "declared.tools": _list("names of declared tools, in lower case"),
    "declared.conflicts": _list(
        "contradictions inside of the delivery's metadata (DDEX)", *CONFLICTS, alone=None
    ),
    "declared.derivation": _text("none", "what it is made from", "none", *DERIVATIVES, alone=None),
    "declared.voice": _flag("somebody's voice is said to be replicated"),
    # What the file says of itself.
    "provenance.state": _text(
        *("absent", "signed provenance (C2PA): only trusted confirms", "absent", "invalid"),
        *("untrusted", "trusted"),
        alone=None,  # that it is signed; what it says is provenance.extent
    ),
    "provenance.extent": _text(
        "Unknown", "what it says about AI", *EXTENTS, alone=("None", "Unknown")
    ),
    "provenance.aigc": _text(
        *("none", "the AIGC tag's code: 1 is, 2 may be, 3 suspected", "none", "1", "2", "3"),
        alone=("none", "3"),  # 3: a platform's detector thought so, perhaps this one
    ),
    "provenance.opt_out": _flag("the file reserves training and mining", None),
    # What the rights registry says, in this territory.
    "rights.generator_status": _text(
        *("none", "licence status of the generators named", "none", "licensed", "unlicensed"),
        *("disputed", "unknown"),
        alone=None,  # the generator may be the detector's own attribution
    ),
    "rights.agreement": _text(
        *("none", "the agreement claimed or found", "none", "in_force", "not_yet", "expired"),
        *("revoked", "disputed", "out_of_scope", "unknown"),
        alone=None,  # an agreement about a recording does not say that it is AI
    ),
    "rights.derivative": _text(
        *("not_needed", "consent of the sources of a derivative", "not_needed", "granted"),
        "missing",
        alone=None,
    ),
    "rights.voice_consent": _text(
        *("not_needed", "consent of the person whose voice it is", "not_needed", "granted"),
        *("missing", "refused"),
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
    "review.appeal_open": _flag("an appeal is being looked at", None),
    "review.interim_relief": _flag("consequences rest while the appeal is open", None),
    # The delivery and its sender.
    "delivery.distributor": _name("who delivered, as named in the upload"),
    "delivery.territories": _list("territories delivered for (Worldwide)", alone=None),
    "delivery.profile_mismatch": _flag("it claims an artist profile that is not the uploader's"),
    "uploader.fraud_score": _number(
        "the platform's own fraud score of the uploader, 0 to 1", alone=(None, 0.0, 0.5)
    ),
    "uploader.rate_24h": _number("uploads of this account in 24 hours"),
    "uploader.strikes": _number("strikes against the account", alone=(None, 0.0)),
    "audio.duration_s": _number("seconds", 180.0),
    "audio.silent_share": _number("share of silence", 0.0),
    # Known recordings that this one is, wholly or in part; test sets (golden) left out.
    **{
        f"known.{kind}": _text(
            *("none", meaning, *MATCHES), alone=("none",) if kind.second_signal else None
        )
        for kind, meaning in BANKS_SEEN
    },
    "known.class": _text("none", "the strongest of these", *MATCHES, alone=None),
    "known.bank": _name("the bank of that match"),
    "known.score": _number("share of landmarks that coincide in that match", 0.0),
    "known.share": _number("share of this track that it covers", 0.0),
    "known.speed": _number("how much faster this track is than that one: 1.04 is 4 %"),
    # How many kinds of sources independently say AI: detector, declaration, provenance,
    # registry, a person.
    "signals.independent": _number("independent sources that say AI", 0.0, alone=(0.0, 1.0)),
}
ABOUT_THE_LABEL: Final = ("label.certainty", "label.source", "review.by_person")
SAYS_AI: Final = (Extent.ALL, Extent.PARTLY)
NO_AI: Final = ("None", "Unknown")
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
