"""What is printed of each end."""

from streams.contract.records import Declaration, Tool
from streams.ops import display, rows
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
