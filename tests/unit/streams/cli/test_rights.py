"""``earmark rights`` as people type it, without a broker."""

from pathlib import Path

from streams.contract import topics
from streams.contract.records import Declaration, Tool
from streams.ops.state import State
from streams.stages.ledger import project
from streams.store.database import Ledger
from tests.support.command_line import run
from tests.support.events import agreement, classified, message


def test_the_registry_is_listed(state: Path) -> None:
    output = run("rights", "ls", "--state", str(state))
    assert "AGR-1: opt_in, in_force; generate, distribute_output; Worldwide" in output


def test_the_template_is_printed() -> None:
    assert run("rights", "template").startswith("entry_id,agreement_id,grantee,")


def test_the_volume_of_an_agreement_is_counted(state: Path, tmp_path: Path) -> None:
    ledger = Ledger.open(State(state).settings(None).ledger)
    entry = agreement(2, conditions={"max_volume": 1})
    project(ledger, [message(topics.RIGHTS_CHANGED, entry, 50)])
    assert "about 0 tracks, of at most 1\n" in run("rights", "ls", "--state", str(state))
    tool = Tool(name="Songmaker", agreement_id="AGR-1")
    messages = []
    for number in (1, 2):
        event = classified(track_id=f"V-{number}", declared=Declaration(tools=(tool,)))
        messages.append(message(topics.CLASSIFIED, event, 60 + number))
    project(ledger, messages)
    output = run("rights", "ls", "--state", str(state))
    assert "about 2 tracks, of at most 1, MORE THAN AGREED" in output


def test_a_dry_run_of_an_import_says_what_is_new_and_sends_nothing(
    state: Path, tmp_path: Path
) -> None:
    change = agreement(2, conditions={"max_volume": 5})
    assert change.entry is not None
    file = tmp_path / "entries.jsonl"
    file.write_text(change.entry.model_dump_json(exclude_none=True) + "\n")
    printed = run("rights", "import", str(file), "--dry-run", "--state", str(state))
    assert "version 2 (AGR-1): about " in printed
    assert "its max_volume decides nothing by itself" in printed
    assert printed.endswith("1 of 1 would be new or changed\n")
    assert "v1 AGR-1" in run("rights", "ls", "--state", str(state)), "as it was"
