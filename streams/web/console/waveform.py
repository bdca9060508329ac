"""The waveform and the segments of a track, as coordinates for an SVG."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import structlog

from detector.errors import EarmarkError
from detector.observation.storage import peaks_of
from detector.types import FloatArray
from streams.contract.records import ObservationRef, SegmentScore, TrackDecided
from streams.web.api.resources import AppResources

log = structlog.get_logger()

WIDTH: Final = 1_000
HEIGHT: Final = 120
STEPS: Final = 5
STRONGEST: Final = 4.0  # from this score on a segment has the full colour


@dataclass(frozen=True)
class Stretch:
    """One segment, where it lies in the picture, and how strong it is there."""

    segment: SegmentScore
    x: float
    width: float
    strength: int


@dataclass(frozen=True)
class Wave:
    """What is drawn: the outline's points, the stretches, the duration in seconds."""

    points: str
    stretches: tuple[Stretch, ...]
    duration_s: float
    width: int = WIDTH
    height: int = HEIGHT


def of(
    resources: AppResources, fingerprint: dict[str, Any], decision: TrackDecided | None
) -> Wave | None:
    """Return the waveform of a decoded upload, or None where nothing is kept (any more)."""
    if "observation" not in fingerprint:
        return None
    try:
        peaks, duration_s = peaks_of(
            resources.store.read(ObservationRef.model_validate(fingerprint["observation"]))
        )
    except EarmarkError as error:
        log.info("no_waveform", error=str(error))
        return None
    return Wave(outline(peaks), stretches(decision, duration_s), duration_s)


def outline(peaks: FloatArray, columns: int = 500) -> str:
    """Return the points of a polygon around the middle line, louder outwards."""
    if len(peaks) == 0:
        return ""
    columns = min(columns, len(peaks))
    edges = np.linspace(0, len(peaks), columns + 1).astype(int)
    middle = HEIGHT / 2
    heights = np.maximum.reduceat(peaks, edges[:-1]) * (middle - 2)
    xs = np.linspace(0, WIDTH, columns)
    above, below = zip(xs, middle - heights, strict=True), zip(xs, middle + heights, strict=True)
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in [*above, *reversed([*below])])


def stretches(decision: TrackDecided | None, duration_s: float) -> tuple[Stretch, ...]:
    """Return the segments; where they overlap, each is drawn up to the middle of the overlap."""
    if decision is None or duration_s <= 0:
        return ()
    segments, scale = decision.analysis.segments, WIDTH / duration_s
    ends = [0.0, *(segment.end_s for segment in segments)]
    starts = [*(segment.start_s for segment in segments[1:]), duration_s]
    drawn = []
    for before, segment, after in zip(ends, segments, starts, strict=False):
        start = max(segment.start_s, (before + segment.start_s) / 2)
        end = min(segment.end_s, (after + segment.end_s) / 2, duration_s)
        x, width = round(start * scale, 1), round(max(end - start, 0) * scale, 1)
        strength = int(np.clip(segment.score / STRONGEST, 0, 1) * (STEPS - 1) + 0.5)
        drawn.append(Stretch(segment, x, width, strength))
    return tuple(drawn)
