"""Appeals: steps, reviewers, windows, on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from streams.contract import topics
from streams.contract.records import Extent
from streams.contract.records.reviews import AppealChanged, AppealOutcome
from streams.services import appeals, reviews
from streams.services.accounts.users import User
from streams.services.appeals import BadAppeal, Step
from streams.store import appeals as appeal_store
from streams.store.database import Ledger
from streams.store.track_facts import TrackFacts
from tests.support.review_helpers import appealed, form, outbox
from tests.support.stories import tell


def test_an_appeal_goes_its_way_and_never_past_the_first_reviewer(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    decided, requested = tell(ledger)
    assert requested is not None
    first, lead = person("first", "lead"), person("lea", "lead")
    reviews.take(ledger, requested.task_id, first)
    reviews.give(ledger, requested.task_id, first, form(Extent.ALL))
    appeal = appealed(ledger, decided.decision_id)
    assert appeal.window_ends_at - appeal.received_at < timedelta(days=184)
    with pytest.raises(BadAppeal, match="another person must decide"):
        appeals.advance(ledger, appeal.appeal_id, 0, Step("admissible"), first)
    with pytest.raises(BadAppeal, match="no way"):
        appeals.advance(
            ledger, appeal.appeal_id, 0, Step("overturned", AppealOutcome(reasons="x")), lead
        )
    for sequence, step in enumerate(
        (
            *(Step("admissible"), Step("admissible", interim_relief=True), Step("in_review")),
            Step("overturned", AppealOutcome(extent=Extent.NONE, reasons="The stems show it.")),
        )
    ):
        appeal = appeals.advance(ledger, appeal.appeal_id, sequence, step, lead)
    assert (appeal.state, appeal.assigned_to, appeal.interim_relief) == (
        *("overturned", lead.user_id, False),
    )
    with pytest.raises(BadAppeal, match="another person has changed"):
        appeals.advance(ledger, appeal.appeal_id, 2, Step("withdrawn"), lead)
    events = outbox(ledger, topics.APPEALS_CHANGED)
    assert [AppealChanged.model_validate_json(one).sequence for one in events] == [0, 1, 2, 3, 4]
    with ledger.reading() as connection:
        assert [one.state for one in appeal_store.history(connection, appeal.appeal_id)] == [
            *("received", "admissible", "admissible", "in_review", "overturned"),
        ]
    assert appeal_store.listed(ledger, pending=True, limit=9).rows == []
    assert appeal_store.listed(ledger, pending=False, limit=9).rows == [appeal]


@pytest.mark.parametrize("track_id", ["T-1", "T-2"])
def test_a_first_reviewer_decides_no_appeal_about_the_same_content_delivered_again(
    ledger: Ledger, person: Callable[..., User], track_id: str
) -> None:
    _, requested = tell(ledger, title="One song")
    assert requested is not None
    first = person("first", "lead")
    reviews.take(ledger, requested.task_id, first)
    reviews.give(ledger, requested.task_id, first, form(Extent.ALL))
    again, _ = tell(ledger, track_id, title="One song", uri="file:///audio/two.wav")
    appeal = appealed(ledger, again.decision_id)
    assert appeal.upload_id != requested.upload_id
    with pytest.raises(BadAppeal, match="another person must decide"):
        appeals.advance(ledger, appeal.appeal_id, 0, Step("admissible"), first)
    other = person("lea", "lead")
    assert appeals.advance(ledger, appeal.appeal_id, 0, Step("admissible"), other).sequence == 1


def test_after_six_months_no_appeal_is_taken(ledger: Ledger) -> None:
    decided, _ = tell(ledger, at_ms=1_700_000_000_000)
    with pytest.raises(BadAppeal, match="were possible until"):
        appealed(ledger, decided.decision_id)


def test_of_two_steps_at_once_one_counts(ledger: Ledger, person: Callable[..., User]) -> None:
    decided, _ = tell(ledger)
    appeal = appealed(ledger, decided.decision_id)
    leads = [person(f"l{number}", "lead") for number in range(4)]
    errors: list[str] = []

    def go(lead: User) -> bool:
        try:
            appeals.advance(ledger, appeal.appeal_id, 0, Step("admissible"), lead)
        except BadAppeal as error:
            errors.append(error.reason)
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(go, leads)) == 1
    assert set(errors) == {"changed_meanwhile"}


def test_of_appeals_that_wait_one_is_read_for_a_decision(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    """Anybody may send them, and each holds up to 64 KB; one has the effect of all."""
    decided, _ = tell(ledger)
    sent = [appealed(ledger, decided.decision_id, f"artist-{number}") for number in range(3)]

    def read() -> list[tuple[str, int]]:
        (people,) = TrackFacts(ledger).rulings([decided.track_id]).values()
        return sorted((one.state, one.sequence) for one in people.appeals)

    assert read() == [("received", 0)]
    lead = person("lea", "lead")
    appeals.advance(ledger, sent[0].appeal_id, 0, Step("admissible"), lead)
    assert read() == [("admissible", 1), ("received", 0)]
    for appeal in sent[1:]:
        appeals.advance(ledger, appeal.appeal_id, 0, Step("withdrawn"), lead)
    assert read() == [("admissible", 1), ("withdrawn", 1), ("withdrawn", 1)]
