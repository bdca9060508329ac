"""The clock as evidence; ``detector.evidence.clock`` scores it."""

from math import log
from typing import Final

from detector.calibration.calibration import Calibration
from detector.evidence.branch import (
    NO_TRACE_P,
    Branch,
    BranchScores,
    Context,
    Place,
    Recording,
    listed,
)
from detector.evidence.clock import ClockFinding
from detector.types import Evidence

COMMON_MOST: Final = log(50)
"""In nats: what a faint pulse at a common rate counts at most."""


class ClockBranch(Branch[ClockFinding]):
    """A pulse of the high bands at a decoder's frame rate."""

    name = "clock"

    def search(self, recording: Recording) -> ClockFinding:
        """Return the clock's finding, which was scored in a batch."""
        return recording.clock

    def nats(self, finding: ClockFinding, scores: BranchScores, calibration: Calibration) -> float:
        """Return the nats; loops do not matter, since the clock is scored without their lines."""
        nats = calibration.looks[self.name].surprise(finding.score, scores.seconds)
        return min(nats, COMMON_MOST) if finding.common_and_faint else nats

    def evidence(self, finding: ClockFinding, context: Context) -> Evidence:
        """Return the sentence, which is always given."""
        looped, rate = context.scores.looped, finding.rate
        p_value = context.p_value(self.name, finding.score)
        compared = context.compared(self.name, finding.score, "have a pulse as strong")
        if looped and p_value > context.alpha:
            sentence = (
                "The energy above 4.5 kHz pulses as a sample-exact loop or a moved level (tremolo, "
                f"gate) makes it pulse; that is no decoder's clock. {compared}"
            )
        elif p_value > context.alpha and p_value >= NO_TRACE_P:
            sentence = f"No decoder clock was found in the energy above 4.5 kHz; {compared}"
        elif p_value > context.alpha:
            sentence = (
                f"A faint pulse near {rate.hz:.2f} Hz was found in the energy above 4.5 kHz, not "
                f"above what human recordings show; {compared}"
            )
        else:
            known = (
                f"the frame rate of {listed(rate.known_for)}"
                if rate.known_for
                else f"a rate that decoders can have ({rate.origin})"
            )
            beside = "Beside what a loop or a moved level leaves, the" if looped else "The"
            sentence = (
                f"{beside} energy above 4.5 kHz pulses at exactly {rate.hz:.2f} Hz and its "
                f"multiples, {known}; {compared}"
            )
            if finding.common_and_faint:
                sentence += " So faint, old game machines and trackers pulse there too."
        return Evidence(self.name, finding.score, sentence, rate.hz)

    def place(self, finding: ClockFinding, context: Context) -> Place | None:
        """Return the clock's rate, where it is a finding by itself."""
        finds = context.p_value(self.name, finding.score) <= context.alpha
        return Place(finding.rate.hz) if finds else None

    def is_known(self, finding: ClockFinding) -> bool:
        """Whether generators are known for the rate."""
        return bool(finding.rate.known_for)


BRANCH: Final = ClockBranch()
