"""An altered speed as evidence: the pulse that fits one, and the templates at that speed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from detector.calibration.calibration import Calibration
from detector.evidence.branch import (
    SCORE_DIGITS,
    SPEAKS,
    TELLING,
    Branch,
    BranchScores,
    Context,
    MovedLines,
    Place,
    Recording,
)
from detector.evidence.speed import ScaledPulse, search, search_all
from detector.evidence.templates import FixedLines, compare_moved
from detector.types import Evidence

LINES: Final = "speed_lines"
"""The statistic of the templates at the altered speed."""
BOTH: Final = "altered"
"""The statistic of pulse and templates at the altered speed, added."""


@dataclass(frozen=True)
class SpeedFinding:
    """The pulse at an altered speed, and the score of the best template at it, if there is one."""

    pulse: ScaledPulse
    lines: float | None = None

    @property
    def score(self) -> float:
        """The score of the pulse."""
        return self.pulse.score


class SpeedBranch(Branch[SpeedFinding]):
    """The clock at one scale, with the templates at that scale as a second witness."""

    name = "speed"

    def search(self, recording: Recording) -> SpeedFinding:
        """Return the best scale; templates choose between scales that fit the same pulse."""
        return _with_lines(search(recording.observed), recording.lines)

    def search_all(self, recordings: Sequence[Recording]) -> list[SpeedFinding | None]:
        """Return ``search`` of each, with all sums and cosines computed at once."""
        compare_moved([recording.lines for recording in recordings if recording.lines is not None])
        pulses = search_all([recording.observed for recording in recordings])
        pairs = zip(pulses, recordings, strict=True)
        return [_with_lines(pulse, recording.lines) for pulse, recording in pairs]

    def statistics(self, branches: Collection[str]) -> tuple[str, ...]:
        """Return the pulse; with templates also their score, and the sum of both."""
        return (self.name, LINES, BOTH) if "templates" in branches else (self.name,)

    def statistic(
        self, name: str, finding: SpeedFinding, scores: BranchScores, known: Calibration
    ) -> float | None:
        """Return the score of the pulse, of the templates, or the sum of both in nats."""
        if name == LINES:
            return finding.lines
        return self.total(finding, scores, known) if name == BOTH else finding.score

    def total(self, finding: SpeedFinding, scores: BranchScores, known: Calibration) -> float:
        """Return pulse and templates added, each in nats."""
        total = scores.nats(known, self.name, finding.score)
        if finding.lines is not None:
            total += scores.nats(known, LINES, finding.lines)
        return round(total, SCORE_DIGITS)

    def nats(self, finding: SpeedFinding, scores: BranchScores, calibration: Calibration) -> float:
        """Return how surprising pulse and templates are together."""
        total = self.total(finding, scores, calibration)
        return total if finding.lines is None else scores.nats(calibration, BOTH, total)

    def evidence(self, finding: SpeedFinding, context: Context) -> Evidence | None:
        """Return the sentence; it claims a pulse only where the pulse is a finding by itself."""
        if self.nats(finding, context.scores, context.calibration) < SPEAKS:
            return None
        pulse, statistic, score = finding.pulse, self.name, finding.score
        if finding.lines is not None:
            statistic, score = BOTH, self.total(finding, context.scores, context.calibration)
        finds = context.is_finding(statistic, score)
        pulsing = finds and context.is_finding(self.name, finding.score)
        lined = finding.lines is not None and context.is_finding(LINES, finding.lines)
        if finds and context.scores.looped:
            sentence = (
                "Pulse and fixed lines fit a decoder's at an altered speed, but a loop or a moved "
                "level makes such, too;"
            )
        elif pulsing and lined:
            sentence = (
                f"{pulse.sentence} At that speed the fixed lines of the spectrum resemble a known "
                "decoder's, too."
            )
        elif pulsing:
            sentence = pulse.sentence
        elif finds:
            sentence = (
                "The fixed lines of the spectrum resemble a known decoder's if the speed was "
                f"altered by {pulse.scale - 1:+.1%}, and a faint pulse fits that;"
            )
        else:
            sentence = (
                "A faint trace was found where an altered speed might put a decoder's (a pulse at "
                f"{pulse.heard_hz:.2f} Hz, or lines), not above what human recordings show;"
            )
        compared = context.compared(statistic, score, "fit as well")
        hz = pulse.heard_hz if pulsing else None
        return Evidence(self.name, finding.score, f"{sentence} {compared}", hz)

    def place(self, finding: SpeedFinding, context: Context) -> Place | None:
        """Return the pulse's rate in the recording, where it is a finding by itself."""
        finds = context.is_finding(self.name, finding.score)
        return Place(finding.pulse.heard_hz) if finds else None

    def moved(self, finding: SpeedFinding, context: Context) -> MovedLines | None:
        """Return the scale, where the templates at it are a finding."""
        if finding.lines is None or not context.is_finding(LINES, finding.lines):
            return None
        return MovedLines(finding.pulse.scale)


def _with_lines(pulse: ScaledPulse, lines: FixedLines | None) -> SpeedFinding:
    if lines is None:
        return SpeedFinding(pulse)
    scores = {
        scale: lines.template_set.score_near(lines.cosines, scale, lines.population)
        for scale in pulse.scales
    }
    best = max(scores, key=lambda scale: scores[scale])
    score = round(scores[best], SCORE_DIGITS)
    return SpeedFinding(pulse.at(best) if score >= TELLING else pulse, score)


BRANCH: Final = SpeedBranch()
