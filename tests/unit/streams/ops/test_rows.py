"""What ``make run`` and ``submit`` write into OUT."""

from streams.contract.dead_letters import DeadLetter
from streams.contract.records import Declaration, Tool
from streams.ops import display, rows
from streams.ops.inputs import Skipped
from streams.ops.watch import Ended
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.policy.facts import facts_of
from streams.policy.registry import Registry
from streams.runtime.settings import Settings
from tests.support.events import UPLOADED_AT, agreement, classified


def test_line_and_row_name_the_territories_where_something_else_holds() -> None:
    tool = Tool(name="Songmaker", agreement_id="AGR-1")
    event = classified(declared=Declaration(contains_ai="All", tools=(tool,)))
    facts = facts_of(event, UPLOADED_AT, registry=Registry([agreement(territories=("DE", "NO"))]))
    end = Ended(event.upload_id, 1.0, decide(event, load(Settings().policy), facts).decided)
    (scope,) = rows.row("one.wav", end, 1.0)["territorial"]
    assert (scope["territories"], scope["licensed"]) == (["DE", "NO"], True)
    printed = display.line("one.wav", end, 1.0).plain
    assert "recommendation=exclude_algorithmic, " in printed
    assert "in DE, NO: display=ai_badge licensed" in printed


def test_each_kind_of_row_names_its_status_and_its_file() -> None:
    decided = decide(classified(), load(Settings().policy)).decided
    dead = DeadLetter("tracks.uploaded", "fingerprint", "empty_file", "no bytes", "", b"", b"")
    written = [
        rows.row("one.wav", Ended(decided.upload_id, 1.0, decided), 1.0),
        rows.row("two.wav", Ended("upl_2", 1.0, dead), 1.0),
        rows.not_sent(Skipped("notes.txt", "not_audio_name", "not named like audio")),
    ]
    assert [(row["path"], row["status"]) for row in written] == [
        ("one.wav", "decided"),
        ("two.wav", "dead_letter"),
        ("notes.txt", "not_sent"),
    ]
    assert written[0]["actions"] == decided.actions.model_dump()
    assert written[1]["reason"] == "empty_file"
