"""The words of the page of artists: in every language, without the terms of the detector."""

import re
from typing import Any

import pytest

from streams.contract.records import Actions, Evidence, Extent, LabelSource, Outcome, TrackDecided
from streams.contract.records.decisions import TerritorialActions
from streams.contract.translations import languages
from streams.contract.vocabulary import ACTIONS, DIMENSIONS, STRICTNESS
from streams.policy.decide import decide
from streams.services import artist_words
from tests.support.events import classified
from tests.support.stories import POLICY

# Words that a musician need not know; in no text of the page.
JARGON = (
    r"p-?value|p-?Wert|null|score|logit|calibrat|kalibri|false.positive|falsch.positiv|alpha|stratum|"
    r"clock|frame|codec|decoder|dekod|spectr|spektr|hz\b|template|classif|klassifi|detector|detektor|"
    r"confidence|konfidenz|probabilit|wahrscheinlichkeit|provenance|c2pa|ddex|dsa\b|policy|rule|regel\b|"
    r"demoneti|upload|artefact|metadata|metadaten|payload|hash|sha"
)


def decided(outcome: Outcome = Outcome.IDENTIFIED, **label: Any) -> TrackDecided:
    made = decide(classified(outcome), POLICY).decided
    return made.model_copy(update={"label": made.label.model_copy(update=label)})


def texts(language: str) -> list[str]:
    """Every text that the page may show about a decision."""
    lines = artist_words.limits(language)
    every = {name: STRICTNESS[name][-1] for name in DIMENSIONS}
    for outcome in Outcome:
        for source in LabelSource:
            decision = decided(outcome, source=source, extent=Extent.ALL)
            lines += artist_words.why(language, decision)
    for name, value in ACTIONS:
        decision = decided().model_copy(update={"actions": Actions(**{name: value})})
        lines.append(artist_words.headline(language, decision))
        lines += artist_words.follows(language, decision)
    lines += artist_words.follows_not(language, Actions())
    assert artist_words.follows_not(language, Actions(**every)) == []
    for contains in ("All", "Partly", "None", None):
        lines.append(artist_words.declared(language, contains))
    for kind in ("clock", "templates"):
        analysis = decided().analysis.model_copy(
            update={"evidence": (Evidence(kind=kind, score=3.0, sentence="x"),)}
        )
        shown = artist_words.picture(language, decided().model_copy(update={"analysis": analysis}))
        lines += [text for pair in shown for text in pair]
    return lines


@pytest.mark.parametrize("language", languages())
def test_the_page_is_free_of_jargon(language: str) -> None:
    lines = texts(language)
    assert len(set(lines)) > 30
    terms = {word.lower() for line in lines for word in re.findall(JARGON, line, re.I)}
    assert terms == set()
    sentences = [part for line in lines for part in re.split(r"(?<=[.!?]) ", line)]
    assert [one for one in sentences if len(one.split()) > 30] == [], "too long to follow"


def test_the_headline_is_what_happens_and_the_reasons_are_what_is_known() -> None:
    badged = decided()
    assert artist_words.headline("en", badged) == "This recording is marked as made with AI"
    assert "several traces" in artist_words.why("en", badged)[0]
    free = badged.model_copy(update={"actions": Actions()})
    assert artist_words.headline("en", free) == "Nothing is shown or restricted"
    won = free.label.model_copy(update={"source": LabelSource.APPEAL, "extent": Extent.NONE})
    settled = free.model_copy(update={"label": won})
    assert artist_words.headline("en", settled).startswith("Settled")
    assert artist_words.why("en", settled) == ["A person decided this after an objection."]
    held = badged.model_copy(update={"actions": Actions(availability="hold")})
    assert artist_words.headline("en", held) == "This recording is restricted"


def test_how_rare_a_trace_is_is_never_nothing() -> None:
    assert "fewer than 1" in artist_words.how_rare("en", 0.0001)
    assert "about 3 of" in artist_words.how_rare("en", 0.003)


def test_other_territories_are_named() -> None:
    scope = TerritorialActions(territories=("DE", "FR"), actions=Actions(availability="hold"))
    free = TerritorialActions(territories=("US",), actions=Actions())
    decision = decided().model_copy(update={"actions": Actions(), "territorial": (scope, free)})
    assert artist_words.follows("en", decision) == [
        "In DE, FR: It cannot be played for now.",
        "In US: Nothing is shown or restricted there.",
    ]
    assert artist_words.headline("en", decision) == "This recording is restricted"
