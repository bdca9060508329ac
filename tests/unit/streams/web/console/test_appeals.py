"""Appeals on the console's pages: what was decided stays decided, whatever follows."""

from datetime import timedelta

import pytest

from streams.contract import topics
from streams.contract.records import Extent
from streams.contract.records.reviews import AppealChanged, AppealOutcome, Appellant
from streams.policy.decide import decide
from streams.services import appeals, review_quality
from streams.services.appeals import BadAppeal, Step
from streams.stages.ledger import project
from streams.store.reopening import current_decisions
from tests.support.console import Console
from tests.support.events import message
from tests.support.stories import POLICY, tell


def test_an_appeal_is_taken_as_long_as_the_statement_promises(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = console.resources.ledger
    decided, _ = tell(ledger)
    monkeypatch.setattr(appeals, "WINDOW", timedelta(0))

    def object_to_it() -> AppealChanged:
        return appeals.receive(
            ledger,
            decided.decision_id,
            appellant=Appellant(type="artist", id="artist-7"),
            grounds="not_ai",
            statement="I sang it.",
            by="key_1",
        )

    with pytest.raises(BadAppeal, match="appeals were possible until"):
        object_to_it()
    # As ``tell`` decided it; the statement is missing.
    event = current_decisions(ledger, ["T-1"])["T-1"].event
    statement = decide(event, POLICY).statement
    assert statement is not None
    assert statement.statement_id == decided.statement_id
    project(ledger, [message(topics.STATEMENTS_WRITTEN, statement, 9)])
    assert object_to_it().window_ends_at == statement.redress.deadline


def test_an_outside_body_takes_back_nothing_that_was_won(console: Console) -> None:
    ledger, lead = console.resources.ledger, console.user("lead")
    decided, _ = tell(ledger)
    appeal = appeals.receive(
        ledger,
        decided.decision_id,
        appellant=Appellant(type="artist", id="artist-7"),
        grounds="partly_ai",
        statement="I sang it.",
        by="key_1",
    )
    reasons = "The vocals are hers; the drums are not."
    for step in (
        *(Step("admissible"), Step("in_review")),
        Step("partially_overturned", AppealOutcome(extent=Extent.PARTLY, reasons=reasons)),
        Step("external_dispute"),
    ):
        appeal = appeals.advance(ledger, appeal.appeal_id, appeal.sequence, step, lead)
    counted = review_quality.figures(ledger).appeals
    assert (counted.good, counted.count) == (1, 1)
    shown = console.browser("viewer").get(f"/appeals/{appeal.appeal_id}").text
    assert "before an outside body" in shown
    assert reasons in shown
