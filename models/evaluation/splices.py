"""A generator's part inside a human recording: how often it is found, and how well located.

An excerpt at the same loudness lies between two minutes' halves, with crossfades of a second. The
controls contain another recording's excerpt.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from detector.types import Assessment, FloatArray, SegmentScore
from models.augmentation.augmentations import Audio
from models.augmentation.effects import resampled
from models.learning.data import AI, HUMAN, Track
from models.training.augmentation_cache import Case, decoded, excerpt, key_of
from models.training.metrics import rounded

AROUND_S: Final = 60.0
LENGTHS_S: Final = (15, 30, 60)
CROSSFADE_S: Final = 1.0


@dataclass(frozen=True)
class Splice:
    """``seconds`` of ``part`` inside two minutes of ``around``; its edges are mid-crossfade."""

    around: Track
    part: Track
    seconds: int

    @property
    def label(self) -> str:
        """The part's."""
        return self.part.label

    @property
    def group(self) -> str:
        """The part's."""
        return self.part.group

    @property
    def edges_s(self) -> tuple[float, float]:
        """Where the part begins and ends."""
        start_s = AROUND_S - CROSSFADE_S / 2
        return start_s, start_s + self.seconds - CROSSFADE_S

    def cases(self) -> list[Case]:
        """Return the one case."""
        content = f"{self.around.sha256}/{self.part.sha256}"
        key = key_of(content, f"splice/{self.seconds}", 0)
        return [Case("splice", f"{self.seconds} s", "splice", key)]

    def sounds(self, keys: frozenset[str]) -> Iterator[tuple[str, Audio]]:
        """See ``models.training.augmentation_cache.Subject``."""
        (case,) = self.cases()
        if case.key in keys:
            part, rate_hz = decoded(self.part.path)
            around = resampled(*decoded(self.around.path), rate_hz)
            yield case.key, (joined(around, part, rate_hz, self.seconds), rate_hz)


def joined(around: FloatArray, part: FloatArray, rate_hz: int, seconds: int) -> FloatArray:
    """Return mono samples [1, n]: a minute, the middle of the part, the next minute."""
    host = around.mean(axis=0)[: int(2 * AROUND_S * rate_hz)]
    inside = excerpt(part, rate_hz, seconds).mean(axis=0)
    inside = inside * (host.std() / max(float(inside.std()), 1e-9))
    out, after = np.split(host, [len(host) // 2])
    n = int(CROSSFADE_S * rate_hz)
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    for piece in (inside, after):
        met = out[-n:] * (1 - ramp) + piece[:n] * ramp
        out = np.concatenate((out[:-n], met, piece[n:]))
    samples: FloatArray = out.astype(np.float32)[None]
    return samples


def choose(tracks: Sequence[tuple[Track, float]], per_maker: int, seed: int) -> list[Splice]:
    """Return splices of each generator's tracks, and as many controls; (track, seconds) in.

    Each part is at least as long as what is taken of it, each recording around two minutes.
    """
    rng = np.random.default_rng(seed)
    hosts = [one for one, seconds in tracks if one.label == HUMAN and seconds >= 2 * AROUND_S]
    chosen: list[Splice] = []
    for length in LENGTHS_S:
        by_maker: dict[tuple[str, str], list[Track]] = defaultdict(list)
        for track, seconds in tracks:
            if seconds >= length + 1:
                by_maker[track.label, track.maker].append(track)
        for (label, _), members in sorted(by_maker.items()):
            count = per_maker if label == AI else 3 * per_maker
            for index in rng.permutation(len(members))[:count]:
                part = members[index]
                candidates = [host for host in hosts if host.repository != part.repository]
                if candidates:
                    chosen.append(Splice(candidates[rng.integers(len(candidates))], part, length))
    return chosen


def overlap(segments: Sequence[SegmentScore], start_s: float, end_s: float) -> float:
    """Return intersection over union of found stretches and the true one."""
    inside = sum(max(0.0, min(one.end_s, end_s) - max(one.start_s, start_s)) for one in segments)
    total = sum(one.end_s - one.start_s for one in segments)
    return inside / max(total + (end_s - start_s) - inside, 1e-9)


@dataclass(frozen=True)
class Located:
    """A model's answer about a splice, and where it puts the part if it flags it."""

    splice: Splice
    answer: Assessment
    stretches: tuple[SegmentScore, ...]

    @property
    def edge_error_s(self) -> float:
        """Mean distance of both edges of the best stretch from the true ones."""
        start_s, end_s = self.splice.edges_s
        best = max(self.stretches, key=lambda one: overlap([one], start_s, end_s))
        return (abs(best.start_s - start_s) + abs(best.end_s - end_s)) / 2


def table(located: Sequence[Located]) -> list[dict[str, Any]]:
    """Return a row for each length: found, how well located, and the controls' false alarms."""
    return [
        _row(seconds, [one for one in located if one.splice.seconds == seconds])
        for seconds in sorted({one.splice.seconds for one in located})
    ]


def _row(seconds: int, located: Sequence[Located]) -> dict[str, Any]:
    ai, human = ([one for one in located if one.splice.label == label] for label in (AI, HUMAN))
    flagged, false = ([one for one in side if one.answer.finds_ai] for side in (ai, human))
    placed = [one for one in flagged if one.stretches]
    overlaps = [overlap(one.stretches, *one.splice.edges_s) for one in placed]
    return {
        "seconds": seconds,
        "ai": len(ai),
        "found": _share(flagged, ai),
        "called_partly": _share([x for x in flagged if x.answer.extent == "Partly"], flagged),
        "overlap_half": _share([value for value in overlaps if value >= 0.5], overlaps),
        "overlap_median": rounded(np.median(overlaps)) if placed else None,
        "edge_error_s": rounded(np.median([x.edge_error_s for x in placed])) if placed else None,
        "human": len(human),
        "false": _share(false, human),
    }


def _share(part: Sequence[Any], whole: Sequence[Any]) -> float | None:
    return rounded(len(part) / len(whole)) if whole else None
