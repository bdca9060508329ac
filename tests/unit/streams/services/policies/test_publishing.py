"""Releasing policies: two people, no restart, a wrong one changes nothing; breakers; back-tests."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from streams.contract import topics
from streams.contract.records import Declaration, Extent, Outcome
from streams.contract.records.policy import PolicyChanged
from streams.contract.records.rights import GeneratorEntry, RightsEntry
from streams.policy.bundle import Bundle, BundleError, parse
from streams.policy.changes import changes, needs_two
from streams.policy.decide import decide
from streams.policy.facts import Rulings, facts_of
from streams.runtime import metrics
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.settings import Settings
from streams.services.agreement_files import WrongRights, read, versioned
from streams.services.policies import breaker as breaker_module
from streams.services.policies.backtest import backtest
from streams.services.policies.breaker import BASELINE, WINDOW, Breaker
from streams.services.policies.publishing import (
    NotReleased,
    UnknownRule,
    approver,
    release,
    running,
    switch_rule,
)
from streams.stages.ledger import project
from streams.store import policy_releases as policies_module
from streams.store.account_tables import AUDIT, OUTBOX
from streams.store.database import Ledger
from streams.store.outbox import Relay
from streams.store.policy_releases import Policies, changes_of
from streams.store.reopening import tracks_since
from streams.store.track_facts import TrackFacts
from tests.support.accounts import create_user
from tests.support.events import agreement, classified, message, verdict
from tests.support.policies import HUMAN, bundle, rule

NOW = datetime(2026, 11, 25, tzinfo=UTC)
TEXT = (
    Settings().policy.read_text().split("\ntests:\n")[0] + "\n"
)  # what it is tested for may change
LIVE = parse(TEXT, "policy")
RULE = """\
  - id: mine
    version: 1
    mode: MODE
    priority: 100
    when: label.extent == "All"
    actions: {recommendation: exclude_all}
    reason_code: R-MINE

agreements:
"""


def text_with(mode: str, version: str) -> str:
    return TEXT.replace("version: 2.2.0", f"version: {version}").replace(
        "agreements:\n", RULE.replace("MODE", mode)
    )


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies_module, "LOOK_S", -1.0)


def tell(ledger: Ledger, *records: PolicyChanged) -> None:
    project(ledger, [message(topics.POLICIES_CHANGED, one) for one in records])


def released(text: str, by: str, ledger: Ledger) -> PolicyChanged:
    return release(Settings(), ledger, parse(text, "policy"), text, by, "why").changed


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits in the outbox stays there."""
    monkeypatch.setattr(Relay, "relay", lambda self: 0)


def test_what_is_on_trial_takes_one_and_a_restriction_two(ledger: Ledger, quick: None) -> None:
    policies = Policies(Settings().policy, ledger)
    assert released(text_with("shadow", "2.3.0"), "alice", ledger).state == "live"
    assert policies.current().version == "2.3.0"
    live = text_with("live", "2.4.0")
    assert released(live, "alice", ledger).state == "proposed"
    assert released(live, "alice", ledger).state == "proposed"  # another person must approve
    assert policies.current().version == "2.3.0"
    second = released(live, "bob", ledger)
    assert (second.state, second.approved_by) == ("live", ("alice", "bob"))
    assert policies.current().version == "2.4.0"


@pytest.mark.parametrize("name", ["Alice", " alice", "ALICE\u00a0"])
def test_one_person_is_one_however_the_name_is_spelt(ledger: Ledger, name: str) -> None:
    live = text_with("live", "2.3.0")
    assert released(live, "alice", ledger).state == "proposed"
    again = released(live, approver(ledger, name)[0], ledger)
    assert (again.state, again.approved_by) == ("proposed", ("alice",))


def test_where_there_are_accounts_approvers_have_one(ledger: Ledger) -> None:
    assert approver(ledger, "anybody") == ("anybody", "anybody")
    roles = {"Ada": "policy", "Bob": "admin", "Eve": "reviewer"}
    made = {name: create_user(ledger, name, role).user_id for name, role in roles.items()}
    assert approver(ledger, "ada") == (made["Ada"], "Ada")
    assert approver(ledger, made["Bob"]) == (made["Bob"], "Bob")
    for stranger in ("Eve", "anybody"):
        with pytest.raises(NotReleased, match="Ada, Bob"):
            approver(ledger, stranger)


