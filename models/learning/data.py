"""Labelled recordings: what a manifest lists, who belongs together, whom not to believe.

A manifest is a CSV file beside or above the audio, with these columns:

- ``path``: relative to the audio's root.
- ``label``: ``ai`` or ``human``. ``codec`` and ``singing_ai`` give templates of their decoders
  and nothing else. Tracks of other labels are listed but not used.
- ``generator``: the generator of an AI track, or the source of a human one.
- ``repo`` or ``source_repo``: where the track was published.
- Optional: ``sha256`` (it must be the file's), ``version`` of the generator, ``lineage``
  (shared by what was made from one recording), ``licence`` and ``kind`` (of music: for tables).

Tracks that share a maker share its tools, rooms and encoders, so nothing is ever split at
random: AI by generator, human by repository.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detector.errors import BadInput

AI: Final = "ai"
HUMAN: Final = "human"
CODEC: Final = "codec"  # people's recordings, re-synthesised by a neural codec or vocoder
SINGING: Final = "singing_ai"
TRACES: Final = (CODEC, SINGING)  # no AI music, but its decoders: templates are learned of them

SUSPECTS: Final = {
    "GTSinger-GT": (
        "listed as recordings, but each file has lines at 187.5 Hz = 48,000 / 256 and is a "
        "whole multiple of 256 samples long: the output of a mel vocoder"
    ),
    "BachViolin-MAESTRO": (
        "listed as recordings, but one file bears its generator's name, and all three at "
        "16 kHz have lines at 62.5 Hz = 16,000 / 256 and are whole multiples of 256 samples "
        "long, like the vocoder output beside them"
    ),
}

NO_DECODERS: Final = {
    "Musika-AE": "frames of a spectrogram put together: a phase vocoder leaves the same lines",
    "GriffinLim-mel256": "phases are guessed, as time stretching does; nothing is decoded",
    "GriffinLim-mel512": "phases are guessed, as time stretching does; nothing is decoded",
}


@dataclass(frozen=True)
class Track:
    """One labelled recording; ``maker`` is its generator, or its source where human."""

    path: Path
    label: str
    maker: str
    repository: str
    sha256: str
    version: str = ""
    lineage: str = ""
    licence: str = ""
    kind: str = ""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    @property
    def group(self) -> str:
        """What must not be split: the generator of an AI track, a human one's repository."""
        return self.maker if self.label == AI else self.repository

    @property
    def performance(self) -> str:
        """What versions of one recording have in common."""
        return self.lineage or self.sha256

    @property
    def suspect(self) -> str | None:
        """Why a human label is not believed, or None."""
        return SUSPECTS.get(self.maker) if self.label == HUMAN else None


def read_manifest(manifest: Path, root: Path) -> list[Track]:
    """Return the tracks of a manifest in order; a path or content listed twice counts once.

    Raises:
        BadInput: reason ``manifest``, where columns or files are missing.
    """
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lacking = {"path", "label", "generator"} - set(rows[0] if rows else ())
    if lacking:
        raise BadInput("manifest", f"{manifest} has no rows or lacks {', '.join(sorted(lacking))}")
    paths = [root / row["path"] for row in rows]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise BadInput(
            "manifest", f"{len(missing)} of {len(paths)} files are missing, first {missing[0]}"
        )
    tracks: dict[str, Track] = {}
    for row, path in zip(rows, paths, strict=True):
        sha256 = file_sha256(path)
        repository = row.get("repo") or row.get("source_repo") or row["generator"]
        if row.get("sha256") and row["sha256"].lower() != sha256:
            raise BadInput("manifest", f"{path} is not the listed file (SHA-256 differs)")
        track = Track(
            path, row["label"], row["generator"], repository, sha256,
            *(row.get(name) or "" for name in ("version", "lineage", "licence", "kind")),
        )  # fmt: skip
        if tracks.setdefault(sha256, track).label != track.label:
            raise BadInput(
                "manifest",
                f"{path} has the same content as {tracks[sha256].path}, but another label",
            )
    return list(tracks.values())


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def usable(tracks: Iterable[Track]) -> list[Track]:
    """Return the AI tracks and those human ones that are believed."""
    return [
        track
        for track in tracks
        if track.label == AI or (track.label == HUMAN and track.suspect is None)
    ]


def traces(tracks: Iterable[Track]) -> list[Track]:
    """Return what shows decoders without being AI music: for templates alone."""
    return [track for track in tracks if track.label in TRACES and track.maker not in NO_DECODERS]


def folds(groups: Sequence[str], count: int) -> list[int]:
    """Return a fold for each item so that groups stay whole and folds are of like size.

    Groups go, largest first, to the smallest fold; ties by name, so the result is stable.
    """
    sizes = Counter(groups)
    filled = [0] * count
    where = {}
    for group in sorted(sizes, key=lambda name: (-sizes[name], name)):
        where[group] = filled.index(min(filled))
        filled[where[group]] += sizes[group]
    return [where[group] for group in groups]


def digest(tracks: Iterable[Track]) -> str:
    """Return the SHA-256 of what was learned from: contents and labels, in any order."""
    lines = sorted(
        "\t".join((track.sha256, track.label, track.maker, track.repository)) for track in tracks
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def describe(tracks: Sequence[Track]) -> str:
    """Return a report of what a manifest holds, and of what is left out and why."""
    labels = Counter(track.label for track in tracks)
    lines = [f"{len(tracks)} tracks: " + ", ".join(f"{n} {label}" for label, n in labels.items())]
    for label, name in ((AI, "generator"), (HUMAN, "source")):
        members = [track for track in usable(tracks) if track.label == label]
        makers = Counter(track.maker for track in members)
        repositories = len({track.repository for track in members})
        lines.append(f"{label}: {len(members)} from {len(makers)} {name}s, {repositories} repos")
        lines += [f"  {count:5d}  {maker}" for maker, count in sorted(makers.items())]
    for maker, count in Counter(track.maker for track in tracks if track.suspect).items():
        lines.append(f"left out: {count} of {maker}: {SUSPECTS[maker]}")
    return "\n".join(lines)
