"""What a newcomer reads comes first, and the terms are explained where they stand."""

import pytest

from streams.contract.records import Extent, Mark, Outcome
from streams.services import wording
from streams.web.console import strings
from tests.support.console import Console
from tests.support.events import classified
from tests.support.labelling import label
from tests.support.stories import tell


def test_pages_say_it_first_and_explain_their_terms(console: Console) -> None:
    decided, requested = tell(console.resources.ledger)
    assert requested is not None
    sentence = wording.explanation(decided.analysis)
    reader = console.browser("viewer")
    for path in (f"/check/{decided.upload_id}", "/tracks/T-1", f"/tasks/{requested.task_id}"):
        html = reader.get(path).text
        assert sentence in html, path
        assert html.index(sentence) < html.index("p-value"), path
        for term in strings.TERMS:
            assert f"<dt>{term}</dt>" in html, path


@pytest.mark.parametrize(
    ("extent", "certainty", "headline"),
    [
        (Extent.ALL, "declared", "Marked in the file as made with AI"),
        (Extent.PARTLY, "declared", "Marked in the file as made with AI, in part"),
        (Extent.ALL, "confirmed", "Made with AI"),
    ],
)
def test_what_anyone_can_write_is_no_certain_headline(
    extent: Extent, certainty: str, headline: str
) -> None:
    stated = label("provenance", extent.value, certainty)
    assert strings.headline(stated, classified().analysis) == headline


@pytest.mark.parametrize(
    ("outcome", "source", "extent", "headline", "tone"),
    [
        (Outcome.IDENTIFIED, "detector", Extent.ALL, "Identified as AI", "ai"),
        (Outcome.SUSPECTED, "detector", Extent.ALL, "Suspected to be made with AI", "hunch"),
        (Outcome.NO_TRACE, "detector", Extent.UNKNOWN, "No trace found", "clear"),
        (Outcome.NO_TRACE, "declaration", Extent.NONE, "No trace found", "clear"),
        (Outcome.NO_TRACE, "declaration", Extent.ALL, "Declared as made with AI", "ai"),
        (Outcome.NO_TRACE, "reviewer", Extent.NONE, "Not made with AI", "human"),
        (Outcome.UNCERTAIN, "detector", Extent.UNKNOWN, "Not certain either way", "open"),
    ],
)
def test_only_people_find_that_there_is_no_ai(
    outcome: Outcome, source: str, extent: Extent, headline: str, tone: str
) -> None:
    known, analysis = label(source, extent.value), classified(outcome).analysis
    assert strings.headline(known, analysis) == headline
    assert strings.tone(known, analysis) == tone


def test_a_mark_is_one_line() -> None:
    mark = Mark(generator="Suno", kind="c2pa", strength="strong", place="c2pa.generator")
    assert strings.mark(mark) == "Suno (c2pa.generator)"
    torn = mark.model_copy(update={"version": "chirp", "song_id": "s-1", "intact": False})
    assert strings.mark(torn.model_dump()) == (
        "Suno chirp, song s-1 (c2pa.generator, in a manifest that no longer fits the file)"
    )
