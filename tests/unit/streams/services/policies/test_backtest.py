"""Back-tests of a policy over stored events."""

from datetime import UTC, datetime

from streams.contract import topics
from streams.contract.records import Declaration, Extent, Outcome
from streams.policy.bundle import parse
from streams.policy.decide import decide
from streams.policy.facts import Rulings, facts_of
from streams.services.policies.backtest import backtest
from streams.stages.ledger import project
from streams.store.database import Ledger
from streams.store.reopening import tracks_since
from streams.store.track_facts import TrackFacts
from tests.support.events import agreement, classified, message, verdict
from tests.support.publishing_helpers import LIVE, NOW, TEXT, text_with


def test_a_backtest_says_what_would_change_and_changes_nothing(ledger: Ledger) -> None:
    messages = []
    for number in range(6):
        outcome = Outcome.IDENTIFIED if number % 2 else Outcome.NO_TRACE
        event = classified(outcome, p_value=0.5, track_id=f"T-{number}", distributor="Acme")
        messages += [message(topics.CLASSIFIED, event, number)]
        messages += [message(topics.DECIDED, decide(event, LIVE).decided, number)]
    project(ledger, messages)
    ids = list(tracks_since(ledger, None))
    assert ids == [f"T-{number}" for number in range(6)]
    assert list(tracks_since(ledger, None, 2)) == ["T-0", "T-1"]
    assert list(tracks_since(ledger, datetime(2100, 1, 1, tzinfo=UTC))) == []
    report = backtest(ledger, parse(text_with("live", "3.1.0"), "p"), NOW, ids).as_data()
    assert report["tracks"] == 6
    assert report["hits"]["mine"] == 3
    assert report["flips"] == [
        {"dimension": "recommendation", "from": "allow", "to": "exclude_all",
         "tracks": 3},
    ]  # fmt: skip
    assert report["by_distributor"] == {"Acme": {"tracks": 6, "recommendation": 3}}
    assert [one["track_id"] for one in report["changed"]] == ["T-1", "T-3", "T-5"]
    assert report["precision"] == {}
    trial = backtest(ledger, parse(text_with("shadow", "3.1.0"), "p"), NOW, ids).as_data()
    assert (trial["flips"], trial["on_trial"]["mine"]) == ([], 3)
    assert trial["would_flip"][0]["tracks"] == 3


US_ALONE = """\
overrides:
  - id: us-badge
    scope: {territories: [US]}
    off: [identified-all]
    expires: 2027-06-30
    why: No badge there.

"""


def test_a_backtest_sees_every_territory(ledger: Ledger) -> None:
    messages = []
    for number, territories in enumerate((("Worldwide",), ("US",), ("DE", "US"), ("DE",))):
        event = classified(p_value=0.002, track_id=f"T-{number}", territories=territories)
        messages += [message(topics.CLASSIFIED, event, number)]
        messages += [message(topics.DECIDED, decide(event, LIVE).decided, number)]
    project(ledger, messages)
    ids = list(tracks_since(ledger, None))
    policy = TEXT.replace("version: 3.0.0", "version: 3.1.0")
    changed = parse(policy.replace("agreements:\n", US_ALONE + "agreements:\n"), "p")
    report = backtest(ledger, changed, NOW, ids).as_data()
    badge = {"dimension": "display", "from": "ai_badge", "to": "none"}
    assert sorted(report["flips"], key=lambda flip: -flip["tracks"]) == [
        badge | {"territories": ["US"], "tracks": 2},
        badge | {"tracks": 1},  # delivered for the US alone
    ]
    assert report["hits"]["identified-all"] == 3
    assert report["changed"][0]["changes"] == [badge | {"territories": ["US"]}]
    assert [one["track_id"] for one in report["changed"]] == ["T-0", "T-1", "T-2"]


def test_a_backtest_sees_trials_in_every_territory(ledger: Ledger) -> None:
    licence = agreement(territories=("DE",))
    project(ledger, [message(topics.RIGHTS_CHANGED, licence)])
    declared = {"contains_ai": "All", "tools": [{"name": "Songmaker", "agreement_id": "AGR-1"}]}
    event = classified(declared=Declaration.model_validate(declared))
    facts = TrackFacts(ledger).facts(event, NOW, LIVE.name)
    before = decide(event, LIVE, facts).decided
    project(ledger, [message(topics.CLASSIFIED, event), message(topics.DECIDED, before)])
    text = text_with("shadow", "3.1.0").replace(
        '== "All"\n    actions', '== "All" && label.licensed\n    actions'
    )
    policy = parse(text.replace("  - id: mine", "  - id: mine\n    despite_licence: true"), "p")
    report = backtest(ledger, policy, NOW, ["T-1"]).as_data()
    assert (report["flips"], report["on_trial"]) == ([], {"mine": 1})
    (flip,) = report["would_flip"]
    assert (flip["to"], flip["territories"]) == ("exclude_all", ["DE"])
    shadowed = decide(event, policy, facts).shadowed
    assert shadowed is not None
    assert [hit.rule_id for hit in shadowed.rules] == ["mine"]
    assert shadowed.changed_dimensions == ("recommendation",)


def test_precision_is_of_what_held_before_people_looked(ledger: Ledger) -> None:
    """And the decision that stands was made again after the verdict, as in a real pipeline."""
    messages = []
    answer = {"T-0": ("confirm", Extent.ALL), "T-1": ("reject_flag", Extent.NONE), "T-2": None,
            "T-3": ("reject_flag", Extent.NONE)}  # fmt: skip
    for number, (track_id, result) in enumerate(answer.items()):
        event = classified(p_value=0.5, track_id=track_id)
        about = {"track_id": track_id, "upload_id": event.upload_id, "components": ()}
        spoken = []
        if result is not None:
            spoken.append(
                verdict(outcome=result[0], extent=result[1], verdict_id=f"v{number}", **about)
            )
        if track_id == "T-3":  # taken back: no verdict is left
            spoken.append(
                verdict(
                    outcome="insufficient_evidence",
                    extent=None,
                    verdict_id="v9",
                    undoes="v3",
                    **about,
                )
            )
        facts = facts_of(event, NOW, rulings=Rulings(verdicts=tuple(spoken)))
        messages += [message(topics.CLASSIFIED, event, number)]
        messages += [message(topics.DECIDED, decide(event, LIVE, facts).decided, number)]
        messages += [message(topics.REVIEWS_DECIDED, one) for one in spoken]
    project(ledger, messages)
    policy = parse(text_with("shadow", "3.1.0"), "p")
    report = backtest(ledger, policy, NOW, list(answer)).as_data()
    for name in ("identified-all", "mine"):
        assert report["precision"][name] == {"reviewed": 2, "right": 1}
    assert "established-all" not in report["precision"]  # holds by a person's verdict
    assert "fraud-suspected" not in report["precision"]
