"""What was found, in a sentence without terms."""

import re

import pytest

from detector.evidence.registry import ENTRIES
from streams.contract.records import Evidence, Extent, Outcome, SegmentScore
from streams.services import wording
from tests.support.events import analysis, classified

TERMS = re.compile(r"kHz|Hz|p-value|decoder|spectrum|clock|segment|calibrat", re.IGNORECASE)


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("p_value", [0.0001, 0.0068, 0.03, 0.4])
@pytest.mark.parametrize("kind", list(ENTRIES))
def test_the_first_sentence_uses_no_term(outcome: Outcome, p_value: float, kind: str) -> None:
    evidence = Evidence(kind=kind, score=1.0, sentence="50 Hz", rate_hz=50.0)
    analysis = classified(outcome).analysis.model_copy(
        update={"p_value": p_value, "evidence": (evidence,)}
    )
    sentence = wording.explanation(analysis)
    assert TERMS.search(sentence) is None, sentence
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "  " not in sentence


@pytest.mark.parametrize(
    ("kinds", "extent", "located", "trace"),
    [
        (("clock", "templates"), Extent.ALL, True, "clock"),
        (("clock", "templates"), Extent.UNKNOWN, False, "templates"),
        (("clock", "templates", "learned"), Extent.UNKNOWN, False, "learned"),
        (("clock", "templates", "pitch"), Extent.UNKNOWN, False, "pitch"),
        (("clock", "templates", "speed"), Extent.UNKNOWN, False, "templates"),
        (("clock", "templates", "parts"), Extent.PARTLY, True, "parts"),
        (("clock", "templates", "speed"), Extent.ALL, True, "speed"),
    ],
)
def test_it_names_the_trace_that_decided(
    kinds: tuple[str, ...], extent: Extent, located: bool, trace: str
) -> None:
    """The clock's evidence always has a rate, also where it found nothing."""
    evidence = tuple(
        Evidence(kind=kind, score=1.0, sentence="", rate_hz=None if kind == "templates" else 50.0)
        for kind in kinds
    )
    segment = SegmentScore(start_s=0, end_s=9, score=3.0)
    result = analysis(extent=extent, evidence=evidence, segments=(segment,) if located else ())
    assert ENTRIES[trace].trace in wording.explanation(result)


def test_the_line_of_a_track_has_a_few_words_about_what_is_not_known() -> None:
    analysis = classified(Outcome.UNCERTAIN).analysis
    near, far = (analysis.model_copy(update={"p_value": value}) for value in (0.02, 0.4))
    assert wording.unsure(near) == "a trace, as in about 20 in 1,000 human recordings"
    assert "often missed" in wording.unsure(far)
    assert wording.unsure(classified(Outcome.IDENTIFIED).analysis) == ""
    assert wording.unsure(analysis.model_copy(update={"reason": "too_short"})) == "too_short"


def test_it_says_how_many_people_are_as_conspicuous() -> None:
    analysis = classified(Outcome.SUSPECTED).analysis
    few = wording.explanation(analysis.model_copy(update={"p_value": 0.0068}))
    none = wording.explanation(analysis.model_copy(update={"p_value": 0.0004}))
    assert "About 7 in 1,000 recordings by people" in few
    assert "Fewer than 1 in 1,000 recordings by people" in none
    sure = {"outcome": Outcome.IDENTIFIED, "identified_p_value": 0.0002}
    identified = wording.explanation(analysis.model_copy(update=sure))
    assert "at least two traces of a known music generator" in identified
    assert "Fewer than 1 in 1,000 recordings by people show two" in identified
    nothing = wording.explanation(classified(Outcome.NO_TRACE, p_value=0.6).analysis)
    assert "no proof of a human recording" in nothing
    cannot = analysis.model_copy(update={"p_value": None, "reason": "too_short"})
    assert wording.explanation(cannot) == "It is shorter than five seconds."
