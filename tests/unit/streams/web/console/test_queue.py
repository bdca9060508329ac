"""The queue and its tasks: verdicts on the pages, and what the policy makes of them."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy

from streams.contract import topics
from streams.contract.records import (
    Declaration,
    Derivation,
    ReviewRequested,
    TrackClassified,
    VoiceClaim,
    parse,
)
from streams.contract.records.reviews import ReviewDecided
from streams.policy.decide import decide
from streams.services import review_quality, reviews
from streams.services.accounts.users import User
from streams.stages.ledger import project
from streams.store.account_tables import OUTBOX
from streams.store.database import Ledger, LedgerAway
from streams.store.tables import VERDICTS
from streams.store.track_facts import TrackFacts
from streams.web.console.story import task_story
from tests.support.console import Console
from tests.support.events import classified, message
from tests.support.stories import CLAIMS_NONE, POLICY, a_task, tell

REASON = "R-HUMAN-PERFORMANCE"


def verdicts(console: Console) -> list[ReviewDecided]:
    """Return the verdicts, oldest first."""
    question = sqlalchemy.select(VERDICTS.c.record).order_by(VERDICTS.c.decided_at)
    with console.resources.ledger.reading() as connection:
        return [parse(ReviewDecided, one.encode()) for one in connection.scalars(question)]


def decided_again(console: Console, event: TrackClassified) -> ReviewRequested | None:
    """Return the open tasks under all verdicts."""
    facts = TrackFacts(console.resources.ledger).facts(event, datetime.now(UTC), POLICY.name)
    return decide(event, POLICY, facts).requested


VOICE = {"voice": VoiceClaim(depicted="A Singer")}
COVER = {"derivation": Derivation(type="cover", source_isrcs=("GBAYE0601498",))}


@pytest.mark.parametrize(
    ("upload", "finding"),
    [
        (VOICE, "impersonation"),
        (VOICE, "not_impersonation"),
        (COVER, "licensed"),
        (COVER, "unlicensed"),
    ],
)
def test_a_task_that_waits_for_a_finding_is_answered_by_it(
    console: Console, upload: dict[str, Any], finding: str
) -> None:
    ada = console.browser("reviewer")
    decided, requested = tell(console.resources.ledger, **upload)
    assert requested is not None
    event = classified(declared=CLAIMS_NONE, track_id="T-1", **upload).model_copy(
        update={"content_sha256": decided.content_sha256}
    )
    path = f"/tasks/{requested.task_id}"
    ada.submit(f"{path}/take")
    assert f'name="finding_also" value="{finding}"' in ada.get(path).text
    fields: dict[str, Any] = {"finding": "All", "reason": REASON}
    assert ada.submit(f"{path}/verdict", **fields, finding_also=finding).status_code == 303
    (verdict,) = verdicts(console)
    assert verdict.findings == (finding,)
    again = decided_again(console, event)
    assert again is None, again.reason_codes
    assert ada.submit(f"/verdicts/{verdict.verdict_id}/undo").status_code == 303
    undone = verdicts(console)[1]
    assert (undone.undoes, undone.findings) == (verdict.verdict_id, ())
    assert decided_again(console, event) is not None


def test_findings_that_contradict_each_other_or_a_call_for_help_are_refused(
    console: Console,
) -> None:
    ada = console.browser("reviewer")
    _, requested = tell(console.resources.ledger)
    assert requested is not None
    path = f"/tasks/{requested.task_id}"
    ada.submit(f"{path}/take")
    both = ada.submit(
        f"{path}/verdict", finding="All", reason=REASON, finding_also=["fraud", "not_fraud"]
    )
    assert (both.status_code, "contradict" in both.text) == (422, True)
    help_ = ada.submit(f"{path}/verdict", finding="escalate", reason=REASON, finding_also="fraud")
    assert (help_.status_code, "The next reviewer states" in help_.text) == (422, True)
    with console.resources.ledger.reading() as connection:
        sent = sqlalchemy.select(OUTBOX.c.value).where(OUTBOX.c.topic == topics.REVIEWS_DECIDED)
        assert connection.scalars(sent).all() == []


def test_a_second_review_shows_nothing_of_what_came_of_the_first(console: Console) -> None:
    ledger, ada, bob = (
        console.resources.ledger,
        console.browser("reviewer"),
        console.browser("lead"),
    )
    decided, requested = tell(ledger)
    assert requested is not None
    path = f"/tasks/{requested.task_id}"
    ada.submit(f"{path}/take")
    assert ada.submit(f"{path}/verdict", finding="None", reason=REASON).status_code == 303
    review_quality.ask_twice(ledger, console.user("lead"), 1)
    second = bob.submit("/queue/next").headers["location"]
    later = decided.model_copy(update={"decision_id": "dec_later"})
    project(ledger, [message(topics.DECIDED, later, timestamp_ms=1_796_000_000_000)])
    story = task_story(console.resources, second.rpartition("/")[2], console.user("lead"))
    assert story is not None
    assert story.blind
    assert story.current != story.decision
    assert "A later decision" not in bob.get(second).text


def test_a_task_whose_place_was_taken_leads_to_the_one_that_took_it(console: Console) -> None:
    ledger, ada = console.resources.ledger, console.browser("reviewer")
    _, requested = tell(ledger)
    assert requested is not None
    newer = requested.model_copy(update={"task_id": "tsk_newer"})
    later = message(topics.REVIEWS_REQUESTED, newer, timestamp_ms=1_796_000_000_000)
    project(ledger, [later])
    answer = ada.get(f"/tasks/{requested.task_id}")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/tasks/tsk_newer",
    )
    assert ada.get("/tasks/tsk_newer").status_code == 200


def test_a_forgotten_page_takes_nothing_back(console: Console) -> None:
    ada, bob = console.browser("reviewer", "ada"), console.browser("reviewer", "bob")
    path = f"/tasks/{a_task(console.resources.ledger)}"
    assert ada.submit(f"{path}/renew").status_code == 409
    ada.submit(f"{path}/take")
    assert ada.submit(f"{path}/renew").status_code == 200
    ada.submit(f"{path}/put-back")
    gone = ada.submit(f"{path}/renew")
    assert (gone.status_code, "no longer hold" in gone.text) == (409, True)
    assert bob.submit(f"{path}/take").status_code == 303
    assert ada.submit(f"{path}/renew").status_code == 409


def test_a_verdict_about_duplicates_confirms_or_corrects_each_ones_own_label(
    console: Console,
) -> None:
    ledger, ada = console.resources.ledger, console.browser("reviewer")
    first = a_task(ledger, "T-1", title="One song")
    partly = Declaration(contains_ai="Partly")
    other = a_task(ledger, "T-2", title="One song", declared=partly, **VOICE)
    labels = {}
    for task_id in (first, other):
        story = task_story(console.resources, task_id, console.user("reviewer"))
        assert story is not None
        assert story.decision is not None
        labels[task_id] = story.decision.label.extent
    assert labels[first] is not labels[other]
    ada.submit(f"/tasks/{first}/take")
    fields: dict[str, Any] = {"finding": labels[first].value, "reason": REASON, "also": other}
    assert ada.submit(f"/tasks/{first}/verdict", **fields).status_code == 303
    finding = {one.task_id: one.outcome for one in verdicts(console)}
    assert finding == {first: "confirm", other: "correct"}


def test_a_form_that_comes_again_does_the_duplicates_that_were_left(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away after the verdict itself: sent again, the form does the rest."""
    ledger, ada = console.resources.ledger, console.browser("reviewer")
    first, *others = [a_task(ledger, f"T-{number}", title="One song") for number in range(3)]
    ada.submit(f"/tasks/{first}/take")
    form: dict[str, Any] = {"finding": "None", "reason": REASON, "also": others, "form_id": "f"}
    really = reviews.take

    def away(ledger: Ledger, task_id: str, user: User) -> datetime:
        if task_id == others[1]:
            raise LedgerAway("it is away")
        return really(ledger, task_id, user)

    monkeypatch.setattr(reviews, "take", away)
    assert ada.submit(f"/tasks/{first}/verdict", **form).status_code == 503
    assert [one.task_id for one in verdicts(console)] == [first, others[0]]
    monkeypatch.setattr(reviews, "take", really)
    assert ada.submit(f"/tasks/{first}/verdict", **form).status_code == 303
    assert [one.task_id for one in verdicts(console)] == [first, *others]


def test_ticked_duplicates_stay_ticked_when_a_form_comes_back(console: Console) -> None:
    ledger, ada = console.resources.ledger, console.browser("reviewer")
    first, other = (a_task(ledger, f"T-{number}", title="One song") for number in range(2))
    ada.submit(f"/tasks/{first}/take")
    back = ada.submit(f"/tasks/{first}/verdict", finding="None", also=other)
    assert (back.status_code, f'value="{other}" checked' in back.text) == (422, True)


def test_what_was_done_is_said_once_and_never_by_an_address(console: Console) -> None:
    ada, path = console.browser("reviewer"), f"/tasks/{a_task(console.resources.ledger)}"
    ada.submit(f"{path}/take")
    assert ada.submit(f"{path}/verdict", finding="None", reason=REASON).headers["location"] == path
    assert '<p class="done" role="status">Verdict saved.</p>' in ada.get(path).text
    assert "Verdict saved." not in ada.get(path).text
    assert "Call this number" not in ada.get(f"{path}?said=Call+this+number").text
