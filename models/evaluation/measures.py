"""Figures of an evaluation: separation with intervals, probabilities, outcomes, attribution."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from detector.calibration.calibration import TYPICAL_S, HumanScores
from detector.evidence.branch import NO_TRACE_P
from detector.evidence.templates import TemplateSet
from detector.types import BoolVector, FloatVector
from models.training.confounds import fold_of
from models.training.metrics import (
    auroc,
    balanced_weights,
    brier,
    cluster_bootstrap,
    expected_calibration_error,
    fit_platt,
    rounded,
    tpr_at,
)
from models.training.scoring import Population, Scored
from models.training.template_fitting import ATTRIBUTION, Lines, fit

FPRS: Final = (0.01, 0.05)
ALPHAS: Final = (0.01, 0.02, 0.05)
FOLDS: Final = 5
FAMILY_SHARE: Final = 0.2  # of a generator's tracks that get another's name
BINS: Final = (0.0, 0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)


def separation(ai: FloatVector, human: FloatVector) -> dict[str, Any]:
    """Return the AUROC, and the TPR at each of ``FPRS``."""
    tprs = {f"tpr_at_{fpr:g}": rounded(tpr_at(ai, human, fpr)) for fpr in FPRS}
    return {"auroc": rounded(auroc(ai, human)), **tprs}


def interval(
    population: Population,
    scores: FloatVector,
    measure: Callable[[FloatVector, FloatVector], float],
    seed: int,
) -> list[float]:
    """Return the 95 % interval of ``measure(ai, human)`` over resampled makers."""
    ai, groups = population.labels, np.array(population.groups)
    sides = (scores[ai], groups[ai].tolist(), scores[~ai], groups[~ai].tolist())
    return [rounded(edge) for edge in cluster_bootstrap(*sides, measure, seed=seed)]


def by_fold(population: Population, judge: Callable[[BoolVector], FloatVector]) -> FloatVector:
    """Return a value for each track: ``judge(used)`` fits on other folds and values all others."""
    fold = np.array(fold_of(population, FOLDS))
    values = np.zeros(len(fold))
    for number in np.unique(fold):
        values[fold == number] = judge(fold != number)
    return values


def surprises(null: HumanScores, scores: FloatVector) -> FloatVector:
    """Return scores in nats among human scores, as the released fusion counts them."""
    return np.array([null.surprise(score, TYPICAL_S) for score in scores.tolist()])


def template_scores(template_set: TemplateSet, lines: Lines) -> FloatVector:
    """Return the best template's score of each recording."""
    units = template_set.unit(lines.vectors)
    pairs = zip(units, lines.populations.tolist(), strict=True)
    return np.array([float(template_set.scores(*pair).max()) for pair in pairs])


def roots_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a name for each name: the same for all that pairs join, directly or not."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for first, second in pairs:
        parent[root(first)] = root(second)
    return {name: root(name) for name in parent}


def left_out_probabilities(population: Population) -> FloatVector:
    """Return each track's probability by a fit without its maker's fold."""
    scores, labels, names = population.scores, population.labels, np.array(population.groups)

    def judge(used: BoolVector) -> FloatVector:
        platt = fit_platt(scores[used], labels[used], names[used].tolist())
        return platt.probability(scores[~used])

    return by_fold(population, judge)


def probability_figures(population: Population) -> dict[str, Any]:
    """Return Brier score, log loss, ECE and the reliability diagram's points, out of fold.

    Every maker counts alike within its class, so a probability is about a track of any maker.
    """
    p, labels = left_out_probabilities(population), population.labels
    weights = balanced_weights(labels, population.groups)
    sure = p.clip(1e-4, 1 - 1e-4)
    loss = -np.where(labels, np.log(sure), np.log(1 - sure))
    return {
        "brier": rounded(brier(p, labels, weights)),
        "log_loss": rounded(np.average(loss, weights=weights)),
        "ece": rounded(expected_calibration_error(p, labels, weights)),
        "bins": [
            {
                "from": low,
                "to": high,
                "tracks": int(own.sum()),
                "weight": rounded(weights[own].sum() / weights.sum()),
                "probability": rounded(np.average(p[own], weights=weights[own])),
                "ai_share": rounded(np.average(labels[own], weights=weights[own])),
            }
            for low, high in pairwise(BINS)
            if (own := (p >= low) & (p < high if high < 1 else p <= high)).any()
        ],
    }


def outcomes(
    population: Population, p_values: FloatVector, alpha: float
) -> dict[str, dict[str, float]]:
    """Return the shares of outcomes that the detector gives AI and human tracks.

    ``p_values`` [tracks] with the maker left out; the rules are those of
    ``detector.assessment.answer``, where nothing is identified.
    """
    looped = np.array([track.looped for track in population.tracks], bool)
    flagged = p_values <= alpha
    no_trace = ~flagged & (p_values >= NO_TRACE_P) & ~looped
    masks = {"suspected": flagged, "uncertain": ~flagged & ~no_trace, "no_trace": no_trace}
    return {
        label: {name: rounded(mask[side].mean()) for name, mask in masks.items()}
        for label, side in (("ai", population.labels), ("human", ~population.labels))
    }


def attribution(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return how often tracks are named rightly, wrongly or not at all, without abstentions.

    A track is *known* where its generator has a template from other repositories; else it is
    *unseen*, and every name is wrong. Generators often taken for each other are a family.
    """
    counts: dict[str, Counter[tuple[str, str]]] = {"known": Counter(), "unseen": Counter()}
    for status, maker, name in _names([track for track in scored if track.reason is None]):
        counts[status][maker, name] += 1
    shares = {status: _shares(pairs) for status, pairs in counts.items()}
    return {**shares, "families": families(counts["known"] + counts["unseen"])}


def _names(tracks: Sequence[Scored]) -> Iterator[tuple[str, str, str]]:
    """Yield the status of each AI track, its maker and the given name, empty if none is clear."""
    lines = Lines.of([track.observed for track in tracks])
    queries = lines.ai & np.isin(lines.populations, ATTRIBUTION.populations)
    for repository in sorted(set(lines.repositories[queries])):
        template_set = fit(lines, lines.repositories != repository)
        for index in np.flatnonzero(queries & (lines.repositories == repository)).tolist():
            population, maker = tracks[index].population, tracks[index].maker
            scores = template_set.scores(template_set.unit(lines.vectors[index]), population)
            name = ATTRIBUTION.name(template_set, scores, population)
            yield "known" if maker in template_set.names else "unseen", maker, name or ""


def _shares(counts: Counter[tuple[str, str]]) -> dict[str, float]:
    total = max(counts.total(), 1)
    right = sum(count for (maker, name), count in counts.items() if maker == name)
    unnamed = sum(count for (_, name), count in counts.items() if not name)
    return {
        "tracks": counts.total(),
        "right": rounded(right / total),
        "wrong": rounded((counts.total() - right - unnamed) / total),
        "not_named": rounded(unnamed / total),
    }


def families(counts: Counter[tuple[str, str]]) -> list[list[str]]:
    """Return groups of generators of which a fifth or more of one's tracks get another's name."""
    totals: Counter[str] = Counter()
    for (maker, _), count in counts.items():
        totals[maker] += count
    roots = roots_of(
        (maker, name)
        for (maker, name), count in sorted(counts.items())
        if name and name != maker and count >= FAMILY_SHARE * totals[maker]
    )
    families = set(roots.values())
    return sorted(sorted(name for name in roots if roots[name] == one) for one in families)
