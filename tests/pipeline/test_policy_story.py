"""A licensed AI track from its label to the reversal of everything, on a real broker.

Processes, topics, ledger and catalogue are the real ones; the command line is what a rights
desk and a policy person would type. Only the audio is left out: the analysis is given.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from streams.contract import topics
from streams.contract.records import Declaration, Tool, TrackDecided, stable_id
from streams.ops.embedded_broker import EmbeddedBroker
from streams.policy.transparency import faults
from streams.store import queries
from streams.store.reopening import current_decisions
from tests.pipeline.installation import Installation, installed
from tests.support.events import classified, verdict

pytestmark = pytest.mark.pipeline

NOTICE = timedelta(seconds=20)  # longer than a busy machine needs to decide
DECLARED = Declaration(contains_ai="All", tools=(Tool(name="Songmaker", agreement_id="AGR-77"),))
GRANTED = """\
agreement_id,grantor,grantee,wildcard,uses,permission,generator_ids,territories,valid_from,\
compensation_model,compensation_basis,credit_requirements,verification
AGR-77,Label,Platform,yes,generate;distribute_output,opt_in,Songmaker,Worldwide,2026-01-01,\
equal_split,net_revenue,A Singer,verified
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("pipeline")
    with (
        EmbeddedBroker(log_file=folder / "tansu.log") as broker,
        installed(folder, broker.bootstrap) as running,
    ):
        yield running


def test_the_story_of_a_licence(installation: Installation, tmp_path: Path) -> None:
    # The agreement is brought into the registry, and the track comes in under it.
    sheet = tmp_path / "agreements.csv"
    sheet.write_text(GRANTED)
    assert "1 of 1 would be new or changed" in installation.run(
        "rights", "import", str(sheet), "--dry-run"
    )
    installation.run("rights", "import", str(sheet), "--by", "rights-desk")
    installation.registered("AGR-77")
    event = classified(declared=DECLARED)
    installation.tell(topics.CLASSIFIED, event)
    ending = _under_notice(installation, tmp_path)
    licensed = installation.until(lambda one: one.label.licensed)
    assert (licensed.label.extent, licensed.actions.display) == ("All", "ai_badge")
    assert licensed.actions.recommendation == "allow"  # labelled, and not punished
    (usage,) = installation.rows("usages", 1)
    assert (usage["agreement_id"], usage["basis"], usage["ended"]) == (
        "AGR-77",
        "equal_split",
        False,
    )
    (credit,) = installation.rows("credits", 1)
    assert [line.get("special_contributor") or line["name"] for line in credit["lines"]] == [
        "GenerativeAI",
        "A Singer",
    ]
    assert installation.rows("statements", 0) == []

    # It is revoked: the consequence returns, the label stays, the catalogue applies it.
    sheet.write_text(GRANTED.replace("opt_in", "revoked"))
    assert "about 1 tracks" in installation.run(
        "rights", "import", str(sheet), "--by", "rights-desk"
    )
    revoked = installation.until(lambda one: not one.label.licensed)
    assert (revoked.label.extent, revoked.actions.display) == ("All", "ai_badge")
    assert revoked.actions.recommendation == "exclude_algorithmic"
    assert revoked.previous_decision_id == licensed.decision_id
    assert (revoked.cause and revoked.cause.kind) == "rights"
    assert [(one.version, one.status) for one in revoked.rights] == [(2, "revoked")]
    (statement,) = installation.rows("statements", 1)
    assert statement["statement_id"] == revoked.statement_id
    assert revoked.statement_id == stable_id("sor", revoked.decision_id)
    assert faults(statement["fields"]) == []
    assert "DECISION_VISIBILITY_CONTENT_DEMOTED" in statement["fields"]["decision_visibility"]
    assert "algorithmischen Empfehlungen" in statement["texts"]["de"]
    assert [one["ended"] for one in installation.rows("usages", 2)] == [False, True]

    # A reviewer finds that a human made it: everything is reversed, in one decision.
    ruling = verdict(
        upload_id=event.upload_id, decision_id=revoked.decision_id,
        outcome="reject_flag", extent=None, components=(),
    )  # fmt: skip
    installation.tell(topics.REVIEWS_DECIDED, ruling)
    reversed_ = installation.until(lambda one: one.verdict_id is not None)
    assert reversed_.previous_decision_id == revoked.decision_id
    assert reversed_.changed_dimensions == ("display", "recommendation")
    assert (reversed_.label.extent, reversed_.label.source) == ("None", "reviewer")
    assert reversed_.terms == ()
    assert reversed_.statement_id is None

    # Each step is there to be seen, and nothing that was decided is gone.
    steps = [one["decision_id"] for one in installation.rows("decisions", 3)]
    assert steps == [one.decision_id for one in (licensed, revoked, reversed_)]
    assert [one["result"] for one in installation.rows("applied", 3)] == ["applied"] * 3
    output = installation.run("show", "T-1")
    for words in ("again because of rights", "again because of verdict", "no longer", "of reasons"):
        assert words in output
    explained = installation.run("policy", "explain", "T-1")
    assert "label: AI extent None, confirmed (a reviewer's verdict)" in explained

    # And the agreement under notice has ended by itself, without any further event.
    ended = installation.until(lambda one: not one.label.licensed, "T-3")
    assert (ended.cause and ended.cause.kind) == "expiry"
    assert ended.previous_decision_id == ending.decision_id
    assert (ended.label.licensed, ended.actions.recommendation) == (False, "exclude_algorithmic")
    assert [(one.version, one.status) for one in ended.rights] == [(1, "revoked")]
    assert ending.reconsider_at in {one.starts_at for one in ended.terms}


