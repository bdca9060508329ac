"""Items and queries for tests of the index: landmarks of made-up music, cheap and many."""

import hashlib

import numpy as np

from detector.matching.landmarks import Landmarks
from streams.known.index import Item, Query
from streams.known.sql import SqlIndex


def score(seed: int, seconds: float = 60.0) -> Landmarks:
    """Return landmarks as music of that length would have them, ten a second."""
    rng = np.random.default_rng(seed)
    count = int(10 * seconds)
    ticks = np.sort(rng.integers(0, int(seconds * 128), count)).astype(np.uint32)
    steps = (rng.integers(0, 54, count) * 16 + rng.integers(-2, 3, count)).clip(0)
    return Landmarks(ticks, steps.astype(np.uint16), seconds)


def part(whole: Landmarks, start_s: float, end_s: float) -> Landmarks:
    inside = (whole.ticks >= start_s * 128) & (whole.ticks < end_s * 128)
    ticks = whole.ticks[inside] - np.uint32(start_s * 128)
    return Landmarks(ticks, whole.steps[inside], end_s - start_s)


def worn(whole: Landmarks, seed: int = 0, lost: float = 0.1, speed: float = 1.0) -> Landmarks:
    """Return it faster, landmarks a little beside their place, some gone, others in their stead."""
    rng = np.random.default_rng(seed)
    gone = rng.random(len(whole)) < lost
    ticks = np.rint((whole.ticks + rng.normal(0, 0.7, len(whole))) / speed).clip(0)
    steps = np.rint(whole.steps + rng.normal(0, 0.5, len(whole)) + 12 * 16 * np.log2(speed)).clip(0)
    steps[gone] = rng.integers(0, 54 * 16, gone.sum())
    order = np.lexsort((steps, ticks))
    return Landmarks(
        ticks[order].astype(np.uint32), steps[order].astype(np.uint16), whole.duration_s / speed
    )


def digest(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def item(seed: int, bank: str = "catalogue", **more: str) -> Item:
    known = {
        "item_id": f"T-{seed}",
        "content_sha256": digest(seed),
        "pcm_sha256": digest(-seed - 1),
    }
    return Item.of(bank=bank, landmarks=score(seed).to_bytes(), **{**known, **more})


def query(landmarks: Landmarks, content: str = "f" * 64, pcm: str | None = None) -> Query:
    return Query.of(content, pcm, landmarks.to_bytes())


def generation(index: SqlIndex) -> int:
    """Return the number of the last change."""
    with index.database.reading() as connection:
        return index._generation(connection)


def names(index: SqlIndex, asked: Query) -> list[tuple[str, str]]:
    """Return the items that a search finds, each with its class."""
    return [(one.item.item_id, one.match_class.value) for one in index.search(asked)]
