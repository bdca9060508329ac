"""The catalogue, when one upload is delivered twice around another of the same track."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import select

from streams.contract import topics
from streams.contract.records import TrackDecided
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.stages.catalogue import METADATA, TRACKS, apply
from streams.store.database import Ledger
from tests.support.events import UPLOADED_AT, classified, message

POLICY = load(Settings().policy)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(f"sqlite:///{tmp_path}/catalogue.db", METADATA)
    yield opened
    opened.close()


def decided(minutes: int, title: str) -> TrackDecided:
    at = UPLOADED_AT + timedelta(minutes=minutes)
    return decide(classified(uploaded_at=at, title=title), POLICY).decided


DELIVERED = (decided(1, "first"), decided(2, "second"), decided(3, "first"))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_latest_delivery_prevails_in_whatever_order_they_are_decided(
    catalogue: Ledger, order: Sequence[int]
) -> None:
    assert DELIVERED[0].decision_id == DELIVERED[2].decision_id
    for offset, place in enumerate(order):
        one = message(topics.DECIDED, DELIVERED[place], offset, timestamp_ms=1_000 + offset)
        apply(catalogue, [one])
    with catalogue.reading() as connection:
        assert connection.scalars(select(TRACKS.c.decision_id)).all() == [DELIVERED[2].decision_id]
