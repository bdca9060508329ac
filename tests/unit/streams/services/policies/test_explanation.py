"""Why a track was decided as it was, from the ledger alone."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from streams.contract.records import Actions, Declaration, Outcome
from streams.policy.bundle import parse
from streams.runtime.settings import Settings
from streams.services.policies.backtest import backtest
from streams.services.policies.explanation import explained
from streams.store.database import Ledger
from tests.support.events import in_catalogue
from tests.support.policy_texts import GOOD
from tests.support.stories import POLICY, tell


def test_it_is_about_the_decision_that_counts_and_its_rules(ledger: Ledger) -> None:
    decided, _ = tell(ledger)
    lines = list(explained(ledger, "T-1", Settings().policy))
    assert decided.decision_id in lines[0]
    assert f"policy: {decided.policy.name} {decided.policy.version}" in lines[2]
    held = {line.split()[1] for line in lines if line.startswith("HOLDS")}
    assert held == {hit.rule_id for hit in decided.rules} != set()
    saw = [line for line in lines if line.startswith("      saw ")]
    rules = [line for line in lines if re.match(r".{5} [\w-]+ \((live|shadow)", line)]
    assert len(saw) == len(rules) > len(held)  # those that do not hold, too
    assert not any("does not give this decision any more" in line for line in lines)
    later = decided.uploaded_at + timedelta(days=1)
    again, _ = tell(ledger, title="Delivered again", uploaded_at=later)
    assert again.decision_id != decided.decision_id
    assert again.decision_id in next(explained(ledger, "T-1", Settings().policy))


def test_the_same_recording_under_another_artist_is_explained_and_back_tested(
    ledger: Ledger,
) -> None:
    delivered: dict[str, Any] = {"outcome": Outcome.NO_TRACE, "declared": Declaration()}
    tell(ledger, "T-0", artists=("Nova",), isrc="DEA123400001", distributor="D1", **delivered)
    names: dict[str, Any] = {
        "isrc": "DEA123400002",
        "distributor": "D2",
        "matches": (in_catalogue(),),
    }
    decided, requested = tell(ledger, "T-1", artists=("Zed",), **names, **delivered)
    assert requested is not None
    assert requested.queue == "deliveries"
    assert decided.actions == Actions()
    same, asked = tell(ledger, "T-2", artists=("Nova feat. Ari",), **names, **delivered)
    assert asked is None
    seen = same.features["values"]
    kinds = ("artist", "isrc", "deliverer")
    assert [seen[f"known.catalogue.other_{kind}"] for kind in kinds] == [False, True, True]
    lines = list(explained(ledger, "T-1", Settings().policy))
    (held,) = [n for n, line in enumerate(lines) if line.startswith("HOLDS other-identity (live")]
    assert lines[held + 1].strip() == "saw known.catalogue.other_artist = True"
    report = backtest(ledger, POLICY, datetime.now(UTC), ["T-0", "T-1", "T-2"])
    assert report.hits["other-identity"] == 1
    assert (report.reviews["before"], report.reviews["now"]) == (1, 1)


def test_a_rule_for_one_territory_is_shown_with_it(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD.replace("    reason_code", "    territories: [DE]\n    reason_code"))
    policy = parse(file.read_text(encoding="utf-8"), "policy")
    for name, places, word in (
        ("T-1", (), "HOLDS"),
        ("T-2", ("DE",), "HOLDS"),
        ("T-3", ("FR",), ""),
    ):
        decided, _ = tell(ledger, name, policy=policy, declared=Declaration(), territories=places)
        assert len(decided.terms) == bool(word)
        lines = list(explained(ledger, name, file))
        assert lines[-2].startswith(f"{word:5} one (live, in DE): label.extent")
        assert not any("does not give this decision any more" in line for line in lines)


def test_of_a_track_without_a_decision_there_is_nothing_to_say(ledger: Ledger) -> None:
    assert list(explained(ledger, "T-1", Settings().policy)) == []


def test_the_text_of_a_policy_that_was_never_published_is_in_its_file(
    ledger: Ledger, tmp_path: Path
) -> None:
    file = Settings().policy
    tell(ledger, policy=parse(file.read_text(encoding="utf-8"), "policy"))
    assert not any("text is not here" in line for line in explained(ledger, "T-1", file))
    absent = tmp_path / "absent.yaml"
    assert any("text is not here" in line for line in explained(ledger, "T-1", absent))
