"""Models are compared as people type it."""

import json
from pathlib import Path

from streams.contract import topics
from streams.ops.state import State
from streams.stages.ledger import project
from streams.store.database import Ledger
from tests.support.command_line import run
from tests.support.events import MODEL, NEXT_MODEL, message, rescored


def test_two_models_are_compared_by_name_or_digest(state: Path) -> None:
    empty = run("models", "compare", MODEL.name, "ensemble-5", "--state", str(state), code=1)
    assert "earmark rescore --model ensemble-5 --shadow --yes" in empty
    ledger = Ledger.open(State(state).settings(None).ledger)
    project(ledger, [message(topics.RESCORED, rescored())])
    ledger.close()
    printed = run("models", "compare", MODEL.name, NEXT_MODEL.digest[:6], "--state", str(state))
    assert "1 tracks with an answer of clock-1" in printed
    assert "identified -> suspected: 1" in printed
    data = json.loads(
        run("models", "compare", MODEL.name, NEXT_MODEL.name, "--json", "--state", str(state))
    )
    assert (data["tracks"], data["flips"]) == (1, {"other": 1})


def test_a_model_that_never_answered_is_named_with_those_that_did(state: Path) -> None:
    wrong = run("models", "compare", "nothing", MODEL.name, "--state", str(state), code=2)
    assert MODEL.name in wrong
