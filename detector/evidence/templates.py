"""The templates branch: do the fixed lines of the spectrum match a known generator's?

The excess of ``Observation.shares`` over a median of 9 bins, in two bands that weigh alike, is a
recording's vector. The mean and the main directions of human recordings are removed; a template is
the mean of a decoder's vectors. A score is the cosine with one, on the scale of human recordings
of the population: 0 is their median and 1 their 95 % point.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log2
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from detector.audio.spectra import BIN_HZ, LTAS_BAND_HZ
from detector.calibration.calibration import HumanScores
from detector.evidence.shift_search import Correlator, factors, near, peaks
from detector.observation.observation import Observation
from detector.types import FloatArray

BASELINE_BINS: Final = 9
CLIP: Final = 0.1
BANDS_HZ: Final = ((1_000, 8_000), (5_000, 16_000))
BANDS: Final = tuple((round(low / BIN_HZ), round(high / BIN_HZ)) for low, high in BANDS_HZ)
GATE_BAND_HZ: Final = 500.0  # a band this wide is empty or not
GATE_DB: Final = 95.0  # below the loudest band between 0.25 and 4 kHz: nothing but dither
LOUDEST_HZ: Final = (250.0, 4_000.0)
SCALES: Final = ("middle", "spread", "peak_middle", "peak_spread")
FULL_RATE: Final = "full_rate"  # the population of 44.1 kHz and up


def residual(observed: Observation) -> FloatArray:
    """Return the vector [6686] of a recording; all zero where nothing stands out."""
    shares = observed.shares
    lines = (shares - median_filter(shares, BASELINE_BINS, mode="nearest")).clip(0, CLIP)
    band = (np.arange(len(shares)) * (BIN_HZ / GATE_BAND_HZ)).astype(np.int64)
    lines = np.where(_empty_bands(observed.ltas)[band], 0, lines)
    parts = []
    for low, high in BANDS:
        part = lines[low:high]
        parts.append(part / max(float(part.max()), 1e-9))
    return np.concatenate(parts).astype(np.float32)


def _empty_bands(ltas: FloatArray) -> NDArray[np.bool_]:
    """Return which 500 Hz bands are empty; all of them where there is no spectrum."""
    wide = round(GATE_BAND_HZ / LTAS_BAND_HZ)
    if len(ltas) == 0:
        return np.ones(ltas.shape[1] // wide, bool)
    level = 10 * np.log10((10 ** (ltas.astype(np.float64) / 10)).mean(axis=0))
    first, last = (round(hz / LTAS_BAND_HZ) for hz in LOUDEST_HZ)
    empty: NDArray[np.bool_] = (
        level.reshape(-1, wide).max(axis=1) < level[first:last].max() - GATE_DB
    )
    return empty


def unit(vectors: FloatArray, human_mean: FloatArray, axes: FloatArray | None = None) -> FloatArray:
    """Return residuals [..., 6686] without the human part, each at length 1.

    ``human_mean`` [6686] and each vector's own mean are subtracted, then the orthonormal ``axes``
    [n, 6686] are projected out.
    """
    centred = vectors - human_mean
    centred = centred - centred.mean(axis=-1, keepdims=True)
    if axes is not None:
        centred = centred - (centred @ axes.T) @ axes
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    scaled: FloatArray = centred / np.maximum(length, 1e-9)
    return scaled


@dataclass(frozen=True)
class TemplateSet:
    """Templates of known decoders.

    ``human_mean`` [6686] and ``human_axes`` [n, 6686] are as in ``unit``; ``vectors`` [decoders,
    6686] are at length 1. ``middle`` and ``spread`` [decoders] are the median of human recordings
    and from there to their 95 % point, by population; ``peak_middle`` and ``peak_spread`` are
    those of ``shift_search.peaks``. Names that are not ``generators`` are codecs and voices.
    """

    names: tuple[str, ...]
    generators: frozenset[str]
    human_mean: FloatArray
    human_axes: FloatArray
    vectors: FloatArray
    middle: dict[str, FloatArray]
    spread: dict[str, FloatArray]
    peak_middle: dict[str, FloatArray] = field(default_factory=dict)
    peak_spread: dict[str, FloatArray] = field(default_factory=dict)

    def only(self, kept: Sequence[int]) -> Self:
        """Return some of the templates."""
        by_population: dict[str, Any] = {
            name: {population: values[kept] for population, values in getattr(self, name).items()}
            for name in SCALES
        }
        names = tuple(self.names[index] for index in kept)
        return replace(
            self,
            names=names,
            generators=self.generators & set(names),
            vectors=self.vectors[kept],
            **by_population,
        )

    def unit(self, vectors: FloatArray) -> FloatArray:
        """Return residuals [..., 6686] at length 1 without the human part."""
        return unit(vectors, self.human_mean, self.human_axes)

    def scores(self, units: FloatArray, population: str) -> FloatArray:
        """Return one recording's score against each template; ``units`` [6686] by ``unit``.

        Double precision, because threads change the last bits of a product.
        """
        cosine = self._vectors_in_double @ units.astype(np.float64)
        return self._scores_of(cosine, population)

    def _scores_of(self, cosine: NDArray[np.floating[Any]], population: str) -> FloatArray:
        scores: FloatArray = ((cosine - self.middle[population]) / self.spread[population]).astype(
            np.float32
        )
        return scores

    @cached_property
    def _vectors_in_double(self) -> NDArray[np.float64]:
        vectors: NDArray[np.float64] = self.vectors.astype(np.float64)
        return vectors

    @cached_property
    def _correlator(self) -> Correlator:
        return Correlator(self.vectors, BANDS)

    def transposed(self, units: FloatArray) -> FloatArray:
        """Return one recording's cosines [decoders, factors], see ``shift_search``."""
        cosines: FloatArray = self.transposed_all(units[None])[0]
        return cosines

    def transposed_all(self, units: FloatArray) -> FloatArray:
        """Return the cosines [rows, decoders, factors] of recordings [rows, 6686]."""
        return self._correlator.cosines(units)

    def find_moved(self, cosines: FloatArray, population: str) -> "PitchFinding":
        """Return the template that stands out most, of ``transposed`` cosines."""
        height, columns = peaks(cosines)
        scores = (height - self.peak_middle[population]) / self.peak_spread[population]
        best = int(scores.argmax())
        factor = float(factors()[columns[best]])
        return PitchFinding(round(float(scores[best]), 4), self.names[best], round(factor, 5))

    def score_near(self, cosines: FloatArray, factor: float, population: str) -> float:
        """Return the best template's score at a factor, of ``transposed`` cosines."""
        return float(self._scores_of(near(cosines, factor), population).max())


