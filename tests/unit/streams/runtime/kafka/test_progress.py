"""How far another process has read, asked of a broker of the test's own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import NodeNotReadyError

from streams.contract import topics
from streams.runtime.kafka import progress
from streams.runtime.kafka.offsets import BEGINNING
from streams.runtime.kafka.progress import Progress
from streams.runtime.settings import Settings

DECIDED = TopicPartition(topics.DECIDED, 0)
CLASSIFIED = TopicPartition(topics.CLASSIFIED, 0)


@dataclass
class Admin:
    """Two topics of one partition, and what the group has committed there."""

    ends: dict[TopicPartition, int]
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    begins: dict[TopicPartition, int] = field(default_factory=dict)
    failures: int = 0

    def describe_topics(self, names: Sequence[str]) -> list[dict[str, Any]]:
        return [{"name": name, "partitions": [None]} for name in names]

    def list_partition_offsets(self, specs: dict[TopicPartition, int]) -> dict[Any, Any]:
        return {
            partition: SimpleNamespace(
                offset=self.begins.get(partition, 0) if spec == BEGINNING else self.ends[partition],
                timestamp=-1,
            )
            for partition, spec in specs.items()
        }

    def list_group_offsets(self, groups: dict[str, None]) -> dict[str, Any]:
        if self.failures:
            self.failures -= 1
            raise NodeNotReadyError
        (group,) = groups
        return {group: {p: SimpleNamespace(offset=at) for p, at in self.committed.items()}}


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> Admin:
    admin = Admin({DECIDED: 5, CLASSIFIED: 7})

    @contextmanager
    def opened(settings: Settings) -> Iterator[Admin]:
        yield admin

    monkeypatch.setattr(progress, "open_admin", opened)
    return admin


@pytest.fixture
def ledger() -> Progress:
    return Progress(Settings(), "ledger", (topics.DECIDED, topics.CLASSIFIED))


def test_what_lay_there_at_first_counts_whatever_comes_later(
    admin: Admin, ledger: Progress
) -> None:
    admin.committed = {DECIDED: 5, CLASSIFIED: 6}
    assert ledger.passed() == {}
    admin.ends = {DECIDED: 50, CLASSIFIED: 70}  # traffic goes on, and the ledger is always behind
    admin.committed = {DECIDED: 9, CLASSIFIED: 9}
    assert ledger.passed() == {DECIDED: 5, CLASSIFIED: 7}
    assert ledger.passed() == {}
    admin.committed = admin.ends
    assert ledger.passed() == {DECIDED: 50, CLASSIFIED: 70}


def test_a_process_that_has_read_nothing_is_behind(admin: Admin, ledger: Progress) -> None:
    assert ledger.passed() == {}


def test_what_has_expired_is_not_awaited(admin: Admin, ledger: Progress) -> None:
    admin.begins = {DECIDED: 5, CLASSIFIED: 7}
    admin.committed = {DECIDED: 2}
    assert ledger.passed() == {DECIDED: 5, CLASSIFIED: 7}


def test_a_broker_that_does_not_answer_leaves_it_open(admin: Admin, ledger: Progress) -> None:
    admin.failures, admin.committed = 1, {DECIDED: 5, CLASSIFIED: 7}
    assert ledger.passed() == {}
    assert ledger.passed() == {DECIDED: 5, CLASSIFIED: 7}
