"""Appeals on the console's pages: what was decided stays decided, whoever is asked next."""

from streams.records import Extent
from streams.records.reviews import AppealOutcome, Appellant
from streams.review import appeals, quality
from streams.review.appeals import Step
from tests.console.conftest import Console
from tests.console.stories import tell


def test_an_outside_body_takes_back_nothing_that_was_won(console: Console) -> None:
    ledger, lead = console.house.ledger, console.user("lead")
    decided, _ = tell(ledger)
    said = appeals.receive(
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
        said = appeals.go_on(ledger, said.appeal_id, said.sequence, step, lead)
    counted = quality.figures(ledger).appeals
    assert (counted.good, counted.count) == (1, 1)
    shown = console.browser("viewer").get(f"/appeals/{said.appeal_id}").text
    assert "before an outside body" in shown
    assert reasons in shown
