"""How the branches of evidence are scored and combined.

Each score is in nats of surprise among human recordings of its length. ``main`` is the sum of
clock, templates and families on that scale; each other branch pays a penalty for one more search:

    score = max(main, parts - ln 10, speed - ln 10, pitch - ln 10, learned - ln 2)

``Calibration.humans`` is the null of that maximum. See ``docs/explanation/detector.md``.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from math import inf, log
from typing import Any, Final

from detector.calibration.calibration import Calibration
from detector.calibration.strata import evenness
from detector.evidence.branch import (
    SCORE_DIGITS,
    Branch,
    BranchScores,
    Context,
    Finding,
    MovedLines,
    Recording,
)
from detector.evidence.registry import ALWAYS, BRANCHES, REGISTRY, Entry, Role
from detector.types import Evidence

MAIN: Final = "main"
"""The statistic of the sum, and what decides where no branch that stands alone does."""
CONCLUSIVE_NATS: Final = 10.0
"""Of the sum: from here on no branch that searches is scored."""

WITNESS_LEAST: Final = log(10)
"""In nats: what a witness of a known decoder must be worth to count as one."""
WITNESS_MOST: Final = log(150)
"""In nats: what a witness counts at most; what identifies is surprising beyond this."""


@cache
def branch(name: str) -> Branch[Any]:
    """Return the branch of a name."""
    loaded: Branch[Any] = import_module(f"detector.evidence.branches.{name}").BRANCH
    return loaded


def statistics_of(branches: Collection[str]) -> tuple[str, ...]:
    """Return the statistics of a calibration of these branches; sums follow their terms."""
    summed = [entry.name for entry in _entries(branches, Role.SUM)]
    main = [MAIN] if len(summed) > 1 else []
    alone = [entry.name for entry in _entries(branches, Role.SINGLE, Role.SEARCH)]
    return (
        *(name for part in summed for name in branch(part).statistics(branches)),
        *main,
        *(name for part in alone for name in branch(part).statistics(branches)),
    )


def statistic(name: str, scores: BranchScores, calibration: Calibration) -> float | None:
    """Return one of ``statistics_of``; None where its branch has no finding."""
    if name == MAIN:
        return main_sum(scores, calibration)
    owner = _owner(name)
    finding = owner.of(scores)
    return None if finding is None else owner.statistic(name, finding, scores, calibration)


@cache
def _owner(statistic_name: str) -> Branch[Any]:
    for entry in REGISTRY:
        if statistic_name in branch(entry.name).statistics(BRANCHES):
            return branch(entry.name)
    raise KeyError(statistic_name)


def search(
    recordings: Sequence[Recording], branches: Collection[str], calibration: Calibration
) -> list[BranchScores]:
    """Return the findings of the first branches, and of the others unless those are conclusive.

    The recordings have one geometry; what is found in one does not depend on the others.
    """
    first = _search(recordings, branches, Role.SUM, Role.SINGLE)
    scores = [_scores(*pair) for pair in zip(recordings, first, strict=True)]
    rows = [
        row for row, summed_up in enumerate(scores) if not is_conclusive(summed_up, calibration)
    ]
    further = _search([recordings[row] for row in rows], branches, Role.SEARCH)
    for row, findings in zip(rows, further, strict=True):
        scores[row] = replace(scores[row], findings={**scores[row].findings, **findings})
    return scores


def search_all(recording: Recording, branches: Collection[str]) -> BranchScores:
    """Return the findings of every branch, whatever the first ones find."""
    return _scores(recording, *_search([recording], branches, *Role))


def _search(
    recordings: Sequence[Recording], branches: Collection[str], *roles: Role
) -> list[dict[str, Finding]]:
    by_branch = {
        entry.name: branch(entry.name).search_all(recordings)
        for entry in _entries(branches, *roles)
    }
    return [
        {
            name: finding
            for name, findings in by_branch.items()
            if (finding := findings[row]) is not None
        }
        for row in range(len(recordings))
    ]


def _scores(recording: Recording, findings: dict[str, Finding]) -> BranchScores:
    observed = recording.observed
    return BranchScores(findings, observed.duration_s, recording.looped, evenness(observed))


def _entries(branches: Collection[str], *roles: Role) -> list[Entry]:
    return [
        entry
        for entry in REGISTRY
        if entry.role in roles and (entry.name in branches or not entry.trained)
    ]


def first_only(scores: BranchScores) -> BranchScores:
    """Return the findings of the branches that are always scored."""
    return scores.only({entry.name for entry in REGISTRY if entry.role is not Role.SEARCH})


def main_sum(scores: BranchScores, calibration: Calibration) -> float:
    """Return the sum of clock, templates and families, each in nats."""
    return round(sum(_nats(scores, calibration, Role.SUM).values()), SCORE_DIGITS)


def main(scores: BranchScores, calibration: Calibration) -> float:
    """Return how surprising the sum is, in nats; of one branch alone, its own nats."""
    parts = _nats(scores, calibration, Role.SUM)
    total = round(sum(parts.values()), SCORE_DIGITS)
    return total if len(parts) == 1 else calibration.looks[MAIN].surprise(total, scores.seconds)


def is_conclusive(scores: BranchScores, calibration: Calibration) -> bool:
    """Whether that sum is so strong that no other branch is scored."""
    return main(scores, calibration) >= CONCLUSIVE_NATS


def strongest(scores: BranchScores, calibration: Calibration) -> tuple[float, str]:
    """Return the nats of the strongest branch, less its penalty, and its name."""
    best, name = -inf, MAIN
    alone = _nats(scores, calibration, Role.SINGLE, Role.SEARCH)
    penalties = {entry.name: entry.penalty for entry in REGISTRY}
    counted = {part: nats - penalties[part] for part, nats in alone.items()}
    for part, nats in {MAIN: main(scores, calibration), **counted}.items():
        if nats > best:
            best, name = nats, part
    return round(best, SCORE_DIGITS), name


def can_identify(branches: Collection[str]) -> bool:
    """Whether branches are two witnesses or more of a known decoder."""
    return len({entry.witness for entry in _entries(branches, *Role)} - {""}) > 1


def identification(scores: BranchScores, calibration: Calibration) -> float:
    """Return how surprising the witnesses of a known decoder are together, in nats.

    The witnesses are the pulse and the spectrum: what reads the same data is one witness, whatever
    its branches. Each counts ``WITNESS_MOST`` at most, so that none identifies alone; 0 unless two
    are worth ``WITNESS_LEAST``.
    """
    witnesses: dict[str, float] = {}
    for entry in REGISTRY:
        finding = scores.findings.get(entry.name)
        owner = branch(entry.name)
        if finding is None or not entry.witness or not owner.is_known(finding):
            continue
        penalty = 0.0 if entry.role is Role.SUM else entry.penalty
        nats = owner.nats(finding, scores, calibration) - penalty
        witnesses[entry.witness] = max(nats, witnesses.get(entry.witness, 0.0))
    if sum(nats >= WITNESS_LEAST for nats in witnesses.values()) < 2:
        return 0.0
    return round(sum(min(nats, WITNESS_MOST) for nats in witnesses.values()), SCORE_DIGITS)


def _nats(scores: BranchScores, calibration: Calibration, *roles: Role) -> dict[str, float]:
    return {
        entry.name: branch(entry.name).nats(finding, scores, calibration)
        for entry in REGISTRY
        if entry.role in roles and (finding := scores.findings.get(entry.name)) is not None
    }


def summed() -> list[Branch[Any]]:
    """Return the branches that are added."""
    return [branch(entry.name) for entry in REGISTRY if entry.role is Role.SUM]


def deciding(name: str) -> Branch[Any]:
    """Return the branch that decided; of the sum, the clock, which alone has a place."""
    return branch(ALWAYS if name == MAIN else name)


def evidence(context: Context) -> tuple[Evidence, ...]:
    """Return the sentence of each branch that has one, in the registry's order."""
    sentences = (
        branch(entry.name).evidence(finding, context)
        for entry in REGISTRY
        if (finding := context.scores.findings.get(entry.name)) is not None
    )
    return tuple(sentence for sentence in sentences if sentence is not None)


def moved_lines(context: Context) -> MovedLines | None:
    """Return the factor by which fixed lines are moved; a branch that names a template first."""
    factors = [
        moved
        for entry in REGISTRY
        if (finding := context.scores.findings.get(entry.name)) is not None
        and (moved := branch(entry.name).moved(finding, context)) is not None
    ]
    return min(factors, key=lambda moved: moved.nearest is None, default=None)
