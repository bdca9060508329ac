"""Templates whose lines are all moved by one factor, as evidence."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from detector.calibration.calibration import Calibration
from detector.evidence.branch import (
    LOOPED_MOST,
    TELLING,
    Branch,
    BranchScores,
    Context,
    MovedLines,
    Recording,
)
from detector.evidence.speed import repeats
from detector.evidence.templates import FULL_RATE, PitchFinding, compare_moved
from detector.types import Evidence


class PitchBranch(Branch[PitchFinding]):
    """A shifted pitch, or a relative of a known decoder at another sample rate."""

    name = "pitch"

    def search(self, recording: Recording) -> PitchFinding | None:
        """Return the best template and factor; None below 44.1 kHz (too much is alike)."""
        lines = recording.lines
        if lines is None or lines.population != FULL_RATE:
            return None
        find = lines.template_set.find_moved(lines.cosines, lines.population)
        if find.score < TELLING:
            return find
        return replace(find, looped=repeats(recording.observed, find.factor))

    def search_all(self, recordings: Sequence[Recording]) -> list[PitchFinding | None]:
        """Return ``search`` of each, with all cosines computed at once."""
        lines = [recording.lines for recording in recordings if recording.lines is not None]
        compare_moved([one for one in lines if one.population == FULL_RATE])
        return [self.search(recording) for recording in recordings]

    def nats(self, finding: PitchFinding, scores: BranchScores, calibration: Calibration) -> float:
        """Return the nats; little counts where a loop draws such lines."""
        nats = scores.nats(calibration, self.name, finding.score)
        return min(nats, LOOPED_MOST) if finding.looped else nats

    def evidence(self, finding: PitchFinding, context: Context) -> Evidence | None:
        """Return the sentence, unless another branch decided."""
        if context.decided not in (None, self.name):
            return None
        if not context.speaks(self.name, finding.score):
            return None
        compared = context.compared(
            self.name, finding.score, "match a known decoder, moved, equally well"
        )
        finds = context.is_finding(self.name, finding.score)
        resembles = (
            f"The fixed lines of the spectrum resemble those of {finding.nearest}, all moved by "
            f"{finding.moved}"
        )
        if finds and (context.scores.looped or finding.looped):
            sentence = f"{resembles}, but a loop or a moved level draws such lines too; {compared}"
        elif finds:
            sentence = (
                f"{resembles}, as an altered pitch or speed moves them, or a relative of that "
                f"decoder at another sample rate; {compared}"
            )
        else:
            sentence = (
                "The fixed lines of the spectrum faintly resemble a known decoder's, moved in "
                f"pitch, not above what human recordings show; {compared}"
            )
        return Evidence(self.name, finding.score, sentence)

    def moved(self, finding: PitchFinding, context: Context) -> MovedLines | None:
        """Return factor and template, where they are a finding."""
        finds = context.is_finding(self.name, finding.score)
        return MovedLines(finding.factor, finding.nearest) if finds else None


BRANCH: Final = PitchBranch()
