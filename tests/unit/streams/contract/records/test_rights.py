"""What a registry cannot say, and the ids of its entries."""

from datetime import date
from typing import Any

import pytest

from streams.contract.records.rights import RightsChanged
from tests.support.events import UPLOADED_AT, agreement

RIGHTS: dict[str, Any] = {
    "entry_id": "rgt_1",
    "version": 1,
    "changed_by": "x",
    "changed_at": UPLOADED_AT,
}


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: agreement(valid_until=date(2025, 1, 1)), "swap the days"),
        (lambda: agreement(subject={}), "names nothing"),
        (lambda: RightsChanged(**RIGHTS, entry=None), "either entry or generator"),
    ],
)
def test_what_a_registry_cannot_say(made: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        made()


def test_ids_of_entries_are_deterministic() -> None:
    assert agreement(2).entry_id == agreement(1, permission="revoked").entry_id
    assert agreement().key == agreement().entry_id
