"""What the Transparency Database would refuse."""

import pytest

from streams.policy.transparency import faults
from tests.support.policy_table import (
    AI,
    NOTHING,
)
from tests.support.statements import statement


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("decision_facts", "x" * 5_001, "decision_facts is longer than 5000"),
        ("puid", "a b", "puid may hold only a-z"),
        ("content_date", "25.11.2026", "content_date is no day"),
        ("territorial_scope", ["US"], "US is no EEA country"),
        ("category", "STATEMENT_CATEGORY_X", "no word of the database"),
        ("decision_visibility", ["DECISION_VISIBILITY_OTHER"], "decision_visibility_other"),
        ("decision_visibility", [], "no restriction is named"),
        ("incompatible_content_ground", "", "incompatible_content_ground is missing"),
        ("automated_detection", None, "automated_detection is missing"),
    ],
)
def test_what_the_database_would_refuse(field: str, value: object, text: str) -> None:
    _, good = statement((NOTHING, AI, {}))
    assert text in "; ".join(faults(good.fields | {field: value}))
