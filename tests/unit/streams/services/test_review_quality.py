"""Quality of reviews: agreement, golden tracks, precision, on both databases."""

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.contract.records import Declaration, Extent, Outcome
from streams.contract.records.reviews import AppealOutcome
from streams.policy.bundle import load
from streams.runtime.settings import Settings
from streams.services import appeals, review_quality, reviews
from streams.services.accounts.users import User
from streams.services.appeals import Step
from streams.store.database import Ledger
from tests.support.review_helpers import appealed, form
from tests.support.stories import a_task, tell


def test_wilson_and_kappa() -> None:
    assert review_quality.Share("", 0, 0).interval == (0.0, 1.0)
    low, high = review_quality.Share("", 90, 100).interval
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
    golden, _ = tell(ledger, "T-gold", Outcome.NO_TRACE, declared=Declaration())
    review_quality.make_golden(ledger, lead, golden.upload_id, "None", "we recorded it")
    assert review_quality.give_golden(ledger, lead) == 1
    assert review_quality.give_golden(ledger, lead) == 0
    golden_id = reviews.take_next(ledger, bob)
    assert golden_id is not None
    verdict = reviews.give(ledger, golden_id, bob, form(Extent.ALL))
    assert verdict.second_review_of is not None
    figures = review_quality.figures(ledger)
    assert (figures.agreement.count, figures.agreement.good, figures.verdicts) == (3, 2, 3)
    assert [(item.name, item.good, item.count) for item in figures.golden] == [("bob", 0, 1)]
    assert [(item.good, item.count) for item in figures.precision] == [(2, 3)]
    # Ada: All, None, All; Bob: All thrice. Both agree twice, as often as chance would have it.
    assert figures.kappa == pytest.approx(0.0)
    for per, name in (("deliverer", "Label A"), ("model", "clock-1")):
        (item,) = figures.overturned[per]
        assert (item.name, item.good, item.count) == (name, 1, 3)
    rules = {item.name: (item.good, item.count) for item in figures.overturned["rule"]}
    assert rules["disclosure-mismatch"] == (1, 3)
    again = a_task(ledger, "T-part", distributor="Label A")
    reviews.take(ledger, again, ada)
    reviews.give(ledger, again, ada, form(Extent.PARTLY))  # less of it is AI: no contradiction
    (item,) = review_quality.figures(ledger).overturned["model"]
    assert (item.good, item.count) == (1, 4)
    assert figures.appealed == {"rule": [], "model": [], "deliverer": []}


def test_a_sample_of_what_is_decided_automatically_tells_of_all_of_it(
    ledger: Ledger, person: Callable[..., User], tmp_path: Path
) -> None:
    """A rule's ``sample_to_review`` asks a person about a share of what it decided by itself."""
    text, _, _ = Path(Settings().policy).read_text().partition("\ntests:\n")
    place = "  - id: identified-all\n"
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
            appeal = appeals.advance(ledger, appeal.appeal_id, appeal.sequence, step, lead)
    waiting, _ = tell(ledger, "T-9", distributor="Label 1")
    appealed(ledger, waiting.decision_id)
    result = review_quality.figures(ledger)
    assert (result.appeals.good, result.appeals.count) == (1, 3)

    def shares(per: str) -> dict[str, tuple[int, int]]:
        return {one.name: (one.good, one.count) for one in result.appealed[per]}

    assert shares("deliverer") == {"Label 0": (1, 2), "Label 1": (0, 1)}
    assert shares("model") == {"clock-1": (1, 3)}
    assert shares("rule")["disclosure-mismatch"] == (1, 3)
