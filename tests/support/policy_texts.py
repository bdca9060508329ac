"""A small policy as text, and why one is refused."""

from datetime import date

import pytest

from detector.errors import Fatal
from streams.policy.bundle import BundleError, parse

HEAD = """\
schema_version: 2
name: test
version: 1.0.0
params: {sure: 0.01}
rules:
"""


RULE = """\
  - id: one
    version: 1
    priority: 10
    when: label.extent == "All" && label.source == "detector"
    on_missing: skip
    actions: {display: ai_badge}
    reason_code: R-ONE
"""


GOOD = HEAD + RULE


WHEN = 'label.extent == "All" && label.source == "detector"'


TODAY = date(2026, 11, 25)


def refusal(text: str, today: date | None = None) -> str:
    with pytest.raises(BundleError) as caught:
        parse(text, "policy.yaml", today)
    assert isinstance(caught.value, Fatal)
    return str(caught.value)
