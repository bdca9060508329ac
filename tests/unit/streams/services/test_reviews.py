"""Tasks, leases, verdicts, undo, appeals and quality, on both databases."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy

from streams.contract import topics
from streams.contract.records import Extent
from streams.contract.records.reviews import ReviewDecided
from streams.services import review_quality, reviews
from streams.services.accounts.users import User
from streams.services.reviews import BadVerdict, NotYours
from streams.stages.ledger import project
from streams.store import audit
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import Ledger
from tests.support.events import message
from tests.support.review_helpers import form, outbox
from tests.support.reviewed import state
from tests.support.stories import a_task


def test_of_two_reviewers_one_gets_the_task(ledger: Ledger, person: Callable[..., User]) -> None:
    task_id = a_task(ledger)
    people = [person(f"r{number}") for number in range(6)]
    errors: list[str] = []

    def take(user: User) -> bool:
        try:
            reviews.take(ledger, task_id, user)
        except NotYours as error:
            errors.append(error.detail)
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(take, people)) == 1
    assert set(errors) == {"another reviewer is working on it"}


def test_next_gives_everybody_another_task_the_most_urgent_first(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    for number in range(4):
        a_task(ledger, f"T-{number}", uploaded_at=datetime(2026, 11, 20 - number, tzinfo=UTC))
    people = [person(f"r{number}") for number in range(5)]
    with ThreadPoolExecutor(5) as pool:
        taken = list(pool.map(lambda one: reviews.take_next(ledger, one), people))
    task_ids = [one for one in taken if one]
    assert len(task_ids) == len(set(task_ids)) == 4
    oldest = person("late")
    reviews.put_back(
        ledger, task_ids[0], next(p for p, t in zip(people, taken, strict=True) if t == task_ids[0])
    )
    assert reviews.take_next(ledger, oldest) == task_ids[0]


def test_a_lease_ends_and_then_somebody_else_may(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    task_id, ada, bob = a_task(ledger), person("ada"), person("bob")
    reviews.take(ledger, task_id, ada)
    with ledger.transaction() as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(sqlalchemy.update(STATES).values(leased_until=past))
    reviews.take(ledger, task_id, bob)
    with pytest.raises(NotYours, match="another reviewer"):
        reviews.give(ledger, task_id, ada, form())
    assert reviews.give(ledger, task_id, bob, form()).reviewer.id == bob.user_id


def test_a_verdict_closes_its_task_and_goes_out_once(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    task_id, ada = a_task(ledger), person("ada")
    reviews.take(ledger, task_id, ada)
    verdict = reviews.give(ledger, task_id, ada, form(training_use_allowed=True))
    assert reviews.give(ledger, task_id, ada, form()) == verdict  # the form came twice
    assert state(ledger, task_id).state == "closed"
    (value,) = outbox(ledger, topics.REVIEWS_DECIDED)
    event = ReviewDecided.model_validate_json(value)
    assert event == verdict
    assert (event.outcome, event.extent, event.content_sha256 is not None) == (
        *("reject_flag", Extent.NONE, True),
    )
    project(ledger, [message(topics.REVIEWS_DECIDED, event)])  # it comes back on its topic
    assert state(ledger, task_id).verdict_id == verdict.verdict_id
    assert audit.verify(ledger).fault is None
    with pytest.raises(NotYours, match="decided"):
        reviews.give(ledger, task_id, ada, form(form_id="another"))


def test_many_sendings_at_once_make_one_verdict(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    task_id, ada = a_task(ledger), person("ada")
    reviews.take(ledger, task_id, ada)
    with ThreadPoolExecutor(6) as pool:
        verdict = list(pool.map(lambda _: reviews.give(ledger, task_id, ada, form()), range(6)))
    assert len({one.verdict_id for one in verdict}) == 1
    assert len(outbox(ledger, topics.REVIEWS_DECIDED)) == 1


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"reason_codes": ()}, "at least one reason"),
        ({"reason_codes": ("R-INVENTED",)}, "no reason"),
        ({"reason_codes": ("R-OTHER",)}, "needs a note"),
        ({"outcome": "confirm", "extent": None}, "how much"),
        ({"outcome": "escalate", "extent": Extent.ALL}, "no extent"),
    ],
)
def test_a_verdict_without_its_reasons_is_refused(
    ledger: Ledger, person: Callable[..., User], wrong: dict[str, Any], sentence: str
) -> None:
    task_id, ada = a_task(ledger), person("ada")
    reviews.take(ledger, task_id, ada)
    with pytest.raises(BadVerdict, match=sentence):
        reviews.give(ledger, task_id, ada, form(**wrong))
    assert outbox(ledger, topics.REVIEWS_DECIDED) == []


def test_undo_is_an_event_and_opens_the_task_again(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    task_id, ada, bob, lead = a_task(ledger), person("ada"), person("bob"), person("lea", "lead")
    reviews.take(ledger, task_id, ada)
    verdict = reviews.give(ledger, task_id, ada, form())
    with pytest.raises(NotYours, match="another reviewer"):
        reviews.undo(ledger, verdict.verdict_id, bob)
    assert reviews.undo(ledger, verdict.verdict_id, ada) == task_id
    now = state(ledger, task_id)
    assert (now.state, now.leased_by, now.verdict_id) == ("open", ada.user_id, None)
    undone = ReviewDecided.model_validate_json(outbox(ledger, topics.REVIEWS_DECIDED)[1])
    assert (undone.undoes, undone.extent) == (verdict.verdict_id, None)
    with pytest.raises(NotYours, match="no longer stands"):
        reviews.undo(ledger, verdict.verdict_id, ada)
    again = reviews.give(ledger, task_id, ada, form(Extent.ALL, form_id="second"))
    assert reviews.undo(ledger, again.verdict_id, lead) == task_id


def test_escalation_goes_to_somebody_else(ledger: Ledger, person: Callable[..., User]) -> None:
    task_id, ada, bob = a_task(ledger), person("ada"), person("bob")
    reviews.take(ledger, task_id, ada)
    reviews.give(ledger, task_id, ada, form(None, outcome="escalate"))
    now = state(ledger, task_id)
    assert (now.state, now.priority, now.leased_by) == ("open", 100, None)
    with pytest.raises(NotYours, match="your own"):
        reviews.take(ledger, task_id, ada)
    reviews.take(ledger, task_id, bob)


def test_whoever_is_measured_never_takes_the_second_review_even_after_a_call_for_help(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    task_id, ada, bob, lead = a_task(ledger), person("ada"), person("bob"), person("lea", "lead")
    reviews.take(ledger, task_id, ada)
    reviews.give(ledger, task_id, ada, form(Extent.ALL))
    assert review_quality.ask_twice(ledger, lead, 1) == 1
    second = reviews.take_next(ledger, bob)
    assert second is not None
    reviews.give(ledger, second, bob, form(None, outcome="escalate"))
    for item in (ada, bob):
        with pytest.raises(NotYours, match="your own"):
            reviews.take(ledger, second, item)
    assert reviews.take_next(ledger, ada) is None
    assert reviews.take_next(ledger, lead) == second
