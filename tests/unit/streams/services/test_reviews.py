"""Tasks, leases, verdicts, undo, appeals and quality, on both databases."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from streams.contract import topics
from streams.contract.records import Declaration, Extent, Outcome
from streams.contract.records.reviews import AppealChanged, AppealOutcome, Appellant, ReviewDecided
from streams.policy.bundle import load
from streams.runtime.settings import Settings
from streams.services import appeals, review_quality, reviews
from streams.services.accounts.users import User
from streams.services.appeals import BadAppeal, Step
from streams.services.reviews import BadVerdict, Form, NotYours
from streams.stages.ledger import project
from streams.store import appeals as appeal_store
from streams.store import audit
from streams.store.account_tables import OUTBOX
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import Ledger
from streams.store.tables import VERDICTS
from tests.support.accounts import create_user
from tests.support.events import message
from tests.support.stories import a_task, tell

WHY = ("R-HUMAN-PERFORMANCE",)


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    opened = Ledger.open(url)
    yield opened
    opened.close()


@pytest.fixture
def person(ledger: Ledger) -> Callable[..., User]:
    def make(name: str, role: str = "reviewer") -> User:
        return create_user(ledger, name, role)

    return make


def form(extent: Extent | None = Extent.NONE, **more: Any) -> Form:
    outcome = "reject_flag" if extent is Extent.NONE else "confirm"
    return Form(
        **{"form_id": "f", "outcome": outcome, "reason_codes": WHY, "extent": extent} | more
    )


def state(ledger: Ledger, task_id: str) -> Any:
    with ledger.reading() as connection:
        return connection.execute(
            sqlalchemy.select(STATES).where(STATES.c.task_id == task_id)
        ).one()


def outbox(ledger: Ledger, topic: str) -> list[bytes]:
    question = sqlalchemy.select(OUTBOX.c.value).where(OUTBOX.c.topic == topic)
    with ledger.reading() as connection:
        return [bytes(one) for one in connection.scalars(question.order_by(OUTBOX.c.sequence))]


# --- leases --------------------------------------------------------------------------------


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


# --- verdicts ------------------------------------------------------------------------------


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


# --- appeals -------------------------------------------------------------------------------


def appealed(ledger: Ledger, decision_id: str) -> AppealChanged:
    return appeals.receive(
        ledger,
        decision_id,
        appellant=Appellant(type="artist", id="artist-7"),
        grounds="not_ai",
        statement="I played it.",
        by="key_1",
    )


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
        appeals.go_on(ledger, appeal.appeal_id, 0, Step("admissible"), first)
    with pytest.raises(BadAppeal, match="no way"):
        appeals.go_on(
            ledger, appeal.appeal_id, 0, Step("overturned", AppealOutcome(reasons="x")), lead
        )
    for sequence, step in enumerate(
        (
            *(Step("admissible"), Step("admissible", interim_relief=True), Step("in_review")),
            Step("overturned", AppealOutcome(extent=Extent.NONE, reasons="The stems show it.")),
        )
    ):
        appeal = appeals.go_on(ledger, appeal.appeal_id, sequence, step, lead)
    assert (appeal.state, appeal.assigned_to, appeal.interim_relief) == (
        *("overturned", lead.user_id, False),
    )
    with pytest.raises(BadAppeal, match="another person has changed"):
        appeals.go_on(ledger, appeal.appeal_id, 2, Step("withdrawn"), lead)
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
        appeals.go_on(ledger, appeal.appeal_id, 0, Step("admissible"), first)
    other = person("lea", "lead")
    assert appeals.go_on(ledger, appeal.appeal_id, 0, Step("admissible"), other).sequence == 1


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
            appeals.go_on(ledger, appeal.appeal_id, 0, Step("admissible"), lead)
        except BadAppeal as error:
            errors.append(error.reason)
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(go, leads)) == 1
    assert set(errors) == {"changed_meanwhile"}


# --- quality -------------------------------------------------------------------------------


def test_wilson_and_kappa() -> None:
    assert review_quality.wilson(0, 0) == (0.0, 1.0)
    low, high = review_quality.wilson(90, 100)
    assert (round(low, 3), round(high, 3)) == (0.826, 0.945)
    assert review_quality.kappa([]) is None
    assert review_quality.kappa([("All", "All")] * 5) is None
    pairs = [("All", "All")] * 20 + [("None", "None")] * 15 + [("All", "None")] * 5
    pairs += [("None", "All")] * 10  # the textbook's 2 x 2 table
    assert review_quality.kappa(pairs) == pytest.approx(0.4)


def test_second_reviews_and_golden_tracks_measure_and_label_nothing(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    ada, bob, lead = person("ada"), person("bob"), person("lea", "lead")
    for number, extent in enumerate((Extent.ALL, Extent.NONE, Extent.ALL)):
        task_id = a_task(ledger, f"T-{number}", distributor="Label A")
        reviews.take(ledger, task_id, ada)
        reviews.give(ledger, task_id, ada, form(extent))
    assert review_quality.ask_twice(ledger, lead, 10) == 3
    assert review_quality.ask_twice(ledger, lead, 10) == 0  # each once
    assert reviews.take_next(ledger, ada) is None  # they are her own
    for _ in range(3):
        second_id = reviews.take_next(ledger, bob)
        assert second_id is not None
        verdict = reviews.give(ledger, second_id, bob, form(Extent.ALL))
        assert verdict.second_review_of is not None
    golden, _ = tell(ledger, "T-gold", Outcome.HUMAN_LIKELY, declared=Declaration())
    review_quality.make_golden(ledger, lead, golden.upload_id, "None", "we recorded it")
    assert review_quality.give_golden(ledger, lead) == 1
    assert review_quality.give_golden(ledger, lead) == 0
    golden_id = reviews.take_next(ledger, bob)
    assert golden_id is not None
    verdict = reviews.give(ledger, golden_id, bob, form(Extent.ALL))
    assert verdict.second_review_of is not None
    figures = review_quality.figures(ledger)
    assert (figures.pairs, figures.agreement.good, figures.verdicts) == (3, 2, 3)
    assert [(item.name, item.good, item.count) for item in figures.golden] == [("bob", 0, 1)]
    assert [(item.good, item.count) for item in figures.precision] == [(2, 3)]
    # Ada: All, None, All; Bob: All thrice. Both agree twice, as often as chance would have it.
    assert figures.kappa == pytest.approx(0.0)
    for per, name in (("deliverer", "Label A"), ("model", "clock-1")):
        (item,) = figures.overturned[per]
        assert (item.name, item.good, item.count) == (name, 1, 3)
    rules = {item.name: (item.good, item.count) for item in figures.overturned["rule"]}
    assert rules["disclosure-mismatch"] == (1, 3)
    assert figures.appealed == {"rule": [], "model": [], "deliverer": []}


def test_a_sample_of_what_is_decided_automatically_tells_of_all_of_it(
    ledger: Ledger, person: Callable[..., User], tmp_path: Path
) -> None:
    """A rule's ``sample_to_review`` asks a person about a share of what it decided by itself."""
    text, _, _ = Path(Settings().policy).read_text().partition("\ntests:\n")
    place = "  - id: suspected-all\n"
    assert place in text
    sampled = text.replace(place, f"{place}    sample_to_review: 1\n")
    (tmp_path / "policy.yaml").write_text(sampled)
    policy, ada = load(tmp_path / "policy.yaml"), person("ada")
    for number, extent in enumerate((Extent.ALL, Extent.ALL, Extent.NONE)):
        decided, requested = tell(
            ledger, f"T-{number}", declared=Declaration(), policy=policy, title=f"Song {number}"
        )
        assert decided.automation == "fully", "it does not wait for the person"
        assert requested is not None
        assert requested.queue == "sample"
        reviews.take(ledger, requested.task_id, ada)
        reviews.give(ledger, requested.task_id, ada, form(extent))
    (share,) = review_quality.figures(ledger).precision
    assert (share.name, share.good, share.count) == ("sample", 2, 3)
    assert share.interval == review_quality.wilson(2, 3)


