"""What reviewers and appeals cannot say, and their ids."""

from typing import Any

import pytest

from streams.contract.records import Extent
from streams.contract.records.reviews import AppealOutcome
from tests.support.events import appeal, verdict

UPHELD = AppealOutcome(reasons="The stems hold only one bounced track.")


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: verdict(reason_codes=()), "reason_codes"),
        (lambda: verdict(extent=None), "needs an extent"),
        (lambda: verdict(outcome="escalate"), "states no extent"),
        (lambda: verdict(verdict_id="vrd_0", undoes="vrd_0"), "cannot undo itself"),
        (lambda: appeal(state="overturned"), "needs outcome"),
        (lambda: appeal(state="in_review", outcome=UPHELD), "has no outcome"),
        (lambda: appeal(state="overturned", outcome=UPHELD), "needs an extent or findings"),
    ],
)
def test_what_people_cannot_say(made: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        made()


def test_ids_of_verdicts_and_appeals_are_deterministic() -> None:
    assert verdict().verdict_id == verdict(extent=Extent.ALL).verdict_id
    assert appeal(sequence=1).change_id != appeal().change_id
    assert appeal(sequence=1).appeal_id == appeal().appeal_id
