"""Licences."""

from datetime import datetime
from typing import Any

import pytest

from streams.contract.records import (
    Declaration,
    LabelSource,
    Outcome,
    Tool,
)
from streams.policy.labels import effective
from tests.support.events import classified
from tests.support.labelling import LICENSED, labels


@pytest.mark.parametrize(
    ("tools", "fields", "licensed"),
    [
        ((LICENSED,), {}, True),
        ((LICENSED, LICENSED), {}, True),
        ((), {}, False),
        ((Tool(name="Melody Maker"),), {}, False),  # no agreement claimed
        ((Tool(name="Melody Maker", agreement_id="AGR-2"),), {}, False),  # unknown agreement
        ((Tool(name="Other Tool", agreement_id="AGR-1"),), {}, False),  # another's agreement
        ((LICENSED, Tool(name="Other Tool")), {}, False),  # one licence does not cover two tools
        ((LICENSED,), {"territories": ("NO",)}, True),
        ((LICENSED,), {"territories": ("NO", "SE")}, True),  # in NO; see the table for SE
        ((LICENSED,), {"territories": ("SE", "NO")}, False),
        ((LICENSED,), {"territories": ("Worldwide",)}, False),
    ],
)
def test_a_licence_counts_only_where_it_stands(
    tools: tuple[Tool, ...], fields: dict[str, Any], licensed: bool
) -> None:
    declared = Declaration(contains_ai="All", tools=tools)
    event = classified(declared=declared, **({"territories": ("DE",)} | fields))
    label = effective(labels(event))
    assert label.licensed is licensed
    assert label.agreement_id == ("AGR-1" if licensed else None)


@pytest.mark.parametrize(
    ("day", "licensed"),
    [
        ("2025-12-31T23:59:59+00:00", False),
        ("2026-01-01T00:00:00+00:00", True),
        ("2026-12-31T23:59:59+00:00", True),
        ("2027-01-01T00:00:00+00:00", False),
        ("2027-01-01T00:30:00+01:00", True),  # still 2026 in UTC
    ],
)
def test_a_licence_counts_on_the_day_of_the_upload(day: str, licensed: bool) -> None:
    event = classified(
        declared=Declaration(contains_ai="All", tools=(LICENSED,)),
        territories=("DE",),
        uploaded_at=datetime.fromisoformat(day),
    )
    assert effective(labels(event)).licensed is licensed


def test_a_licence_covers_what_the_detector_finds() -> None:
    """A tool is named but the extent is not: the licence is no less valid."""
    event = classified(declared=Declaration(tools=(LICENSED,)), territories=("DE",))
    label = effective(labels(event))
    assert (label.source, label.licensed) == (LabelSource.DETECTOR, True)


def test_human_music_needs_no_licence() -> None:
    event = classified(
        Outcome.HUMAN_LIKELY, declared=Declaration(tools=(LICENSED,)), territories=("DE",)
    )
    assert not effective(labels(event)).licensed
