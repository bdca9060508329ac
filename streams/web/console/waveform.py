"""The waveform and the segments of a track, as coordinates for an SVG."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import structlog

from detector.errors import EarmarkError
from detector.observation.storage import peaks_of
from detector.types import FloatArray
from streams.contract.records import ObservationRef, TrackDecided
from streams.web.api.resources import AppResources

log = structlog.get_logger()

WIDTH: Final = 1_000
HEIGHT: Final = 120
STEPS: Final = 5
STRONGEST: Final = 4.0  # from this score on a segment has the full colour


@dataclass(frozen=True)
class Stretch:
    """One segment: where it lies in the picture and in the track, and how strong it is."""

    number: int
    x: float
    width: float
    start_s: float
    end_s: float
    score: float
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
    heights = np.maximum.reduceat(peaks, edges[:-1]) * (HEIGHT / 2 - 2)
    xs = np.linspace(0, WIDTH, columns)
    middle = HEIGHT / 2
    above = [f"{x:.1f},{middle - h:.1f}" for x, h in zip(xs, heights, strict=True)]
    below = [f"{x:.1f},{middle + h:.1f}" for x, h in zip(xs, heights, strict=True)]
    return " ".join([*above, *reversed(below)])


def stretches(decision: TrackDecided | None, duration_s: float) -> tuple[Stretch, ...]:
    """Return the segments; where they overlap, each is drawn up to the middle of the overlap."""
    if decision is None or duration_s <= 0:
        return ()
    segments = decision.analysis.segments
    drawn = []
    for number, segment in enumerate(segments):
        before = segments[number - 1].end_s if number else 0.0
        after = segments[number + 1].start_s if number + 1 < len(segments) else duration_s
        start = (before + segment.start_s) / 2 if before > segment.start_s else segment.start_s
        end = (
            (after + segment.end_s) / 2 if after < segment.end_s else min(segment.end_s, duration_s)
        )
        strength = int(np.clip(segment.score / STRONGEST, 0, 1) * (STEPS - 1) + 0.5)
        scale = WIDTH / duration_s
        drawn.append(
            Stretch(
                number + 1,
                round(start * scale, 1),
                round(max(end - start, 0) * scale, 1),
                segment.start_s,
                segment.end_s,
                segment.score,
                strength,
            )
        )
    return tuple(drawn)
