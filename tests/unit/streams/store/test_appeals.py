"""Current appeals, their history and earlier reviewers, on both databases."""

from datetime import timedelta

from streams.contract import topics
from streams.contract.records import TrackDecided
from streams.contract.records.reviews import AppealChanged
from streams.stages.ledger import project
from streams.store import appeals
from streams.store.database import Ledger
from tests.support.events import CONTENT, DECIDED_AT, appeal, message, verdict
from tests.support.stories import tell

HOUR = timedelta(hours=1)


def change(number: int, sequence: int = 0, state: str = "received") -> AppealChanged:
    at = DECIDED_AT + number * HOUR
    ids = {"appeal_id": f"apl_{number}", "change_id": f"apc_{number}_{sequence}"}
    times = {"received_at": at, "changed_at": at + sequence * 10 * HOUR}
    return appeal(**ids, sequence=sequence, state=state, **times)


def store(ledger: Ledger, *changes: AppealChanged) -> None:
    project(ledger, [message(topics.APPEALS_CHANGED, one) for one in changes])


def test_the_latest_change_is_the_appeal_whatever_came_first(ledger: Ledger) -> None:
    received, admitted = change(1), change(1, 1, "admissible")
    store(ledger, admitted, received, change(2))
    with ledger.reading() as connection:
        assert appeals.current(connection, appeal_id="apl_1") == [admitted]
        assert appeals.current(connection, track_id="T-1") == [admitted, change(2)]
        assert appeals.current(connection, decision_id="dec_unknown") == []
        assert appeals.history(connection, "apl_1") == [received, admitted]
        assert appeals.history(connection, "apl_9") == []


def test_open_appeals_are_listed_oldest_first_and_ended_ones_latest_first(ledger: Ledger) -> None:
    ended = [change(number, 1, "withdrawn") for number in (3, 4)]
    store(ledger, change(2), change(1), change(3), change(4), *ended)
    seen, cursor = [], None
    while True:
        page = appeals.listed(ledger, pending=True, limit=1, cursor=cursor)
        seen += page.rows
        if page.next is None:
            break
        cursor = page.next
    assert seen == [change(1), change(2)]
    assert list(appeals.listed(ledger, pending=False, limit=9).rows) == ended[::-1]


def test_a_reviewer_of_the_same_content_in_another_delivery_is_an_earlier_one(
    ledger: Ledger,
) -> None:
    def judged(track_id: str, reviewer: str) -> TrackDecided:
        decided, _ = tell(ledger, track_id, title="One song")
        ruling = verdict(
            verdict_id=f"vrd_{track_id}",
            track_id=track_id,
            decision_id=decided.decision_id,
            reviewer={"id": reviewer, "role": "reviewer"},
        )
        project(ledger, [message(topics.REVIEWS_DECIDED, ruling)])
        return decided

    decided = judged("T-1", "ada")
    judged("T-2", "bob")
    with ledger.reading() as connection:
        by_track = appeals.reviewers(connection, "T-1", None)
        by_content = appeals.reviewers(connection, "T-1", decided.content_sha256)
        elsewhere = appeals.reviewers(connection, "T-3", CONTENT)
    assert (by_track, by_content, elsewhere) == (
        frozenset({"ada"}),
        frozenset({"ada", "bob"}),
        frozenset(),
    )
