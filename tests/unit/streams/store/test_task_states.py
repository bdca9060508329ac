"""States of review tasks, whatever the order of the topics, on both databases."""

from collections.abc import Callable

import pytest
import sqlalchemy

from streams.contract import topics
from streams.contract.records.reviews import ReviewDecided
from streams.services import reviews
from streams.services.accounts.users import User
from streams.services.reviews import NotYours
from streams.stages.ledger import project
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import Ledger
from streams.store.tables import VERDICTS
from tests.support.events import message
from tests.support.review_helpers import form, outbox
from tests.support.reviewed import state
from tests.support.stories import a_task, tell


def test_states_follow_in_whatever_order_the_topics_come(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    task_id, ada = a_task(ledger), person("ada")
    reviews.take(ledger, task_id, ada)
    reviews.give(ledger, task_id, ada, form())
    first = ReviewDecided.model_validate_json(outbox(ledger, topics.REVIEWS_DECIDED)[0])
    reviews.undo(ledger, first.verdict_id, ada)
    undone = ReviewDecided.model_validate_json(outbox(ledger, topics.REVIEWS_DECIDED)[1])
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.delete(VERDICTS))
        connection.execute(sqlalchemy.delete(STATES))
    for item in (undone, first):
        project(ledger, [message(topics.REVIEWS_DECIDED, item)])
    a_task(ledger)
    assert state(ledger, task_id).state == "open"


def test_a_later_decision_takes_the_place_of_a_task(ledger: Ledger) -> None:
    old = a_task(ledger)
    _, requested = tell(ledger, at_ms=1_795_000_900_000)
    assert requested is not None
    newer = requested.model_copy(update={"task_id": "tsk_newer", "decision_id": "dec_newer"})
    newer_message = message(topics.REVIEWS_REQUESTED, newer, timestamp_ms=1_795_001_000_000)
    project(ledger, [newer_message])
    assert (state(ledger, old).state, state(ledger, "tsk_newer").state) == ("cancelled", "open")


def test_who_holds_a_task_holds_the_one_that_takes_its_place(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    _, requested = tell(ledger)
    assert requested is not None
    ada, bob = person("ada"), person("bob")
    reviews.take(ledger, requested.task_id, ada)
    verdict = reviews.give(ledger, requested.task_id, ada, form())
    reviews.undo(ledger, verdict.verdict_id, ada)
    newer = requested.model_copy(update={"task_id": "tsk_newer", "decision_id": "dec_newer"})
    later = message(topics.REVIEWS_REQUESTED, newer, timestamp_ms=1_795_001_000_000)
    project(ledger, [later, later])
    old, now = state(ledger, requested.task_id), state(ledger, "tsk_newer")
    assert (old.state, old.leased_by) == ("cancelled", None)
    assert (now.state, now.leased_by) == ("open", ada.user_id)
    with pytest.raises(NotYours, match="another reviewer"):
        reviews.take(ledger, "tsk_newer", bob)
    assert reviews.give(ledger, "tsk_newer", ada, form(form_id="two")).outcome == "reject_flag"
