"""Helpers of the tests beside test_publishing.py."""

from datetime import UTC, datetime
from typing import Any

from streams.policy.bundle import parse
from streams.runtime.settings import Settings

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
    return TEXT.replace("version: 3.0.0", f"version: {version}").replace(
        "agreements:\n", RULE.replace("MODE", mode)
    )


OUT: dict[str, Any] = {"actions": {"recommendation": "exclude_all"}}
