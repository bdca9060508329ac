"""Fitting the templates branch, and scoring every recording as if its maker were unknown.

A template of the own generator would flatter an AI track, so each is scored by templates of
*other* generators only, leaving out also what stands in the same repositories (their tracks
share an encoder). A human track is scored with middle and scale from other repositories'
human tracks. Whatever is calibrated or reported uses these out-of-fold scores; the released
bank is fitted on everything.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.answer import SCORE_DIGITS
from detector.calibration import Branch, HumanScores
from detector.errors import BadInput
from detector.templates import Attribution, Bank, residual, unit
from detector.types import FloatArray
from models.figures import BoolVector, FloatVector
from models.scoring import Scored, populations

MIN_TRACKS: Final = 3  # fewer make a portrait of a song
HUMAN_QUANTILE: Final = 0.95
FUSION_QUANTILE: Final = 0.90
# Chosen on the tracks of the card: further apart than any human recording, and than any two
# generators that do not share a decoder; below 44.1 kHz encoders and decoders look alike.
ATTRIBUTION: Final = Attribution(min_score=4.0, min_margin=2.0, populations=("full_rate",))


@dataclass(frozen=True)
class Fused:
    """Out-of-fold scores of both branches together, and what a release needs of them.

    ``branches`` is by population, then by branch.
    """

    scored: list[Scored]
    bank: Bank
    branches: dict[str, dict[str, Branch]]
    attribution: dict[str, float]


def fuse(scored: Sequence[Scored]) -> Fused:
    """Return scores of clock and templates together for every track that can be assessed."""
    members = [one for one in scored if one.reason is None]
    vectors = np.stack([residual(one.observed.observation) for one in members])
    found = dict(zip(map(id, members), out_of_fold(members, vectors), strict=True))
    with_both = [
        replace(one, template=round(float(found[id(one)]), SCORE_DIGITS))
        if one.reason is None
        else one
        for one in scored
    ]
    branches = {
        heard.name: {
            "clock": _branch([one.clock for one in heard.side(ai=False).tracks]),
            "templates": _branch([one.template for one in heard.side(ai=False).tracks]),
        }
        for heard in populations(with_both)
    }
    return Fused(
        [
            replace(one, score=_sum(one, branches[one.population])) if one.reason is None else one
            for one in with_both
        ],
        fit(members, vectors, np.ones(len(members), bool)),
        branches,
        attribution_figures(members, vectors),
    )


def _branch(humans: list[float]) -> Branch:
    middle, high = np.quantile(humans, (0.5, FUSION_QUANTILE))
    return Branch(
        HumanScores(np.sort(humans).astype(np.float32)),
        round(float(middle), 6),
        round(max(float(high - middle), 1e-3), 6),
    )


def _sum(one: Scored, branches: dict[str, Branch]) -> float:
    both = branches["clock"].scaled(one.clock) + branches["templates"].scaled(one.template)
    return round(both, SCORE_DIGITS)


def fit(members: Sequence[Scored], vectors: FloatArray, used: BoolVector) -> Bank:
    """Fit a bank on the tracks where ``used``; ``vectors`` [tracks, 6686] are residuals.

    Raises:
        BadInput: reason ``manifest``, without any generator of three tracks.
    """
    is_ai = np.array([one.is_ai for one in members])
    makers = np.array([one.maker for one in members])
    counts = Counter(makers[used & is_ai].tolist())
    names = sorted(name for name, count in counts.items() if count >= MIN_TRACKS)
    if not names or not (used & ~is_ai).any():
        raise BadInput("manifest", "templates need generators of three tracks, and human tracks")
    human_mean = vectors[used & ~is_ai].mean(axis=0)
    units = unit(vectors, human_mean)
    templates = np.stack([units[used & is_ai & (makers == name)].mean(axis=0) for name in names])
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    cosines = units[used & ~is_ai].astype(np.float64) @ templates.T.astype(np.float64)
    middle, high = np.quantile(cosines, (0.5, HUMAN_QUANTILE), axis=0)
    return Bank(
        tuple(names),
        human_mean,
        templates,
        middle.round(6).astype(np.float32),
        np.maximum(high - middle, 1e-6).round(6).astype(np.float32),
    )


def out_of_fold(members: Sequence[Scored], vectors: FloatArray) -> FloatVector:
    """Return each track's best template score with its maker left out."""
    is_ai = np.array([one.is_ai for one in members])
    groups = np.array([one.group for one in members])
    repositories = np.array([one.observed.track.repository for one in members])
    found = np.zeros(len(members))
    for ai, group in sorted({(one.is_ai, one.group) for one in members}):
        own = (is_ai == ai) & (groups == group)
        left_out = own | (is_ai & np.isin(repositories, repositories[own])) if ai else own
        bank = fit(members, vectors, ~left_out)
        for index in np.flatnonzero(own):
            found[index] = bank.scores(vectors[index]).max()
    return found


