"""What a key reads of a decision: a key that is bound to distributors nothing about others.

A match names the track, the content and the bank of another holder: a piece of a recording would
be enough to ask for it. Features and internal reasons show where thresholds are.
"""

from collections.abc import Mapping
from typing import Any, Final

from streams.contract.records import Label, TrackDecided
from streams.contract.vocabulary import LabelSource
from streams.services.accounts.keys import Key

WITHHELD: Final = "withheld"
OF_OTHERS: Final[Mapping[str, Any]] = {  # fields of a match
    **{"item_id": WITHHELD, "bank": WITHHELD, "sentence": "It contains a known recording."},
    **dict.fromkeys(("content_sha256", "offset_s", "known_start_s", "licence")),
}
INTERNAL: Final[Mapping[str, Any]] = {"reasons_internal": (), "features": {}}  # of a decision


def decision_of(key: Key, decided: TrackDecided) -> TrackDecided:
    """Return a decision as a key may read it."""
    if not key.distributors:
        return decided
    matches = tuple(one.model_copy(update=OF_OTHERS) for one in decided.matches)
    return decided.model_copy(
        update={**INTERNAL, "matches": matches, "label": label_of(key, decided.label)}
    )


def label_of(key: Key, label: Label) -> Label:
    """Return a label as a key may read it: an entry of a registry or a bank is of others."""
    if not key.distributors or label.source is not LabelSource.REGISTRY:
        return label
    return label.model_copy(update={"origin": None})