def test_appeals_are_counted_per_rule_model_and_deliverer(
    ledger: Ledger, person: Callable[..., User]
) -> None:
    lead = person("lea", "lead")
    for number, state_ in enumerate(("overturned", "upheld", "upheld")):
        decided, _ = tell(ledger, f"T-{number}", distributor=f"Label {number % 2}")
        appeal = appealed(ledger, decided.decision_id)
        outcome = AppealOutcome(extent=Extent.NONE if not number else None, reasons="So it is.")
        steps = (Step("admissible"), Step("in_review"), Step(state_, outcome))  # type: ignore[arg-type] # a state
        for step in steps:
            appeal = appeals.go_on(ledger, appeal.appeal_id, appeal.sequence, step, lead)
    waiting, _ = tell(ledger, "T-9", distributor="Label 1")
    appealed(ledger, waiting.decision_id)
    result = review_quality.figures(ledger)
    assert (result.appeals.good, result.appeals.count) == (1, 3)

    def shares(per: str) -> dict[str, tuple[int, int]]:
        return {one.name: (one.good, one.count) for one in result.appealed[per]}

    assert shares("deliverer") == {"Label 0": (1, 2), "Label 1": (0, 1)}
    assert shares("model") == {"clock-1": (1, 3)}
    assert shares("rule")["disclosure-mismatch"] == (1, 3)
