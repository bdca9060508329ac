"""Fitting the templates branch, and matching every recording as if its maker were unknown.

An AI track is matched with templates of makers outside its repository, a human one with mean,
directions and scale of other repositories. Templates are learned of generators and of *traces*:
singing synthesis, and recordings that went through a codec or vocoder.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from detector.assessment.model import narrowed, population
from detector.errors import BadInput
from detector.evidence.shift_search import peaks
from detector.evidence.templates import FULL_RATE, SCALES, Attribution, TemplateSet, residual, unit
from detector.types import BoolVector, FloatArray, FloatVector
from models.learning.data import AI, HUMAN
from models.learning.data import folds as group_folds
from models.learning.observations import Observed

MIN_TRACKS: Final = 3  # fewer make a portrait of a song
HUMAN_QUANTILE: Final = 0.95
HUMAN_FOLDS: Final = 10
PEAKED: Final = 200  # human recordings
DRAWN_SCORE: Final = 2.5  # which no human recording of the 38 that were delivered reaches
DRAWN_SHARE: Final = 0.1
DRAWN_FROM: Final = 10  # recordings
DRAWING: Final = frozenset(
    ("mp3-128", "mp3-64", "aac-96", "opus-64", "vorbis-128", "stretch-5%", "stretch+5%")
)
# Directions in which human recordings differ most. 5, 15 and 40 find unseen generators alike
# (AUROC 0.97 and 0.89 to 0.92 below 44.1 kHz), none at all fewer (0.97 and 0.87).
HUMAN_AXES: Final = 5
# Chosen on the tracks of the card: further apart than any human recording, and than any two
# generators that do not share a decoder; below 44.1 kHz encoders and decoders look alike.
ATTRIBUTION: Final = Attribution(min_score=4.0, min_margin=2.0, populations=("full_rate",))


@dataclass(frozen=True)
class Lines:
    """The residuals of many recordings with what is known of each, as arrays of one length.

    ``deliveries`` is empty where a recording was observed as it is.
    """

    vectors: FloatArray
    human: BoolVector
    ai: BoolVector
    makers: NDArray[np.str_]
    repositories: NDArray[np.str_]
    populations: NDArray[np.str_]
    deliveries: NDArray[np.str_]

    @classmethod
    def of(cls, observed: Sequence[Observed]) -> "Lines":
        """Take the residuals of recordings that can be assessed."""
        tracks = [one.track for one in observed]
        return cls(
            np.stack([residual(one.observation) for one in observed]),
            np.array([one.label == HUMAN for one in tracks], bool),
            np.array([one.label == AI for one in tracks], bool),
            np.array([one.maker for one in tracks]),
            np.array([one.repository for one in tracks]),
            np.array([population(one.observation.sample_rate_hz) for one in observed]),
            np.array([one.delivery for one in observed], np.str_),
        )

    def only(self, mask: BoolVector) -> "Lines":
        """Return some of the recordings."""
        return Lines(
            self.vectors[mask],
            self.human[mask],
            self.ai[mask],
            self.makers[mask],
            self.repositories[mask],
            self.populations[mask],
            self.deliveries[mask],
        )

    @property
    def recorded(self) -> BoolVector:
        """Which are human recordings as they are."""
        mask: BoolVector = self.human & (self.deliveries == "")
        return mask


def fit(lines: Lines, used: BoolVector) -> TemplateSet:
    """Fit a template set on the recordings where ``used``.

    Raises:
        BadInput: reason ``manifest``, without any maker of three tracks.
    """
    human, synthetic = used & lines.recorded, used & ~lines.human
    counts = Counter(lines.makers[synthetic].tolist())
    names = sorted(name for name, count in counts.items() if count >= MIN_TRACKS)
    if not names or not human.any():
        raise BadInput("manifest", "templates need generators of three tracks, and human tracks")
    mean = lines.vectors[human].mean(axis=0)
    axes = human_axes(unit(lines.vectors[human], mean))
    units = unit(lines.vectors, mean, axes)
    templates = np.stack([units[synthetic & (lines.makers == name)].mean(axis=0) for name in names])
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    cosines = units[used & lines.human].astype(np.float64) @ templates.T.astype(np.float64)
    people = lines.only(used & lines.human)
    scales = {
        name: _scale(cosines[people.recorded & (people.populations == name)])
        for name in sorted(set(people.populations[people.recorded].tolist()))
    }
    generators = set(lines.makers[synthetic & lines.ai].tolist())
    drawn = _drawn(people, cosines, scales)
    indices = [index for index, name in enumerate(names) if name in generators or not drawn[index]]
    return TemplateSet(
        tuple(names[index] for index in indices),
        frozenset(generators & set(names)),
        mean,
        axes,
        templates[indices],
        {name: middle[indices] for name, (middle, _) in scales.items()},
        {name: spread[indices] for name, (_, spread) in scales.items()},
    )


def _scale(cosines: FloatVector) -> tuple[FloatArray, FloatArray]:
    """Return (median, way to the 95 % point) [decoders] of human recordings' cosines."""
    middle, high = np.quantile(cosines, (0.5, HUMAN_QUANTILE), axis=0)
    return (
        middle.round(6).astype(np.float32),
        np.maximum(high - middle, 1e-6).round(6).astype(np.float32),
    )