def _under_notice(installation: Installation, tmp_path: Path) -> TrackDecided:
    """Bring in a track under an agreement whose notice runs out in a while."""
    until = datetime.now(UTC) + NOTICE
    header, row = GRANTED.replace("AGR-77", "AGR-88").splitlines()
    sheet = tmp_path / "under-notice.csv"
    sheet.write_text(f"{header},revoked_at\n{row},{until.isoformat()}\n")
    installation.run("rights", "import", str(sheet), "--by", "rights-desk")
    tool = Tool(name="Songmaker", agreement_id="AGR-88")
    declared = Declaration(contains_ai="All", tools=(tool,))
    installation.tell(topics.CLASSIFIED, classified(track_id="T-3", declared=declared))
    licensed = installation.until(lambda one: one.label.licensed, "T-3")
    assert licensed.reconsider_at == until
    return licensed


def test_a_policy_is_written_tested_backtested_and_shipped_in_shadow(
    installation: Installation, tmp_path: Path
) -> None:
    installation.tell(topics.CLASSIFIED, classified(track_id="T-2", distributor="Acme"))
    installation.until(lambda decision: True, "T-2")
    text = installation.settings.policy.read_text()
    rule = """\
  - id: acme-held
    version: 1
    mode: shadow
    priority: 750
    when: delivery.distributor == "Acme" && label.extent == "All" && !label.licensed
    actions: {monetisation: hold}
    requires: human
    review: {queue: acme, priority: 50}
    reason_code: R-ACME

agreements:
"""
    own = tmp_path / "policy.yaml"
    own.write_text(text.replace("version: 3.0.0", "version: 3.1.0").replace("agreements:\n", rule))
    runner = CliRunner()
    linted = runner.invoke(app, ["policy", "lint", str(own)])
    assert "3 shadow" in linted.output, linted.output
    assert runner.invoke(app, ["policy", "test", str(own)]).exit_code == 0
    report = json.loads(installation.run("policy", "backtest", str(own), "--json"))
    assert report["on_trial"]["acme-held"] == 1
    assert report["flips"] == []
    assert report["would_flip"] == [
        {"dimension": "monetisation", "from": "allow", "to": "hold", "tracks": 1}
    ]
    published = installation.run("policy", "publish", str(own), "--by", "alice")
    assert "is live, approved by alice" in published  # what is on trial restricts nothing

    def by_new_policy(decision: TrackDecided) -> bool:
        return decision.policy.version == "3.1.0"

    deadline = time.monotonic() + 30
    number = 0
    while True:  # workers look every two seconds
        number += 1
        again = classified(track_id="T-2", uri=f"file:///audio/{number}.wav", distributor="Acme")
        installation.tell(topics.CLASSIFIED, again)
        stands = current_decisions(installation.ledger, ["T-2"])
        if by_new_policy(stands["T-2"].decided) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert by_new_policy(installation.until(by_new_policy, "T-2"))
    hits = [
        entry for entry in queries.story(installation.ledger, "T-2") if entry.table == "shadow_hits"
    ]
    assert hits
    assert hits[0].record["rules"][0]["rule_id"] == "acme-held"
    assert (
        installation.until(by_new_policy, "T-2").actions.monetisation == "allow"
    )  # the catalogue never saw it

    # Live, it restricts: one person proposes, and another one must approve.
    live = own.read_text().replace(
        "mode: shadow\n    priority: 750", "mode: live\n    priority: 750"
    )
    own.write_text(live.replace("version: 3.1.0", "version: 3.2.0"))
    assert "is proposed by alice" in installation.run(
        "policy", "publish", str(own), "--by", "alice"
    )
    deadline = time.monotonic() + 20
    while "policies" not in {
        name for name, n in queries.counts(installation.ledger).items() if n > 1
    }:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(0.5)
    assert "is proposed by alice" in installation.run(
        "policy", "publish", str(own), "--by", "alice"
    )
    time.sleep(1.0)
    assert "approved by alice and bob" in installation.run(
        "policy", "publish", str(own), "--by", "bob"
    )
    deadline = time.monotonic() + 30
    while True:
        installation.run("redecide", "--track", "T-2", "--yes")
        held = current_decisions(installation.ledger, ["T-2"])["T-2"].decided
        if held.actions.monetisation == "hold" or time.monotonic() > deadline:
            break
        time.sleep(1.0)
    assert held.actions.monetisation == "hold"
    assert (held.cause and held.cause.kind) == "operator"
