"""What a branch of evidence is: it searches a recording, weighs its finding, and explains it."""

from abc import ABC
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, log
from typing import ClassVar, Final, Generic, NamedTuple, Protocol, Self, TypeVar, cast

from detector.calibration.calibration import DIGITS, Calibration, HumanScores
from detector.evidence.clock import ClockFinding, Lattice
from detector.evidence.families import Families
from detector.evidence.registry import ENTRIES, Entry
from detector.evidence.templates import FixedLines
from detector.observation.observation import Observation
from detector.types import Evidence

LOOPED_MOST: Final = log(10)
"""In nats: what evidence but the clock counts at most in a loop or under a moved level."""
SPEAKS: Final = log(20)
"""In nats: from here on a branch that stands alone is worth a sentence."""
NO_TRACE_P: Final = 0.1
"""From this p-value on, a score is nothing conspicuous."""
TELLING: Final = 2.0
"""A template's score (1: one human recording in twenty) that tells one speed from another.

A pitch may count more than a loop lets it only below this score.
"""
SCORE_DIGITS: Final = DIGITS


class Finding(Protocol):
    """What one branch found in one recording."""

    @property
    def score(self) -> float:
        """The raw score, before it is compared with human recordings."""


F = TypeVar("F", bound=Finding)


@dataclass(frozen=True)
class Recording:
    """What branches search.

    ``lines`` is None where the model has no templates, ``families`` where it does not know the
    recording's population.
    """

    observed: Observation
    lattice: Lattice
    clock: ClockFinding
    looped: bool
    lines: FixedLines | None = None
    families: Families | None = None


@dataclass(frozen=True)
class BranchScores:
    """Findings in one recording of ``seconds``, by branch; a branch without a finding is absent.

    ``even`` is its evenness (``detector.calibration.strata``). ``looped``: the strongest pulse is
    that of a sample-exact loop or of a moved level.
    """

    findings: Mapping[str, Finding]
    seconds: float
    looped: bool = False
    even: float = 0.0

    def only(self, branches: Collection[str]) -> Self:
        """Return the findings of some branches."""
        kept = {name: finding for name, finding in self.findings.items() if name in branches}
        return replace(self, findings=kept)

    def score_of(self, branch: str) -> float | None:
        """Return the raw score of one branch; None where it has no finding."""
        return self.findings[branch].score if branch in self.findings else None

    def nats(self, calibration: Calibration, statistic: str, score: float) -> float:
        """Return how surprising a score is among human recordings; little in a loop."""
        return self.unless_looped(calibration.looks[statistic].surprise(score, self.seconds))

    def unless_looped(self, nats: float) -> float:
        """Return the nats, of which little counts in a loop."""
        return min(nats, LOOPED_MOST) if self.looped else nats


@dataclass(frozen=True)
class Context:
    """Scores, their calibration and the decision, for the sentences of branches.

    ``alpha`` is the rate of ``suspected``. ``decided`` is the branch that made the answer one of
    ``detector.types.TIERS``; None where it is none.
    """

    scores: BranchScores
    observed: Observation
    calibration: Calibration
    alpha: float
    decided: str | None = None

    def humans(self, statistic: str) -> HumanScores:
        """Return the human scores of a statistic."""
        return self.calibration.looks[statistic]

    def p_value(self, statistic: str, score: float) -> float:
        """Return the p-value of a score by itself."""
        return self.humans(statistic).p_value(score, self.scores.seconds)

    def is_finding(self, statistic: str, score: float) -> bool:
        """Whether a score is rarer than ``alpha`` among human recordings."""
        return self.humans(statistic).is_finding(score, self.scores.seconds, self.alpha)

    def speaks(self, statistic: str, score: float) -> bool:
        """Whether a score is surprising enough for a sentence."""
        return self.humans(statistic).surprise(score, self.scores.seconds) >= SPEAKS

    def compared(self, statistic: str, score: float, what: str) -> str:
        """Return the end of a sentence: how many human performances score as high."""
        humans = self.humans(statistic)
        as_strong = ceil(humans.as_strong(score, self.scores.seconds))
        return f"{as_strong} of {humans.performances} human performances {what}."


class MovedLines(NamedTuple):
    """Fixed lines moved by a ``factor``; ``nearest`` is the template, where it is known."""

    factor: float
    nearest: str | None = None


class Place(NamedTuple):
    """The ``rate_hz`` to follow through a track, and the extent and coverage where known."""

    rate_hz: float
    extent: str | None = None
    coverage: float | None = None


class Branch(ABC, Generic[F]):
    """One branch of evidence, with one or more *statistics*.

    These are scores with a human distribution of their own; the first has the branch's name.
    """

    name: ClassVar[str]

    @property
    def entry(self) -> Entry:
        """The registry's line: role, penalty, words."""
        return ENTRIES[self.name]

    def of(self, scores: BranchScores) -> F | None:
        """Return this branch's finding, or None."""
        return cast("F | None", scores.findings.get(self.name))

    def search(self, recording: Recording) -> F | None:
        """Return what the branch finds in a recording; None where it cannot search."""
        raise NotImplementedError

    def search_all(self, recordings: Sequence[Recording]) -> list[F | None]:
        """Return what the branch finds in each of several recordings, of one geometry."""
        return [self.search(recording) for recording in recordings]

    def statistics(self, branches: Collection[str]) -> tuple[str, ...]:
        """Return the statistics that a calibration holds, in a model of these branches."""
        return (self.name,)

    def statistic(
        self, name: str, finding: F, scores: BranchScores, known: Calibration
    ) -> float | None:
        """Return the value of one of ``statistics``."""
        return finding.score

    def nats(self, finding: F, scores: BranchScores, calibration: Calibration) -> float:
        """Return how surprising the finding is among human recordings, with guards applied."""
        return scores.nats(calibration, self.name, finding.score)

    def evidence(self, finding: F, context: Context) -> Evidence | None:
        """Return the sentence; None where the finding is not worth one."""
        raise NotImplementedError

    def place(self, finding: F, context: Context) -> Place | None:
        """Return where the trace is, if this branch decided and has a pulse to follow."""
        return None

    def generator(self, finding: F) -> str | None:
        """Return the generator that the finding names."""
        return None

    def is_known(self, finding: F) -> bool:
        """Whether the finding is a trace of a known decoder."""
        return True

    def moved(self, finding: F, context: Context) -> MovedLines | None:
        """Return the factor by which fixed lines are moved, where that is a finding."""
        return None


def listed(names: tuple[str, ...]) -> str:
    """Return names as a sentence lists them; of many, the three best known."""
    if len(names) > 3:
        names = (*names[:3], "others")
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
