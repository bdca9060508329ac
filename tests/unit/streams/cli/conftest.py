"""An instance for the commands."""

from pathlib import Path

import pytest

from streams.contract import topics
from streams.ops.state import State
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.stages.ledger import project
from streams.store.database import Ledger
from tests.support.command_line import POLICY
from tests.support.events import agreement, classified, message


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An instance with one track that was decided."""
    folder = tmp_path / "state"
    ledger = Ledger.open(State(folder).settings(None).ledger)
    event = classified()
    decided = decide(event, load(POLICY))
    messages = [message(topics.CLASSIFIED, event), message(topics.RIGHTS_CHANGED, agreement())]
    messages += [message(out.topic, out.record) for out in decided.outputs()]
    project(ledger, messages)
    ledger.close()
    return folder