def test_a_wrong_bundle_changes_nothing(ledger: Ledger, quick: None) -> None:
    policies = Policies(Settings().policy, ledger)
    before = policies.current()
    wrong = text_with("live", "3.0.0").replace('"All"\n    actions: {recommendation', '"Al"\n    x')
    good = parse(text_with("shadow", "3.0.0"), "p")
    for text, digest in ((wrong, good.digest), (text_with("shadow", "3.0.0"), "0" * 64)):
        tell(
            ledger,
            PolicyChanged(
                change_id=f"pol_{digest[:4]}",
                kind="bundle",
                policy=good.ref.model_copy(update={"digest": digest}),
                state="live",
                text=text,
                changed_by="somebody",
                changed_at=NOW,
            ),
        )
        assert policies.current() is before
    with pytest.raises(BundleError):
        Policies(Path("/nowhere/policy.yaml"), ledger)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (TEXT, "running already"),
        (TEXT.replace("borderline: 0.02", "borderline: 0.03"), "is not above"),
        (text_with("live", "2.3.0").replace("name: earmark-default", "name: other"), "is called"),
    ],
)
def test_what_cannot_be_released(ledger: Ledger, text: str, answer: str) -> None:
    with pytest.raises(NotReleased, match=answer):
        released(text, "alice", ledger)


def test_a_rule_is_switched_off_and_on(ledger: Ledger) -> None:
    standing = TrackFacts(ledger)

    def off() -> frozenset[str]:
        return standing.registry(LIVE.name, fresh=True)[1]

    assert switch_rule(Settings(), ledger, "stay-down", "killed", "alice", "why") == "alice"
    assert off() == {"stay-down"}
    switch_rule(Settings(), ledger, "stay-down", "on", "alice", "it was right", dry_run=True)
    assert off() == {"stay-down"}
    switch_rule(Settings(), ledger, "stay-down", "on", "alice", "it was right")
    assert off() == set()
    with pytest.raises(UnknownRule):
        switch_rule(Settings(), ledger, "no-rule", "killed", "alice", "why")


def test_every_change_is_stored_with_its_audit_entry(ledger: Ledger) -> None:
    released(text_with("shadow", "2.3.0"), "alice", ledger)
    switch_rule(Settings(), ledger, "stay-down", "killed", "bob", "too many")
    with ledger.reading() as connection:
        rows = connection.execute(sqlalchemy.select(AUDIT).order_by(AUDIT.c.sequence)).all()
        waiting = connection.scalars(sqlalchemy.select(OUTBOX.c.topic)).all()
    assert [(row.actor, row.action, row.subject) for row in rows] == [
        ("alice", "policy_bundle_changed", f"{LIVE.name} 2.3.0"),
        ("bob", "policy_rule_changed", "stay-down"),
    ]
    assert json.loads(rows[1].detail)["why"] == "too many"
    assert waiting == [topics.POLICIES_CHANGED] * 2
    assert {change.state for change in changes_of(ledger, name=LIVE.name)} == {"live", "killed"}


