"""Samples of recordings: as many of each maker, so that no maker's habits decide a result."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import av
import numpy as np

from detector.assessment.model import population
from models.learning.data import Track

EXCERPT_S: Final = 40.0
MIN_TRACK_S: Final = 9.9  # ten seconds, as cut by any tool


def sample(tracks: Iterable[Track], per_maker: int, seed: int) -> list[tuple[Track, float]]:
    """Return as many tracks of each generator and human source, with their seconds.

    Drawn by ``seed`` from those of 44.1 kHz and up and ten seconds or more; makers that
    have fewer give all.
    """
    rng = np.random.default_rng(seed)
    by_maker: dict[tuple[str, str], list[tuple[Track, float]]] = defaultdict(list)
    for track in tracks:
        rate_hz, duration_s = probe(track.path)
        if population(rate_hz) == "full_rate" and duration_s >= MIN_TRACK_S:
            by_maker[track.label, track.maker].append((track, duration_s))
    return [
        members[index]
        for _, members in sorted(by_maker.items())
        for index in rng.permutation(len(members))[:per_maker]
    ]


def probe(path: Path) -> tuple[int, float]:
    """Return sample rate and duration as the file's header states them; zeros where it does not."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = container.streams.audio[0]
            return stream.codec_context.sample_rate, (container.duration or 0) / 1e6
    except (av.error.FFmpegError, IndexError):
        return 0, 0.0
