"""Which recordings are of one performance: versions that must not count as several.

Landmarks (``detector.matching.landmarks``) are compared within each repository. What lies over
another recording for a few seconds gets one ``lineage``: the first file's content.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

import torch

from detector.errors import BadInput
from detector.matching.alignment import Recording, align
from detector.matching.landmarks import LANDMARKS_VERSION, Landmarker, Landmarks
from models.learning.data import HUMAN, Track, read_manifest
from models.training.augmentation_cache import decoded

MIN_SCORE: Final = 0.3  # share of landmarks that coincide; by chance 0.03 to 0.10
MIN_OVERLAP_S: Final = 4.0


def write_lineage(manifest: Path, audio_root: Path, out: Path, cache: Path) -> dict[str, int]:
    """Write the manifest again with the column ``lineage`` filled for human recordings.

    Returns:
        Human recordings and performances, by source.
    """
    tracks = read_manifest(manifest, audio_root)
    human = [track for track in tracks if track.label == HUMAN]
    named = lineages(human, cache)
    with manifest.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        fields = list(reader.fieldnames or ())
        rows = list(reader)
    if "lineage" not in fields:
        fields.append("lineage")
    by_path = {track.path: named[track.sha256] for track in human}
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            performance = by_path.get(audio_root / row["path"], "")
            writer.writerow({**row, "lineage": row.get("lineage") or performance})
    return {"recordings": len(human), "performances": len(set(named.values()))}


def lineages(tracks: Sequence[Track], cache: Path) -> dict[str, str]:
    """Return the lineage of each content; a recording that is like no other is its own."""
    cache.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    by_repository: dict[str, list[Track]] = defaultdict(list)
    for track in tracks:
        by_repository[track.repository].append(track)
    parent = {track.sha256: track.sha256 for track in tracks}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for members in by_repository.values():
        recordings = [Recording(_landmarks(track, cache)) for track in members]
        for (first, a), (second, b) in combinations(zip(members, recordings, strict=True), 2):
            if root(first.sha256) != root(second.sha256) and same_performance(a, b):
                parent[root(second.sha256)] = root(first.sha256)
    return {sha256: root(sha256)[:16] for sha256 in parent}


def same_performance(first: Recording, second: Recording) -> bool:
    """Whether one lies over the other for long enough to be a version of it."""
    alignment = align(first, second)
    return (
        alignment is not None
        and alignment.score >= MIN_SCORE
        and alignment.overlap_s >= MIN_OVERLAP_S
    )


def performances(tracks: Sequence[Track]) -> int:
    """Return the number of performances, by lineage where it is stated."""
    return len(Counter(track.lineage or track.sha256 for track in tracks))


def _landmarks(track: Track, cache: Path) -> Landmarks:
    path = cache / f"{track.sha256}-landmarks-{LANDMARKS_VERSION}.bin"
    if path.exists():
        return Landmarks.from_bytes(path.read_bytes())
    try:
        audio, rate_hz = decoded(track.path)
        landmarker = Landmarker(rate_hz)
        landmarker.feed(audio.mean(axis=0))
        landmarks = landmarker.finish()
    except BadInput:  # what cannot be decoded matches nothing
        landmarks = Landmarker(44_100).finish()
    partial = path.with_suffix(".partial")
    partial.write_bytes(landmarks.to_bytes())
    partial.replace(path)
    return landmarks
