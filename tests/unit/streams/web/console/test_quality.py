"""The quality page: golden tracks and second reviews."""

import pytest

from tests.support.console import Console
from tests.support.stories import tell


def test_a_golden_track_goes_to_the_queue_once(console: Console) -> None:
    decided, _ = tell(console.resources.ledger)
    lead = console.browser("lead")
    golden = {"upload_id": decided.upload_id, "extent": "None", "why": "we recorded it"}
    made = lead.submit("/quality/golden", **golden)
    assert (made.status_code, made.headers["location"]) == (303, "/quality")
    for count in (1, 0):
        lead.submit("/quality/golden", what="give")
        assert f"{count} golden tasks are in the queue" in lead.get("/quality").text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"extent": "Some"}, "Say how much of it is AI"),
        ({"why": " "}, "Say how this is known"),
        ({"upload_id": "upl_9"}, "There is no decided upload of this id"),
    ],
)
def test_what_cannot_be_golden_is_explained_on_the_page(
    console: Console, wrong: dict[str, str], sentence: str
) -> None:
    decided, _ = tell(console.resources.ledger)
    golden = {"upload_id": decided.upload_id, "extent": "None", "why": "we recorded it"}
    answer = console.browser("lead").submit("/quality/golden", **(golden | wrong))
    assert answer.status_code == 422
    assert sentence in answer.text


@pytest.mark.parametrize("count", ["1", "0", "-1", "many", "99999", "9" * 30])
def test_any_number_of_second_reviews_may_be_asked_for(console: Console, count: str) -> None:
    lead = console.browser("lead")
    assert lead.submit("/quality/second", count=count).status_code == 303
    assert "0 second reviews are in the queue" in lead.get("/quality").text
