"""The story of a track: one narrator for the command line and the console."""

from pathlib import Path

from streams.contract.records import Actions, Declaration, Outcome, TerritorialActions, stable_id
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.services import timeline
from streams.store import queries
from streams.store.database import Ledger
from streams.store.queries import Entry
from tests.support.console import Console
from tests.support.events import classified
from tests.support.stories import tell


def test_a_story_has_facts_for_people_and_for_operators(console: Console) -> None:
    ledger = console.resources.ledger
    decided, requested = tell(ledger, distributor="Label A", title="One song")
    assert requested is not None
    entries = {entry.kind: entry for entry in timeline.story(queries.story(ledger, "T-1"), {})}
    assert list(entries) == ["upload", "analysis", "label", "decision", "task"]
    assert entries["upload"].sentence == "Delivered by Label A, declared as made without AI."
    assert entries["upload"].details == decided.upload_id
    assert decided.upload_id in timeline.as_text(entries["upload"])
    assert entries["analysis"].sentence.startswith(
        "Our analysis: Identified as AI. It carries at least two traces"
    )
    assert f"p-value {decided.analysis.p_value}, model" in entries["analysis"].details
    assert entries["decision"].sentence == "Decided: Listeners see an AI badge."
    assert "display=ai_badge" in entries["decision"].details
    assert entries["task"].subject == requested.task_id
    html = console.browser("viewer").get("/tracks/T-1").text
    assert entries["decision"].details in html
    assert entries["upload"].internal.startswith("of ")
    assert entries["upload"].internal not in html
    assert f'href="/tasks/{requested.task_id}"' in html


def test_a_decision_names_the_territories_where_something_else_holds() -> None:
    actions = Actions(display="ai_badge", recommendation="exclude_all")
    scope = TerritorialActions(territories=("US",), actions=Actions(), licensed=True)
    decision = decide(classified(), load(Settings().policy)).decided
    decision = decision.model_copy(update={"actions": actions, "territorial": (scope,)})
    row = Entry("decisions", None, decision.model_dump(mode="json"))
    (entry,) = timeline.story([row], {})
    assert entry.sentence.endswith(". In US: nothing is restricted or shown.")
    assert "in US: licensed" in entry.details


def test_a_record_without_a_narrator_shows_its_fields() -> None:
    row = Entry("new_table", None, {"track_id": "T-1", "count": 2, "nested": {"a": 1}})
    (entry,) = timeline.story([row], {})
    assert timeline.as_text(entry) == "?  record    track_id T-1, count 2"
    assert entry.kind in timeline.INTERNAL


def test_a_track_is_found_by_upload_and_by_file(console: Console, tmp_path: Path) -> None:
    ledger: Ledger = console.resources.ledger
    decided, _ = tell(ledger)
    file = tmp_path / "one.wav"
    file.touch()
    assert timeline.find_track(ledger, decided.upload_id) == "T-1"
    assert timeline.find_track(ledger, "T-9") == "T-9"
    assert timeline.find_track(ledger, str(file)) == stable_id("trk", file.as_uri())


def test_what_nothing_was_found_in_is_never_called_no_ai(ledger: Ledger) -> None:
    """Neither in an event of the release before, nor where the deliverer declares it."""
    former = {"label_id": "l", "source": "detector", "extent": "None", "certainty": "suspected"}
    (entry,) = timeline.story([Entry("labels", None, former)], {})
    assert entry.sentence.startswith("Label “Unknown”")
    tell(ledger, "T-1", Outcome.NO_TRACE, declared=Declaration())
    tell(ledger, "T-2", Outcome.NO_TRACE, declared=Declaration(contains_ai="None"))
    silent, denied = (
        " ".join(one.sentence for one in timeline.story(queries.story(ledger, name), {}))
        for name in ("T-1", "T-2")
    )
    assert "No AI" not in silent + denied
    assert "without a statement about AI" in silent
    assert "Label “Declared without AI”, declared, not verified" in denied
    assert "Our analysis: No trace found." in silent