def with_peaks(template_set: TemplateSet, lines: Lines, used: BoolVector) -> TemplateSet:
    """Return a set that can search for moved lines, by human recordings where ``used``.

    Moved lines are sought at 44.1 kHz and up alone. Of many recordings, some are enough for a
    median and a 95 % point.
    """
    here = np.flatnonzero(used & lines.recorded & (lines.populations == FULL_RATE))
    if len(here) == 0:
        return template_set
    people = lines.vectors[here[:: -(-len(here) // PEAKED)]]
    height = np.stack([peaks(template_set.transposed(one))[0] for one in template_set.unit(people)])
    middle, spread = _scale(height.astype(np.float64))
    return replace(template_set, peak_middle={FULL_RATE: middle}, peak_spread={FULL_RATE: spread})


def _drawn(
    people: Lines, cosines: FloatVector, scales: dict[str, tuple[FloatArray, FloatArray]]
) -> BoolVector:
    """Return which templates [decoders] deliveries of human recordings draw, too.

    A phase vocoder and some coders leave the grid of their own frames in the spectrum.
    """
    drawn = np.zeros(cosines.shape[1], bool)
    if FULL_RATE not in scales:
        return drawn
    middle, spread = scales[FULL_RATE]
    for kind in sorted(set(people.deliveries.tolist()) & DRAWING):
        here = (people.deliveries == kind) & (people.populations == FULL_RATE)
        if here.sum() >= DRAWN_FROM:
            scores = (cosines[here] - middle) / spread
            drawn |= (scores >= DRAWN_SCORE).mean(axis=0) >= DRAWN_SHARE
    return drawn


def human_axes(units: FloatArray) -> FloatArray:
    """Return the first principal directions [n, 6686] of human recordings, orthonormal."""
    centred = (units - units.mean(axis=0)).astype(np.float64)
    values, vectors = np.linalg.eigh(centred @ centred.T)
    count = min(HUMAN_AXES, int((values > 1e-9 * values[-1]).sum()))
    axes = vectors[:, ::-1][:, :count].T @ centred
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    largest = np.abs(axes).argmax(axis=1)  # a direction has no sign of its own: give it one
    axes *= np.sign(axes[np.arange(count), largest])[:, None]
    rounded: FloatArray = axes.astype(np.float32)
    return rounded


def out_of_fold(lines: Lines) -> FloatVector:
    """Return the best template score of AI and human recordings, their makers left out.

    0 for traces, which are no subjects themselves.
    """
    scores = np.zeros(len(lines.human))
    for own, template_set in folds(lines, peaked=False):
        units = template_set.unit(lines.vectors[own])
        population_name = lines.populations[own].tolist()
        scores[own] = [
            template_set.scores(one, name).max()
            for one, name in zip(units, population_name, strict=True)
        ]
    return scores


def folds(lines: Lines, *, peaked: bool) -> Iterator[tuple[BoolVector, TemplateSet]]:
    """Yield recordings that belong together, and the template set of the other makers.

    Human recordings go by tenths of their repositories, AI tracks by generator: a generator's
    fold lacks its template, and that of each maker who published in one of its repositories.
    ``peaked``: the sets can search for moved lines.
    """
    whole = _fitted(lines, np.ones(len(lines.human), bool), peaked)
    for name in sorted(set(lines.makers[lines.ai].tolist())):
        own = lines.ai & (lines.makers == name)
        beside = ~lines.human & np.isin(lines.repositories, lines.repositories[own])
        left_out = {name, *lines.makers[beside].tolist()}
        kept = [index for index, known in enumerate(whole.names) if known not in left_out]
        if not kept:
            raise BadInput("manifest", f"templates need makers outside {name}'s repositories")
        yield own, whole.only(kept)
    fold = np.full(len(lines.human), -1)
    people = np.flatnonzero(lines.human)
    fold[people] = group_folds(lines.repositories[people].tolist(), HUMAN_FOLDS)
    for number in sorted(set(fold[people].tolist())):
        own = fold == number
        beside = ~lines.human & np.isin(lines.repositories, lines.repositories[own])
        yield own, _fitted(lines, ~(own | beside), peaked)


def _fitted(lines: Lines, used: BoolVector, peaked: bool) -> TemplateSet:
    template_set = fit(lines, used)
    return with_peaks(template_set, lines, used) if peaked else template_set


def attribution_figures(lines: Lines) -> dict[str, float]:
    """Return how often the generator is named, rightly or wrongly, at 44.1 kHz and up.

    ``known``: the track itself is left out of its template. ``unseen``: its generator has
    none, so whatever is named is wrong (or shares the decoder).
    """
    template_set = fit(lines, np.ones(len(lines.human), bool))
    shares: Counter[str] = Counter()
    units = template_set.unit(lines.vectors)
    judged = lines.ai & np.isin(lines.populations, ATTRIBUTION.populations)
    judged &= np.isin(lines.makers, list(template_set.generators))
    for index in np.flatnonzero(judged):
        maker, population_name = str(lines.makers[index]), str(lines.populations[index])
        own = template_set.names.index(maker)
        scores = template_set.scores(units[index], population_name)
        rest = np.flatnonzero(lines.ai & (lines.makers == maker))
        template = units[rest[rest != index]].mean(axis=0)
        cosine = float(units[index] @ template / np.linalg.norm(template))
        scores[own] = (cosine - template_set.middle[population_name][own]) / template_set.spread[
            population_name
        ][own]
        named = ATTRIBUTION.name(template_set, scores, population_name)
        if named is not None:
            shares["known_right" if named == maker else "known_wrong"] += 1
        scores[own] = -np.inf
        shares["unseen_wrong"] += (
            ATTRIBUTION.name(template_set, scores, population_name) is not None
        )
    return {
        name: round(shares[name] / max(int(judged.sum()), 1), 4)
        for name in ("known_right", "known_wrong", "unseen_wrong")
    }


def manifest_of(
    template_set: TemplateSet, lines: Lines, attribution: dict[str, float]
) -> dict[str, Any]:
    """Return the templates' part of a model's manifest."""
    counts = Counter(lines.makers[~lines.human].tolist())
    enough = {name for name, count in counts.items() if count >= MIN_TRACKS}
    return {
        "names": list(template_set.names),
        "left_out": sorted(enough - set(template_set.names)),
        "populations": sorted(template_set.middle),
        "generators": sorted(template_set.generators),
        "tracks": [counts[name] for name in template_set.names],
        "attribution": {
            "min_score": ATTRIBUTION.min_score,
            "min_margin": ATTRIBUTION.min_margin,
            "populations": list(ATTRIBUTION.populations),
        },
        "attribution_figures": attribution,
    }


def tensors_of(template_set: TemplateSet) -> dict[str, NDArray[Any]]:
    """Return what a model's weights hold of them; a byte a number is plenty for a mean."""
    vectors, steps = narrowed(template_set.vectors)
    return {
        "templates.human_mean": template_set.human_mean.astype(np.float16),
        "templates.human_axes": template_set.human_axes.astype(np.float16),
        "templates.vectors": vectors,
        "templates.steps": steps,
        **{
            f"templates.{scale}.{name}": values
            for scale in SCALES
            for name, values in getattr(template_set, scale).items()
        },
    }
