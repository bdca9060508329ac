"""Blind reviewers see no findings: on no page, list or picture, and in no number."""

import re
from dataclasses import dataclass

import pytest
import sqlalchemy

from streams.contract.records import TrackDecided
from streams.contract.records.reviews import Appellant
from streams.services import appeals, evidence_pictures, review_quality, reviews
from streams.services.accounts import users
from streams.store.account_tables import TASK_STATES as STATES
from tests.support.console import Browser, Console
from tests.support.stories import tell

REASON = "R-HUMAN-PERFORMANCE"
# Findings: outcome, probability, p-value, extent, reason codes, and whose verdict it was.
TELLS = re.compile(
    r"Identified as AI|Suspected to|>Suspected<|No trace found<"
    r"|All AI|No AI\b(?!</label)|0\.9\d\d|9\d %|0\.00\d|R-DISCLOSURE|disclosure mismatch"
    r"|suspicion rejected|kHz pulses|a human performance is audible|AI badge"
)


@dataclass
class Story:
    """A decided track with a task and an appeal."""

    decided: TrackDecided
    task: str
    appeal: str

    def pages(self) -> list[str]:
        return [
            *(f"/tasks/{self.task}", f"/tracks/{self.decided.track_id}"),
            *(f"/check/{self.decided.upload_id}", f"/appeals/{self.appeal}"),
            *(f"/evidence/{self.decided.decision_id}.{one}" for one in ("png", "svg", "json")),
        ]