def attribution_figures(members: Sequence[Scored], vectors: FloatArray) -> dict[str, float]:
    """Return how often the generator is named, rightly or wrongly, at 44.1 kHz and up.

    ``known``: the track itself is left out of its template. ``unseen``: its generator has
    none, so whatever is named is wrong (or shares the decoder).
    """
    bank = fit(members, vectors, np.ones(len(members), bool))
    shares: Counter[str] = Counter()
    tracks = 0
    heard = [
        index
        for index, one in enumerate(members)
        if one.is_ai and one.population in ATTRIBUTION.populations
    ]
    makers = np.array([one.maker if one.is_ai else "" for one in members])
    units = unit(vectors, bank.human_mean)
    for index in heard:
        maker = members[index].maker
        if maker not in bank.names:
            continue
        tracks += 1
        own = bank.names.index(maker)
        scores = bank.scores(vectors[index])
        rest = np.flatnonzero((makers == maker) & (np.arange(len(members)) != index))
        template = units[rest].mean(axis=0)
        cosine = float(units[index] @ template / np.linalg.norm(template))
        scores[own] = (cosine - bank.middle[own]) / bank.spread[own]
        named = ATTRIBUTION.name(bank, scores, members[index].population)
        if named is not None:
            shares["known_right" if named == maker else "known_wrong"] += 1
        scores[own] = -np.inf
        shares["unseen_wrong"] += (
            ATTRIBUTION.name(bank, scores, members[index].population) is not None
        )
    return {
        name: round(shares[name] / max(tracks, 1), 4)
        for name in ("known_right", "known_wrong", "unseen_wrong")
    }


def manifest_of(fused: Fused) -> dict[str, Any]:
    """Return what a model's manifest says about its templates."""
    counts = Counter(one.maker for one in fused.scored if one.is_ai and one.reason is None)
    return {
        "names": list(fused.bank.names),
        "tracks": [counts[name] for name in fused.bank.names],
        "attribution": {
            "min_score": ATTRIBUTION.min_score,
            "min_margin": ATTRIBUTION.min_margin,
            "populations": list(ATTRIBUTION.populations),
        },
        "attribution_figures": fused.attribution,
    }


def tensors_of(fused: Fused) -> dict[str, NDArray[Any]]:
    """Return what a model's weights hold of them; half precision is plenty for a mean."""
    bank = fused.bank
    tensors: dict[str, NDArray[Any]] = {
        "templates.human_mean": bank.human_mean.astype(np.float16),
        "templates.vectors": bank.vectors.astype(np.float16),
        "templates.middle": bank.middle.astype(np.float32),
        "templates.spread": bank.spread.astype(np.float32),
    }
    for population, branches in fused.branches.items():
        for name, branch in branches.items():
            tensors[f"human_scores.{population}.{name}"] = branch.humans.values
    return tensors


def scales_of(fused: Fused, population: str) -> dict[str, dict[str, float]]:
    """Return the fusion's scale of each branch for a manifest."""
    return {
        name: {"middle": branch.middle, "spread": branch.spread}
        for name, branch in fused.branches[population].items()
    }
