"""Known recordings as features for rules.

These are pure functions over the matches of an event; golden banks count for nothing here.
"""

import hashlib
from typing import Final

import orjson

from detector.matching.classes import MatchClass
from streams.contract.records import Match, TrackClassified
from streams.contract.vocabulary import BANKS_SEEN
from streams.policy.schema import Value

WHOLLY_COVERED: Final = frozenset(one.value for one in MatchClass if one.covers_all)


def known(event: TrackClassified) -> dict[str, Value]:
    """Return the features of the group ``known``; matches come with the strongest first."""
    banks = dict(BANKS_SEEN)
    matches = [one for one in event.matches if one.bank_kind in banks]
    strongest = {one.bank_kind: one.match_class for one in reversed(matches)}
    first = matches[0] if matches else None
    return {
        **{f"known.{kind}": strongest.get(kind, "none") for kind in banks},
        "known.class": first.match_class if first else "none",
        "known.bank": first.bank if first else None,
        "known.score": first.score if first else 0.0,
        "known.share": covered(event, first) if first else 0.0,
        "known.speed": first.speed_ratio if first else None,
    }


def covered(event: TrackClassified, match: Match) -> float:
    """Return the share of this track that a match covers, 0 to 1."""
    if match.match_class in WHOLLY_COVERED:
        return 1.0
    return round(min(1.0, (match.overlap_s or 0.0) / max(event.audio.duration_s, 1e-9)), 4)


def matches_digest(event: TrackClassified) -> str | None:
    """Return what the matches hash to, None without any: other matches, another decision."""
    if not event.matches:
        return None
    content = [
        (one.match_class, one.bank, one.bank_kind, one.item_id, one.generator, one.licence)
        for one in event.matches
    ]
    return hashlib.sha256(orjson.dumps(content)).hexdigest()
