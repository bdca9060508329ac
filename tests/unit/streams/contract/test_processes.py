"""The registry of processes: every entry exists, every topic has a writer and a reader."""

import ast
import importlib.util
from pathlib import Path

import pytest

from streams.contract import topics
from streams.contract.processes import CONSOLE, GROUPS, LEDGER, MONITOR, PROCESSES, SECRETS, Process
from streams.runtime.settings import Settings


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_the_entry_of_a_process_is_there(process: Process) -> None:
    """Without an import: some load PyTorch."""
    module, _, function = process.entry.partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    names = set()
    for node in ast.parse(Path(spec.origin).read_text()).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):  # a partial
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    assert function in names


@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_a_process_reads_and_writes_topics_that_exist(process: Process) -> None:
    assert set(process.reads) <= set(topics.ALL)
    assert set(process.writes) <= set(topics.EVENTS)
    assert set(process.secrets) <= set(SECRETS)


def test_secrets_are_settings() -> None:
    assert set(SECRETS) <= set(Settings.model_fields)


def test_every_topic_is_written_and_the_ledger_reads_all() -> None:
    received = {topic.name for topic in topics.TOPICS if topic.received}
    written = {topic.name for topic in topics.TOPICS if topic.written_by}
    # the console's outbox, and a command
    by_people = {topics.REVIEWS_DECIDED, topics.APPEALS_CHANGED, topics.RESCORING}
    assert received | written | by_people == set(topics.EVENTS)
    for topic in topics.TOPICS:
        assert set(topic.written_by) <= PROCESSES.keys()
        assert all(topic.name in PROCESSES[name].writes for name in topic.written_by)
    assert GROUPS[LEDGER.name] == topics.ALL


def test_a_process_that_reads_nothing_has_no_group() -> None:
    assert not GROUPS.keys() & {CONSOLE.name, MONITOR.name}
    assert GROUPS.keys() < PROCESSES.keys()
