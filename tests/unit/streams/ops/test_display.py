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


def ended() -> Ended:
    """Return the end of an upload that declares nothing."""
    event = classified()
    decided = decide(event, load(Settings().policy), facts_of(event, UPLOADED_AT)).decided
    return Ended(event.upload_id, 1.0, decided)


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
    assert "one.wav: according to the deliverer's statement, " in printed


def test_a_label_of_the_detector_needs_no_explanation() -> None:
    end = ended()
    assert "according to" not in display.line("one.wav", end, 1.0).plain


def test_an_end_from_before_it_was_sent_again_took_no_time_that_is_known() -> None:
    end = ended()
    assert end.seconds_after(0.25) == 0.75
    assert end.seconds_after(1.5) is None
    assert end.seconds_after(None) is None
    assert rows.row("one.wav", end, None)["seconds"] is None
    assert "None" not in display.line("one.wav", end, None).plain.split("  one.wav")[0].split()
