"""The sentences about the fixed lines of the spectrum."""

import pytest

from detector.evidence.branches.templates import BRANCH
from detector.evidence.templates import TemplateMatch
from tests.support.evidence import PLAIN, evidence_of, looked


@pytest.mark.parametrize(
    ("score", "named", "looped", "words"),
    [
        (0.1, "Suno", False, "match no known decoder"),
        (3.0, "Suno", False, "faintly resemble those of a known decoder"),
        (9.0, "Suno", False, "match those of Suno"),
        (9.0, None, False, "resemble those of a decoder, not clearly enough"),
        (9.0, "Suno", True, "resemble those of a decoder, but a loop"),
    ],
)
def test_a_generator_is_named_only_in_a_clear_finding(
    score: float, named: str | None, looped: bool, words: str
) -> None:
    match = TemplateMatch(score, "a decoder", named)
    sentence = evidence_of(looked(0.1, PLAIN, looped, templates=match), "templates").sentence
    assert words in sentence
    assert ("Suno" in sentence) == (words == "match those of Suno")
    assert BRANCH.generator(match) == named
