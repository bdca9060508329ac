"""Why a track was decided as it was, from the ledger alone."""

import re
from datetime import timedelta
from pathlib import Path

from streams.policy.bundle import parse
from streams.runtime.settings import Settings
from streams.services.policies.explanation import explained
from streams.store.database import Ledger
from tests.support.stories import tell


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
