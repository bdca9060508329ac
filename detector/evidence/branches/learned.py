"""Generators that were learned from a few tracks, as evidence."""

from collections.abc import Collection
from dataclasses import dataclass
from math import log
from typing import Final

from detector.calibration.calibration import Calibration
from detector.evidence.branch import SCORE_DIGITS, SPEAKS, Branch, BranchScores, Context, Recording
from detector.types import Evidence


@dataclass(frozen=True)
class LearnedMatch:
    """The best match with a learned generator; its ``score`` is in nats."""

    score: float
    name: str


class LearnedBranch(Branch[LearnedMatch]):
    """Fixed lines that match a learned generator, each with a human null of its own."""

    name = "learned"

    def search(self, recording: Recording) -> LearnedMatch | None:
        """Return the best match; None where no learned generator applies."""
        lines, observed = recording.lines, recording.observed
        if lines is None:
            return None
        matches = [
            LearnedMatch(round(nats, SCORE_DIGITS), learned.name)
            for learned in lines.learned
            if (
                nats := learned.surprise(
                    lines.units, lines.population, observed.sample_rate_hz, observed.duration_s
                )
            )
            is not None
        ]
        return max(matches, key=lambda match: match.score, default=None)

    def statistics(self, branches: Collection[str]) -> tuple[str, ...]:
        """Return nothing: the null is that of the learned template."""
        return ()

    def nats(self, finding: LearnedMatch, scores: BranchScores, calibration: Calibration) -> float:
        """Return the nats, of which little counts in a loop."""
        return scores.unless_looped(finding.score)

    def evidence(self, finding: LearnedMatch, context: Context) -> Evidence | None:
        """Return the sentence; the null is small, so its tail decides what is a finding."""
        if finding.score < SPEAKS:
            return None
        sentence = (
            "The fixed lines of the spectrum match those of the few known tracks of "
            f"{finding.name}."
            if finding.score >= -log(context.alpha)
            else "The fixed lines of the spectrum faintly resemble those of a few known tracks, "
            "not above what human recordings show."
        )
        return Evidence(self.name, round(finding.score, SCORE_DIGITS), sentence)

    def generator(self, finding: LearnedMatch) -> str:
        """Return the learned generator."""
        return finding.name


BRANCH: Final = LearnedBranch()