def test_where_the_broker_is_away_the_change_is_in_use(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(self: Relay) -> int:
        raise BrokerAway("no broker")

    monkeypatch.setattr(Relay, "relay", away)
    with pytest.raises(BrokerAway, match="is stored and holds"):
        released(text_with("shadow", "2.3.0"), "alice", ledger)
    assert running(ledger, LIVE).version == "2.3.0"


OUT: dict[str, Any] = {"actions": {"recommendation": "exclude_all"}}


@pytest.mark.parametrize(
    ("old", "new", "restrictive"),
    [
        ([rule()], [rule(), rule("two", **OUT)], True),
        ([rule()], [rule(), rule("two", mode="shadow", **OUT)], False),
        ([rule()], [rule(), rule("two", actions={"display": "ai_badge"})], False),
        ([rule(), rule("two", **OUT)], [rule()], False),
        ([rule(), rule("two", lifts=["recommendation"])], [rule()], True),
        ([rule(mode="shadow", **OUT)], [rule(mode="canary 5%", **OUT)], True),
        ([rule(mode="canary 5%", **OUT)], [rule(mode="canary 50%", **OUT)], True),
        ([rule(**OUT)], [rule(mode="canary 5%", **OUT)], False),
        ([rule(**OUT)], [rule(public="Said better.", **OUT)], False),
        ([rule(**OUT)], [rule(when='label.extent != "None"', **OUT)], True),
        ([rule(**OUT)], [rule(despite_licence=True, **OUT)], True),
        ([rule(actions={"monetisation": "hold"}, **HUMAN)], [rule(**HUMAN)], False),
        ([rule(**HUMAN)], [rule(actions={"monetisation": "hold"}, **HUMAN)], True),
    ],
)
def test_which_changes_take_two(
    old: list[dict[str, Any]], new: list[dict[str, Any]], restrictive: bool
) -> None:
    differences = changes(bundle(*old), bundle(*new))
    assert differences
    assert needs_two(differences) is restrictive


LIFTER = rule("two", lifts=["recommendation"], priority=900)


def override(**changes: Any) -> dict[str, Any]:
    plain = {"id": "us", "scope": {"territories": ["US"]}, "off": ["one"], "why": "x"}
    return plain | {"expires": "2027-01-01"} | changes


@pytest.mark.parametrize(
    ("old", "new", "restrictive"),
    [
        ({"rules": [rule(**OUT), LIFTER]},
         {"rules": [rule(**OUT), LIFTER | {"when": "label.licensed"}]}, True),
        ({"rules": [rule(**OUT), LIFTER]},
         {"rules": [rule(**OUT), LIFTER | {"priority": 1}]}, True),
        ({"rules": [rule(**OUT), LIFTER]},
         {"rules": [rule(**OUT), LIFTER], "overrides": [override(off=["two"])]}, True),
        ({"defaults": {"on_missing": "skip"}}, {"defaults": {"on_missing": "match"}}, True),
        ({"rules": [rule()]},
         {"rules": [rule()], "defaults": {"on_missing": "match"}}, False),
        ({"overrides": [override()]}, {}, True),
        ({"overrides": [override()]}, {"overrides": [override(expires="2026-12-01")]}, True),
        ({"overrides": [override()]},
         {"overrides": [override(scope={"territories": ["CA"]})]}, True),
        ({"overrides": [override()]}, {"overrides": [override(expires="2027-12-01")]}, False),
        ({}, {"overrides": [override()]}, False),
    ],
)  # fmt: skip
def test_what_held_a_restriction_back_is_not_taken_away_by_one(
    old: dict[str, Any], new: dict[str, Any], restrictive: bool
) -> None:
    def made(content: dict[str, Any]) -> Bundle:
        fields: dict[str, Any] = {"rules": [rule(**OUT)]} | content
        return bundle(*fields.pop("rules"), **fields)

    differences = changes(made(old), made(new))
    assert differences
    assert needs_two(differences) is restrictive


def test_a_threshold_that_a_restriction_reads_takes_two() -> None:
    item = rule(when="ai.p_value < params.sure", **OUT)
    old = bundle(item, params={"sure": 0.01, "other": 1.0})
    assert needs_two(changes(old, bundle(item, params={"sure": 0.02, "other": 1.0})))
    assert not needs_two(changes(old, bundle(item, params={"sure": 0.01, "other": 2.0})))


# --- the breaker -------------------------------------------------------------------------------


def test_a_rule_that_jumps_is_switched_off_once() -> None:
    policy = bundle(rule(actions={"recommendation": "exclude_all"}))
    hit, miss = (decide(classified(outcome, p_value=0.5), policy)
                 for outcome in (Outcome.AI_LIKELY, Outcome.HUMAN_LIKELY))  # fmt: skip
    breaker = Breaker()
    moved = metrics.RULES_TRIPPED.labels("one")._value
    before = moved.get()
    messages: list[PolicyChanged] = []
    for number in range(BASELINE + WINDOW):  # one in fifty, as ever
        messages += breaker.saw(hit if number % 50 == 0 else miss, policy, NOW)
    assert messages == []
    for number in range(WINDOW):
        messages += breaker.saw(hit if number % 3 == 0 else miss, policy, NOW)
    (tripped,) = messages
    assert (tripped.state, tripped.rule_id, tripped.changed_by) == ("tripped", "one", "breaker")
    assert "of the last 200 decisions" in tripped.why
    assert moved.get() == before + 1, "the alert EarmarkRuleTripped is made of this"


@pytest.mark.parametrize(
    "changed",
    [{"actions": {"display": "ai_badge"}}, {"mode": "shadow", **OUT}],
)
def test_badges_and_trials_are_never_tripped(changed: dict[str, Any]) -> None:
    policy = bundle(rule(**changed))
    hit, miss = (decide(classified(outcome, p_value=0.5), policy)
                 for outcome in (Outcome.AI_LIKELY, Outcome.HUMAN_LIKELY))  # fmt: skip
    breaker = Breaker()
    for _ in range(BASELINE + WINDOW):
        assert breaker.saw(miss, policy, NOW) == []
    for _ in range(breaker_module.WINDOW):
        assert breaker.saw(hit, policy, NOW) == []


# --- back-test ---------------------------------------------------------------------------------


def test_a_backtest_says_what_would_change_and_changes_nothing(ledger: Ledger) -> None:
    messages = []
    for number in range(6):
        outcome = Outcome.AI_LIKELY if number % 2 else Outcome.HUMAN_LIKELY
        event = classified(outcome, p_value=0.5, track_id=f"T-{number}", distributor="Acme")
        messages += [message(topics.CLASSIFIED, event, number)]
        messages += [message(topics.DECIDED, decide(event, LIVE).decided, number)]
    project(ledger, messages)
    ids = list(tracks_since(ledger, None))
    assert ids == [f"T-{number}" for number in range(6)]
    assert list(tracks_since(ledger, None, 2)) == ["T-0", "T-1"]
    assert list(tracks_since(ledger, datetime(2100, 1, 1, tzinfo=UTC))) == []
    report = backtest(ledger, parse(text_with("live", "2.3.0"), "p"), NOW, ids).as_data()
    assert report["tracks"] == 6
    assert report["hits"]["mine"] == 3
    assert report["flips"] == [
        {"dimension": "recommendation", "from": "exclude_algorithmic", "to": "exclude_all",
         "tracks": 3},
    ]  # fmt: skip
    assert report["by_distributor"] == {"Acme": {"tracks": 6, "recommendation": 3}}
    assert [one["track_id"] for one in report["changed"]] == ["T-1", "T-3", "T-5"]
    assert report["precision"] == {}
    trial = backtest(ledger, parse(text_with("shadow", "2.3.0"), "p"), NOW, ids).as_data()
    assert (trial["flips"], trial["on_trial"]["mine"]) == ([], 3)
    assert trial["would_flip"][0]["tracks"] == 3


US_ALONE = """\
overrides:
  - id: us-badge
    scope: {territories: [US]}
    off: [suspected-all]
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
    policy = TEXT.replace("version: 2.2.0", "version: 2.3.0")
    changed = parse(policy.replace("agreements:\n", US_ALONE + "agreements:\n"), "p")
    report = backtest(ledger, changed, NOW, ids).as_data()
    badge = {"dimension": "display", "from": "ai_badge", "to": "none"}
    assert sorted(report["flips"], key=lambda flip: -flip["tracks"]) == [
        badge | {"territories": ["US"], "tracks": 2},
        badge | {"tracks": 1},  # delivered for the US alone
    ]
    assert report["hits"]["suspected-all"] == 3
    assert report["changed"][0]["changes"] == [badge | {"territories": ["US"]}]
    assert [one["track_id"] for one in report["changed"]] == ["T-0", "T-1", "T-2"]


def test_a_backtest_sees_trials_in_every_territory(ledger: Ledger) -> None:
    licence = agreement(territories=("DE",))
    project(ledger, [message(topics.RIGHTS_CHANGED, licence)])
    declared = {"contains_ai": "All", "tools": [{"name": "Songmaker", "agreement_id": "AGR-1"}]}
    event = classified(declared=Declaration.model_validate(declared))
    facts = TrackFacts(ledger).facts(event, NOW, LIVE.name, fresh=True)
    before = decide(event, LIVE, facts).decided
    project(ledger, [message(topics.CLASSIFIED, event), message(topics.DECIDED, before)])
    text = text_with("shadow", "2.3.0").replace(
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
    """And the decision that stands was made again after the verdict, as it is in a real house."""
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
    policy = parse(text_with("shadow", "2.3.0"), "p")
    report = backtest(ledger, policy, NOW, list(answer)).as_data()
    for name in ("suspected-all", "mine"):
        assert report["precision"][name] == {"reviewed": 2, "right": 1}
    assert "established-all" not in report["precision"]  # holds by a person's verdict
    assert "fraud-suspected" not in report["precision"]


# --- files of agreements -----------------------------------------------------------------------

CSV = """\
agreement_id,grantor,grantee,isrcs,wildcard,uses,permission,generator_ids,territories,valid_from
AGR-1,Label,Platform,,yes,generate;distribute_output,opt_in,Songmaker;Other,DE;NO,2026-01-01
AGR-2,Singer,Platform,USRC17607839;GBAYE0601498,,cover,opt_in,,,2026-01-01
"""
GENERATORS = """\
generator_id,aliases,status,territories
songmaker,Song Maker;SM,licensed,DE
"""


def test_a_sheet_of_agreements(tmp_path: Path, ledger: Ledger) -> None:
    sheet, generators = tmp_path / "a.csv", tmp_path / "g.csv"
    sheet.write_text(CSV)
    generators.write_text(GENERATORS)
    known = TrackFacts(ledger).registry("", fresh=True)[0]
    result = versioned([*read(sheet), *read(generators)], known, "desk", NOW)
    first, second, third = result
    assert first.entry is not None
    assert first.entry.conditions.generator_ids == ("Songmaker", "Other")
    assert first.entry.territories == ("DE", "NO")
    assert second.entry is not None
    assert second.entry.subject.isrcs == ("USRC17607839", "GBAYE0601498")
    assert third.generator is not None
    assert third.generator.aliases == ("Song Maker", "SM")
    project(ledger, [message(topics.RIGHTS_CHANGED, one) for one in result])
    known = TrackFacts(ledger).registry("", fresh=True)[0]
    assert versioned([*read(sheet), *read(generators)], known, "desk", NOW) == []
    sheet.write_text(CSV.replace("opt_in,Songmaker", "revoked,Songmaker"))
    (changed,) = versioned(read(sheet), known, "desk", NOW)
    assert (changed.entry_id, changed.version) == (first.entry_id, 2)


def test_rows_of_one_generator_are_its_licences(tmp_path: Path) -> None:
    sheet = tmp_path / "g.csv"
    sheet.write_text(
        "generator_id,aliases,status,territories\nSongmaker,SM,licensed,DE\n"
        "Songmaker,Song Maker,unlicensed,Worldwide\n"
    )
    ((_, content),) = read(sheet)
    assert isinstance(content, GeneratorEntry)
    assert content.aliases == ("SM", "Song Maker")
    assert [(each.status, each.territories) for each in content.licences] == [
        ("licensed", ("DE",)),
        ("unlicensed", ("Worldwide",)),
    ]


def test_conditions_come_along(tmp_path: Path) -> None:
    sheet = tmp_path / "a.csv"
    more = ",products,max_volume,approval_required,revoked_at,grace_days"
    values = ",Studio,1000,no,2026-12-01T00:00:00Z,30"
    header, first, *_ = CSV.splitlines()
    sheet.write_text(f"{header}{more}\n{first}{values}\n")
    ((_, content),) = read(sheet)
    assert isinstance(content, RightsEntry)
    assert (content.conditions.products, content.conditions.max_volume) == (("Studio",), 1000)
    assert content.revocation is not None
    assert (content.revocation.effective_at.month, content.revocation.grace_days) == (12, 30)


def test_a_misspelt_condition_is_refused_however_deep(tmp_path: Path) -> None:
    lines = tmp_path / "rights.jsonl"
    content = json.loads(agreement().to_bytes())
    content["entry"]["conditions"] = {"generator_id": ["Songmaker"]}
    lines.write_text(json.dumps(content))
    with pytest.raises(WrongRights, match=r"rights\.jsonl:1: .*conditions\.generator_id: no such"):
        list(read(lines))


def test_the_registry_reads_its_own_records(tmp_path: Path) -> None:
    lines = tmp_path / "rights.jsonl"
    lines.write_bytes(agreement().to_bytes() + b"\n\n" + agreement().entry.to_bytes() + b"\n")  # type: ignore[union-attr]
    (content, other) = read(lines)
    assert content == (agreement().entry_id, agreement().entry)
    assert other == (None, agreement().entry)


@pytest.mark.parametrize(
    ("spoilt", "answer"),
    [
        (lambda text: text.replace("generate;", "sing;"), "a.csv:2: uses.0"),
        (lambda text: text.replace("USRC17607839", "nonsense"), "a.csv:3: subject.isrcs.0"),
        (lambda text: text.replace("2026-01-01", "soon", 1), "a.csv:2: valid_from"),
        (lambda text: text.replace("AGR-1,Label", "AGR-1,"), "a.csv:2: grantor"),
        # A lost column is a lost condition: this one would have been worldwide.
        (lambda text: text.replace("territories", "territory"), "a.csv:1: unknown column 'territ"),
        (lambda text: text.replace("isrcs,", "uses,"), "a.csv:1: a column stands twice"),
        (lambda text: text.replace(",DE;NO", ""), "a.csv:2: 9 cells, and 10 columns"),
        (lambda text: text.replace("DE;NO", "DE,NO"), "a.csv:2: 11 cells, and 10 columns"),
        (lambda text: text.replace(",yes,", ",ja,"), "a.csv:2: wildcard is yes or no, not 'ja'"),
        (
            lambda text: text + text.splitlines()[1].replace("DE;NO", "FR") + "\n",
            "a.csv:4: the same entry as in line 2: join the rows, or give each an entry_id",
        ),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, spoilt: Callable[[str], str], answer: str) -> None:
    sheet = tmp_path / "a.csv"
    sheet.write_text(spoilt(CSV))
    with pytest.raises(WrongRights, match=answer.replace(".", r"\.")):
        list(read(sheet))
