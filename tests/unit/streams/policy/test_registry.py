"""When entries of the registry count."""

from datetime import date, datetime, timedelta, timezone

import pytest

from streams.contract.records.rights import Revocation
from streams.policy.registry import boundaries
from tests.support.events import agreement
from tests.support.rights_questions import NOW, ask


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-05:00", "9990-01-02T00:00:00Z"])
def test_a_revocation_at_the_end_of_the_calendar_never_counts(at: str) -> None:
    ends = Revocation(effective_at=datetime.fromisoformat(at), grace_days=3_650)
    values = agreement(2, revocation=ends, valid_until=date.max)
    assert ask(values).licensed
    assert max(boundaries(values)) < NOW


def test_a_revocation_in_the_year_1_counts() -> None:
    at = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))
    assert ask(agreement(2, revocation=Revocation(effective_at=at))).agreement == "revoked"
