"""A resemblance to known generators' spectra as evidence."""

from dataclasses import dataclass
from typing import Final

from detector.evidence.branch import SCORE_DIGITS, Branch, Context, Recording
from detector.evidence.families import features
from detector.types import Evidence


@dataclass(frozen=True)
class FamiliesMatch:
    """The logit of the learned model."""

    score: float


class FamiliesBranch(Branch[FamiliesMatch]):
    """Lines all over the spectrum, weighed as known generators' tracks differ from people's."""

    name = "families"

    def search(self, recording: Recording) -> FamiliesMatch | None:
        """Return the match; None where the model does not know the population."""
        families = recording.families
        if families is None:
            return None
        return FamiliesMatch(round(families.logit(features(recording.observed)), SCORE_DIGITS))

    def evidence(self, finding: FamiliesMatch, context: Context) -> Evidence | None:
        """Return the sentence; None where it is not conspicuous."""
        if not context.speaks(self.name, finding.score):
            return None
        compared = context.compared(self.name, finding.score, "resemble them as much")
        resembles = (
            "The fine structure of the spectrum resembles that of known generators"
            if context.is_finding(self.name, finding.score)
            else "The fine structure of the spectrum faintly resembles that of known generators, "
            "not above what human recordings show"
        )
        return Evidence(self.name, finding.score, f"{resembles}; {compared}")


BRANCH: Final = FamiliesBranch()