@dataclass(frozen=True)
class TemplateMatch:
    """The best template's score and name; ``named`` is None where it is not clear enough."""

    score: float
    nearest: str
    named: str | None


@dataclass(frozen=True)
class PitchFinding:
    """The template whose lines fit best if all are moved by a factor (1.06: a semitone up).

    ``looped``: a sample-exact loop draws such lines (``detector.evidence.speed.repeats``).
    """

    score: float
    nearest: str
    factor: float
    looped: bool = False

    @property
    def moved(self) -> str:
        """The factor for people, in percent and semitones."""
        return f"{self.factor - 1:+.1%} ({12 * log2(self.factor):+.1f} semitones)"


@dataclass(frozen=True)
class Learned:
    """A template from a few tracks of one new generator, with a null of its own.

    ``vector`` [6686] is at length 1, and zero above the band of all its tracks; ``humans`` are the
    cosines of human recordings. It applies to its own population and, below 44.1 kHz, to its own
    sample rates.
    """

    name: str
    vector: FloatArray
    humans: HumanScores
    population: str
    sample_rates_hz: tuple[int, ...]
    rate_hz: float | None
    tracks: int

    def surprise(
        self, units: FloatArray, population: str, sample_rate_hz: int, seconds: float
    ) -> float | None:
        """Return how surprising a recording's match is; None where it does not apply."""
        if population != self.population:
            return None
        if population != FULL_RATE and sample_rate_hz not in self.sample_rates_hz:
            return None
        return self.humans.surprise(self.cosine(units), seconds)

    def cosine(self, units: FloatArray) -> float:
        """Return the match of one recording [6686]."""
        return float(self.vector.astype(np.float64) @ units.astype(np.float64))


@dataclass(frozen=True)
class Attribution:
    """When a template's score names its generator: only with a margin over the next template."""

    min_score: float
    min_margin: float
    populations: tuple[str, ...]

    def name(self, template_set: TemplateSet, scores: FloatArray, population: str) -> str | None:
        """Return the generator, or None where it is not clear enough."""
        if population not in self.populations:
            return None
        order = np.argsort(scores)
        name, best = template_set.names[int(order[-1])], float(scores[order[-1]])
        margin = best - float(scores[order[-2]]) if len(order) > 1 else best
        clear = best >= self.min_score and margin >= self.min_margin
        return name if clear and name in template_set.generators else None


@dataclass(frozen=True)
class FixedLines:
    """The fixed lines of one recording, ``units`` [6686] by ``TemplateSet.unit``, and templates."""

    template_set: TemplateSet
    units: FloatArray
    population: str
    attribution: Attribution | None = None
    learned: tuple[Learned, ...] = ()

    @cached_property
    def cosines(self) -> FloatArray:
        """The cosines [decoders, factors] with every template, moved by every factor."""
        return self.template_set.transposed(self.units)


def compare_moved(lines: Sequence[FixedLines]) -> None:
    """Compute the ``cosines`` of recordings at once; all have one set of templates.

    The spectra of the templates, which no cache holds, are then read once for all.
    """
    missing = [recording for recording in lines if "cosines" not in vars(recording)]
    if missing:
        units = np.stack([recording.units for recording in missing])
        cosines = missing[0].template_set.transposed_all(units)
        for recording, own in zip(missing, cosines, strict=True):
            vars(recording)["cosines"] = own
