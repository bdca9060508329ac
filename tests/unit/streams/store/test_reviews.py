"""Rows for one review, for quality figures and for training, on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from streams.contract import topics
from streams.contract.records import Extent
from streams.services import reviews as services
from streams.services.accounts.users import User
from streams.stages.ledger import project
from streams.store import reviews
from streams.store.database import Ledger
from tests.support.events import agreement, message
from tests.support.review_helpers import form
from tests.support.stories import a_task, hear, tell

NOW = datetime(2026, 11, 27, tzinfo=UTC)
BY = {"set_by": "usr_lead", "set_at": NOW}


def judge(ledger: Ledger, user: User, track_id: str, extent: Extent = Extent.ALL) -> Any:
    task_id = a_task(ledger, track_id)
    services.take(ledger, task_id, user)
    return services.give(ledger, task_id, user, form(extent))


def test_a_verdict_is_found_by_its_id_and_its_task(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    verdict = judge(ledger, person("ada"), "T-1")
    with ledger.reading() as connection:
        assert reviews.verdict(connection, verdict.verdict_id) == verdict
        assert reviews.verdict(connection, "vrd_unknown") is None
        assert reviews.verdicts(connection, verdict.task_id) == [verdict]
        assert reviews.verdicts(connection, "tsk_unknown") == []


def test_only_a_decided_upload_becomes_golden_and_it_waits_once(ledger: Ledger) -> None:
    decided, _ = tell(ledger)
    track = {"upload_id": decided.upload_id, "extent": "None", "why": "ours"}
    with ledger.transaction() as connection:
        assert not reviews.set_golden(connection, track | {"upload_id": "upl_unknown"}, BY)
        assert reviews.set_golden(connection, track, BY)
        assert reviews.set_golden(connection, track | {"extent": "All"}, BY | {"set_by": "other"})
        (row,) = reviews.idle_golden(connection)
        assert (row.decision_id, row.set_by) == (decided.decision_id, "usr_lead")
        assert reviews.measuring_counts(connection) == (1, 0)


def test_each_verdict_is_measured_until_its_second_review(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    ada = person("ada")
    verdicts = [judge(ledger, ada, f"T-{number}") for number in range(2)]
    with ledger.reading() as connection:
        waiting = reviews.not_reviewed_twice(connection)
        first = reviews.first_verdicts(connection)
    assert {row.verdict_id for row in waiting} == {one.verdict_id for one in verdicts}
    assert {row.reviewer for row in waiting} == {ada.user_id}
    assert [(row.extent, row.model) for row in first] == [("All", "clock-1")] * 2


def test_training_gets_closed_reviews_that_were_decoded(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    ada = person("ada")
    judge(ledger, ada, "T-1")
    decided, _ = tell(ledger, "T-1")
    with ledger.reading() as connection:
        assert list(reviews.training_rows(connection)) == []
        assert reviews.fingerprint(connection, decided.upload_id) == {}
    hear(ledger, decided, "a" * 64)
    with ledger.reading() as connection:
        (row,) = reviews.training_rows(connection)
        assert reviews.fingerprint(connection, decided.upload_id)["content_sha256"] == "a" * 64
    assert row.content_sha256 == "a" * 64


def test_duplicates_are_the_open_tasks_of_the_same_content_or_release(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    ada, bob = person("ada"), person("bob")
    decided, requested = tell(ledger, "T-0", title="One song")
    assert requested is not None
    same = a_task(ledger, "T-1", title="One song")
    of_release = a_task(ledger, "T-2", identifiers={"upc": "00602557111111"})
    a_task(ledger, "T-3")
    with ledger.reading() as connection:
        upload = reviews.upload(connection, decided.upload_id)
        assert reviews.upload(connection, "upl_unknown") is None

    def duplicates(user: User, release: str | None = None) -> dict[str, bool]:
        with ledger.reading() as connection:
            rows = reviews.open_duplicates(
                *(connection, requested.task_id, decided.content_sha256, release),
                user_id=user.user_id,
                now=datetime.now(UTC),
            )
        return {row["task_id"]: row["same_content"] for row in rows}

    assert upload.release_id is None
    assert duplicates(ada) == {same: True}
    assert duplicates(ada, "00602557111111") == {same: True, of_release: False}
    services.take(ledger, same, bob)
    assert duplicates(ada) == {}
    assert duplicates(bob) == {same: True}


def test_a_cancelled_task_leads_to_the_one_that_took_its_place(ledger: Ledger) -> None:
    _, requested = tell(ledger)
    assert requested is not None
    assert reviews.successor(ledger, requested.task_id) is None
    newer = requested.model_copy(update={"task_id": "tsk_newer", "decision_id": "dec_newer"})
    later = message(topics.REVIEWS_REQUESTED, newer, timestamp_ms=1_795_001_000_000)
    project(ledger, [later])
    assert reviews.successor(ledger, requested.task_id) == "tsk_newer"
    assert reviews.successor(ledger, "tsk_newer") is None


def test_a_distributor_has_the_outcomes_of_its_latest_uploads(ledger: Ledger) -> None:
    for number in range(3):
        tell(ledger, f"T-{number}", distributor="Label A")
    tell(ledger, "T-9", distributor="Label B")
    with ledger.reading() as connection:
        assert reviews.outcomes_of_distributor(connection, "Label A") == {"identified": 3}
        assert reviews.outcomes_of_distributor(connection, "Label C") == {}
        assert reviews.outcomes_of_distributor(connection, None) == {}


def test_another_upload_of_a_content_is_never_the_same_upload(ledger: Ledger) -> None:
    decided, _ = tell(ledger, "T-1", title="One song")
    contents = [decided.content_sha256, "0" * 64]

    def others(upload_id: str) -> dict[str, str]:
        with ledger.reading() as connection:
            return reviews.uploads_by_content(connection, contents, except_upload=upload_id)

    assert others(decided.upload_id) == {}
    assert others("upl_other") == {decided.content_sha256: decided.upload_id}


def test_of_an_entry_the_newest_version_is_shown(ledger: Ledger) -> None:
    versions = [agreement(), agreement(2, permission="revoked")]
    project(ledger, [message(topics.RIGHTS_CHANGED, one) for one in reversed(versions)])
    with ledger.reading() as connection:
        assert reviews.rights_entries(connection, ["AGR-1"], []) == [versions[1]]
        assert reviews.rights_entries(connection, [], ["nobody"]) == []
