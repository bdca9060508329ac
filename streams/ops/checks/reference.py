"""Distance of the scores in service from those of the model's release.

The share of AI varies by the day. So a window is compared with the *mixture* of the release's human
and AI histograms that fits it best. PSI and KS come with a bootstrap interval, and with their 95 %
quantile without drift.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import orjson
from numpy.typing import NDArray

from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.store import monitoring
from streams.store.database import Ledger

LATEST: Final = 10_000  # scores that are looked at
NEWEST: Final = 2_000  # of them, for all deliverers together
FEWEST: Final = 10  # scores that make a window; the chance quantile is wide for so few
DELIVERERS: Final = 20  # that deliver most
ALL: Final = "all"
FULL_RATE_HZ: Final = 44_100  # as detector.assessment.model, which the monitor need not load
SMOOTH: Final = 0.5  # of a case in each bin: an empty one is rare, not impossible
STEPS: Final = 40  # of expectation-maximisation in one number: enough for three digits
TIMES: Final = 200  # bootstrap
GAUGES: Final = (metrics.REFERENCE_DRIFT, metrics.ESTIMATED_AI_SHARE, metrics.REFERENCE_CASES)

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Histograms:
    """How the scores of a release lie in one population; the last bin has no upper end."""

    edges: tuple[float, ...]
    human: tuple[int, ...]
    ai: tuple[int, ...]

    def binned(self, scores: Counts) -> Counts:
        """Return how many scores fall into each bin; below the first edge counts as the first."""
        bins = np.clip(np.searchsorted(self.edges, scores, side="right") - 1, 0, None)
        return np.bincount(bins, minlength=len(self.edges)).astype(np.float64)


@lru_cache(maxsize=8)
def release(folder: Path) -> tuple[str, str, Mapping[str, Histograms]]:
    """Return a release's name, its digest, and its histograms by population (empty: it has none).

    Raises:
        OSError, ValueError, KeyError: the manifest cannot be read.
    """
    data = (folder / "manifest.json").read_bytes()
    manifest = orjson.loads(data)
    histograms = {
        name: Histograms(tuple(bins["edges"]), tuple(bins["human"]), tuple(bins["ai"]))
        for name, bins in manifest.get("reference", {}).items()
    }
    return str(manifest["name"]), hashlib.sha256(data).hexdigest(), histograms


def measure(ledger: Ledger, settings: Settings) -> None:
    """Set the gauges."""
    for gauge in GAUGES:
        gauge.clear()
    name, digest, histograms = release(settings.model)
    if not histograms:
        return
    with ledger.reading() as connection:
        windows = _windows(monitoring.scores_of_model(connection, digest, LATEST))
    for (population, deliverer), scores in windows.items():
        if population not in histograms or len(scores) < FEWEST:
            continue
        share, distances = compared(histograms[population], np.asarray(scores, np.float64))
        of = (name, population, deliverer)
        metrics.REFERENCE_CASES.labels(*of).set(len(scores))
        metrics.ESTIMATED_AI_SHARE.labels(*of).set(share)
        for measure, value in distances.items():
            metrics.REFERENCE_DRIFT.labels(*of, measure).set(value)


def compared(reference: Histograms, scores: Counts) -> tuple[float, dict[str, float]]:
    """Return the fitted share of AI in a window of scores, and its distances from a release.

    ``psi`` and ``ks`` each come with ``_low`` and ``_high``, the interval of 95 %, and with
    ``_by_chance``, the 95 % quantile without drift.
    """
    window = reference.binned(scores)[None]
    human, ai = (np.asarray(bins, np.float64)[None] for bins in (reference.human, reference.ai))
    share, *values = _distances(window, human, ai)
    random = np.random.default_rng(0)  # the same data give the same figures

    def again(counts: Counts) -> Counts:
        drawn = random.multinomial(int(counts.sum()), counts[0] / counts.sum(), size=TIMES)
        return drawn.astype(np.float64)

    _, *resampled = _distances(again(window), again(human), again(ai))
    mixture = share[0] * _shares(ai) + (1 - share[0]) * _shares(human)
    _, *explained = _distances(again(window.sum() * mixture), again(human), again(ai))
    distances: dict[str, float] = {}
    for name, value, spread, null in zip(("psi", "ks"), values, resampled, explained, strict=True):
        low, high = np.quantile(spread, (0.025, 0.975))
        distances |= {name: float(value[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
        distances[f"{name}_by_chance"] = float(np.quantile(null, 0.95))
    return float(share[0]), distances


def _shares(counts: Counts) -> Counts:
    total = counts + SMOOTH
    shares: Counts = total / total.sum(axis=1, keepdims=True)
    return shares


def _distances(window: Counts, human: Counts, ai: Counts) -> tuple[Counts, Counts, Counts]:
    """Return the share of AI that explains each window [N, bins] best, and PSI and KS from it."""
    of_human, of_ai = _shares(human), _shares(ai)
    weights = window / window.sum(axis=1, keepdims=True)
    share = np.full((len(window), 1), 0.5)
    for _ in range(STEPS):
        by_ai = share * of_ai
        share = (weights * by_ai / (by_ai + (1 - share) * of_human)).sum(axis=1, keepdims=True)
    expected = share * of_ai + (1 - share) * of_human
    seen = _shares(window)
    psi = ((seen - expected) * np.log(seen / expected)).sum(axis=1)
    ks = np.abs(np.cumsum(weights - expected, axis=1)).max(axis=1)
    return share[:, 0], psi, ks


def _windows(scores: Iterable[tuple[float, int, str]]) -> dict[tuple[str, str], list[float]]:
    """Return the newest scores by population and deliverer; ``all`` is every deliverer."""
    windows: dict[tuple[str, str], list[float]] = defaultdict(list)
    by_deliverer: dict[str, int] = defaultdict(int)
    for score, rate_hz, deliverer in scores:
        population = "full_rate" if rate_hz >= FULL_RATE_HZ else "low_rate"
        windows[population, deliverer].append(score)
        by_deliverer[deliverer] += 1
        if len(windows[population, ALL]) < NEWEST:
            windows[population, ALL].append(score)
    largest = sorted(by_deliverer, key=lambda name: (-by_deliverer[name], name))[:DELIVERERS]
    return {key: values for key, values in windows.items() if key[1] in (ALL, *largest)}
