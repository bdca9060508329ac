"""Simple rules and a published method on the same tracks and folds, to be compared with.

Each baseline that learns is a logistic regression without the fold of a track's maker.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import interp1d

from detector.errors import InvalidAudio
from detector.types import BoolVector, FloatArray, FloatVector
from models.augmentation.effects import resampled
from models.evaluation.measures import FPRS, by_fold, interval, separation
from models.learning.data import Track
from models.training.augmentation_cache import decoded
from models.training.confounds import facts_of
from models.training.metrics import balanced_weights, logistic, tpr_at
from models.training.scoring import Population

LEVEL_BANDS: Final = slice(1, 16)  # 0.25 to 4 kHz: loudness is taken off
FFT: Final = 16_384
MAX_S: Final = 180
HULL_BINS: Final = 10
HULL_FLOOR_DB: Final = -45.0
CUT_DB: Final = 5.0
SETTINGS: Final = {"full_rate": (44_100, 5_000.0, 16_000.0), "low_rate": (16_000, 1_000.0, 8_000.0)}
FAKEPRINT_VERSION: Final = 1


def compare(population: Population, cache: Path, seed: int) -> dict[str, dict[str, Any]]:
    """Return AUROC and TPR at 1 % and 5 % FPR, with intervals, of the model and of all others."""
    tracks = population.tracks
    scores: dict[str, FloatVector] = {"this model": population.scores}
    if any(one.template for one in tracks):
        scores["clock alone"] = np.array([one.clock for one in tracks])
        scores["templates alone"] = np.array([one.template for one in tracks])
    facts = np.array([facts_of(one) for one in tracks])
    scores["bit rate"] = left_out(facts[:, :1], population)
    ltas = [one.observed.observation.ltas.astype(np.float64) for one in tracks]
    spectra = np.stack([bands.mean(axis=0) for bands in ltas])  # dB of 250 Hz bands [tracks, 96]
    levelled = spectra - spectra[:, LEVEL_BANDS].mean(axis=1, keepdims=True)
    scores["mean spectrum"] = left_out(levelled, population)
    if population.name in ("full_rate", "low_rate"):
        prints = fakeprints([one.observed.track for one in tracks], population.name, cache)
        scores["fakeprint"] = left_out(prints.astype(float), population, plain=True)
    ai = population.labels
    return {
        name: separation(own[ai], own[~ai])
        | {
            f"tpr_at_{fpr:g}_interval": interval(population, own, partial(tpr_at, fpr=fpr), seed)
            for fpr in FPRS
        }
        for name, own in scores.items()
    }


def left_out(
    features: NDArray[np.float64], population: Population, *, plain: bool = False
) -> FloatVector:
    """Return the logit of each track from a regression that has not met its maker's fold.

    ``features`` [tracks, n] are standardised by those of the other folds, and every maker counts
    alike within its class. If ``plain``, neither is done, and only the classes count alike.
    """
    labels = population.labels
    names = labels.astype(str) if plain else np.array(population.groups)

    def judge(used: BoolVector) -> FloatVector:
        fitted, judged = features[used], features[~used]
        if not plain:
            middle, spread = fitted.mean(axis=0), fitted.std(axis=0).clip(min=1e-9)
            fitted, judged = (fitted - middle) / spread, (judged - middle) / spread
        weights = balanced_weights(labels[used], names[used].tolist())
        # With a ridge the solution lies in the span of the tracks: thousands of features
        # are turned into as many as there are tracks, and nothing changes.
        _, _, directions = np.linalg.svd(fitted, full_matrices=False)
        beta = logistic(fitted @ directions.T, labels[used], weights, ridge=1.0)
        logits: FloatVector = judged @ directions.T @ beta[:-1] + beta[-1]
        return logits

    return by_fold(population, judge)


def fakeprint(audio: FloatArray, rate_hz: int, population: str) -> FloatArray:
    """Return the fakeprint of samples [channels, n]: [4086] at full rate, [7166] at low.

    Built from the description of Afchar, Meseguer-Brocal, Akesbi and Hennequin, "A Fourier
    Explanation of AI-music Artifacts" (ISMIR 2025): the mean spectrum in dB less a lower hull. For
    measurements only: the method is named in patent applications of its authors' company.
    """
    to_hz, low_hz, high_hz = SETTINGS[population]
    wave = torch.from_numpy(resampled(audio[:, : MAX_S * rate_hz], rate_hz, to_hz))
    if wave.shape[1] < FFT:
        wave = torch.nn.functional.pad(wave, (0, FFT - wave.shape[1]))
    window = torch.hann_window(FFT)
    total = torch.zeros(FFT // 2 + 1)
    for channel in wave:
        spectrum = torch.stft(channel, FFT, FFT // 2, window=window, return_complex=True)
        total += (10 * spectrum.abs().square().clamp(1e-10, 1e6).log10()).mean(dim=1)
    hz = np.linspace(0, to_hz / 2, FFT // 2 + 1)
    profile = (total / len(wave)).numpy().astype(np.float64)[(hz > low_hz) & (hz < high_hz)]
    lowest = np.lib.stride_tricks.sliding_window_view(profile, HULL_BINS).argmin(axis=1)
    at = np.unique(np.concatenate(([0], lowest + np.arange(len(lowest)), [len(profile) - 1])))
    hull = interp1d(at, profile[at], kind="quadratic")(np.arange(len(profile)))
    above = (profile - hull.clip(min=HULL_FLOOR_DB)).clip(0, CUT_DB)
    print_: FloatArray = (above / (1e-6 + above.max())).astype(np.float32)
    return print_


def fakeprints(tracks: Sequence[Track], population: str, cache: Path) -> FloatArray:
    """Return [tracks, bins]; each file is decoded once and its print kept in ``cache``."""
    torch.set_num_threads(1)
    prints = []
    for track in tracks:
        path = cache / f"{track.sha256}-fakeprint-{FAKEPRINT_VERSION}.npy"
        if not path.exists():
            try:
                vector = fakeprint(*decoded(track.path), population)
            except InvalidAudio:  # decoded before, so this is rare: then it has no lines
                vector = np.zeros(1, np.float32)
            unfinished = path.with_suffix(".partial.npy")
            np.save(unfinished, vector)
            unfinished.replace(path)
        prints.append(np.load(path))
    return np.stack(prints)
