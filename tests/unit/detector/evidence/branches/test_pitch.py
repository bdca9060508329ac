"""The sentences about an altered pitch."""

from dataclasses import replace

from detector.evidence.templates import PitchFinding
from tests.support.evidence import (
    PLAIN,
    beside,
    evidence_of,
    looked,
)


def test_in_a_loop_the_sentences_about_altered_speed_and_pitch_say_so() -> None:
    looks = looked(0.1, PLAIN, pitch=PitchFinding(9.0, "some decoder", 2 ** (1 / 12)))
    assert "+5.9% (+1.0 semitones)" in evidence_of(looks, "pitch").sentence
    assert "loop" not in evidence_of(looks, "pitch").sentence
    looped = replace(looks, looped=True)
    assert "a loop or a moved level draws such" in evidence_of(looped, "pitch").sentence
    own = beside(looks, pitch=PitchFinding(9.0, "some decoder", 1.06, True))
    assert "a loop or a moved level draws such" in evidence_of(own, "pitch").sentence