LISTS = ["/queue", "/queue?show=late", "/queue?show=closed", "/tracks", "/tracks?search=T-1"]
LISTS += ["/check", "/appeals", "/queue?search=T-1&show=closed"]


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no picture: who gets one has passed the check."""
    monkeypatch.setattr(evidence_pictures, "picture", lambda *arguments: b"All AI")


@pytest.fixture
def story(console: Console) -> Story:
    decided, requested = tell(console.resources.ledger, title="A song")
    assert requested is not None
    appeal = appeals.receive(
        *(console.resources.ledger, decided.decision_id),
        appellant=Appellant(type="artist", id="artist-7"),
        grounds="not_ai",
        statement="I played it.",
        by="test",
    )
    return Story(decided, requested.task_id, appeal.appeal_id)


def findings_on(browser: Browser, path: str) -> list[str]:
    """Return the findings that a page shows."""
    answer = browser.get(path)
    assert answer.status_code in (200, 403), (path, answer.status_code)
    html = re.sub(r"<fieldset.*?</fieldset>|<dl>.*?</dl>", "", answer.text, flags=re.DOTALL)
    declared = re.sub(r'<th scope="row">Declared</th><td>No AI', "", html)
    declared = re.sub(r"<td>No AI</td>", "", declared)  # in lists: the declaration
    return TELLS.findall(declared)


def test_whoever_sees_sees_it_all(console: Console, story: Story) -> None:
    """What is looked for is really there: else the tests below prove nothing."""
    browser = console.browser("reviewer")
    for path in story.pages():
        assert findings_on(browser, path), path
    for path in ("/queue", "/tracks", "/check"):
        assert findings_on(browser, path), path


@pytest.mark.parametrize("role", ["viewer", "reviewer", "lead", "admin"])
def test_blind_mode_hides_it_on_every_page(console: Console, story: Story, role: str) -> None:
    browser = console.browser(role)
    users.set_blind(console.resources.ledger, console.user(role), True)
    for path in story.pages() + LISTS:
        assert findings_on(browser, path) == [], path
    task = browser.get(f"/tasks/{story.task}")
    assert task.status_code == 200
    assert "Blind" in task.text
    if role == "viewer":
        return
    browser.submit(f"/tasks/{story.task}/take")
    for path in story.pages() + LISTS:
        assert findings_on(browser, path) == [], path
    answer = browser.submit(f"/tasks/{story.task}/verdict", finding="None", reason=REASON)
    assert answer.status_code == 303
    assert findings_on(browser, f"/tracks/{story.decided.track_id}"), (
        "decided: it may be seen again"
    )


def second(console: Console, story: Story) -> str:
    """Let Ada decide it, and ask for a second review; return its task."""
    ada = console.browser("reviewer", "ada")
    ada.submit(f"/tasks/{story.task}/take")
    ada.submit(f"/tasks/{story.task}/verdict", finding="None", reason=REASON)
    assert review_quality.ask_twice(console.resources.ledger, console.user("lead"), 1) == 1
    question = sqlalchemy.select(STATES.c.task_id).where(STATES.c.kind == "second")
    with console.resources.ledger.reading() as connection:
        return str(connection.execute(question).scalar_one())


def test_a_second_reviewer_finds_the_first_verdict_nowhere(console: Console, story: Story) -> None:
    task = second(console, story)
    bob, lead = console.browser("reviewer", "bob"), console.browser("lead")
    pages = [f"/tasks/{task}", *story.pages(), *LISTS]
    for path in pages:  # also before it is taken
        assert findings_on(bob, path) == [], path
    assert findings_on(lead, story.pages()[1]), "who runs the measuring sees it"
    assert findings_on(console.browser("viewer"), story.pages()[1]), "support is asked why"
    assert findings_on(console.browser("reviewer", "ada"), story.pages()[0]), "her own verdict"
    assert bob.submit(f"/tasks/{task}/take").status_code == 303
    for path in pages:
        assert findings_on(bob, path) == [], path
    bob.submit(f"/tasks/{task}/put-back")
    assert lead.submit(f"/tasks/{task}/take").status_code == 303
    for path in pages:
        assert findings_on(lead, path) == [], path
    assert lead.submit(f"/tasks/{task}/verdict", finding="All", reason=REASON).status_code == 303
    assert findings_on(bob, story.pages()[1])


def test_the_same_recording_delivered_again_tells_nothing_either(
    console: Console, story: Story
) -> None:
    again, _ = tell(console.resources.ledger, "T-2", title="A song")
    other, _ = tell(console.resources.ledger, "T-3", title="Another song")
    assert again.content_sha256 == story.decided.content_sha256 != other.content_sha256
    second(console, story)
    bob = console.browser("reviewer", "bob")
    for path in ("/tracks/T-2", f"/check/{again.upload_id}"):
        assert findings_on(bob, path) == [], path
    assert findings_on(bob, "/tracks/T-3")
    assert findings_on(console.browser("viewer"), "/tracks/T-2")


def test_whoever_made_a_track_golden_is_not_asked_about_it(console: Console, story: Story) -> None:
    ledger, lead, bob = (
        console.resources.ledger,
        console.user("lead"),
        console.user("reviewer", "bob"),
    )
    review_quality.make_golden(ledger, lead, story.decided.upload_id, "None", "we recorded it")
    assert review_quality.give_golden(ledger, lead) == 1
    assert reviews.take_next(ledger, lead, "quality") is None
    assert reviews.take_next(ledger, bob, "quality") is not None


def test_who_undoes_what_measures_their_own_verdict_does_not_get_it(
    console: Console, story: Story
) -> None:
    ledger = console.resources.ledger
    lea, bob = console.browser("lead", "lea"), console.browser("reviewer", "bob")
    lea.submit(f"/tasks/{story.task}/take")
    lea.submit(f"/tasks/{story.task}/verdict", finding="None", reason=REASON)
    assert review_quality.ask_twice(ledger, console.user("lead", "another"), 1) == 1
    path = bob.submit("/queue/next").headers["location"]
    assert bob.submit(f"{path}/verdict", finding="All", reason=REASON).status_code == 303
    undo = re.search(r"/verdicts/(vrd_\w+)/undo", bob.get(path).text)
    assert undo is not None
    assert lea.submit(f"/verdicts/{undo[1]}/undo").status_code == 303
    with ledger.reading() as connection:
        now = connection.execute(
            sqlalchemy.select(STATES).where(STATES.c.task_id == path.rpartition("/")[2])
        ).first()
    assert now is not None
    assert (now.state, now.leased_by) == ("open", None)
    assert lea.submit(f"{path}/verdict", finding="None", reason=REASON).status_code == 409
