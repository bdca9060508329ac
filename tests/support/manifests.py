"""Manifests of made-up recordings."""

import csv
from pathlib import Path

from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from models.synthesis.simulated_decoder import decode_through

Row = tuple[str, str, str, str]


def write_manifest(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "generator", "repo"))
        writer.writerows(rows)


def made_up(root: Path) -> Path:
    """Write two pieces each of four bands and three simulated decoders; return their folder."""
    rows: list[Row] = []
    for maker in range(4):
        for take in range(2):
            name = f"human-{maker}-{take}.wav"
            write_audio(root / name, render(100 + 10 * maker + take, 7.0))
            rows.append((name, "human", f"band {maker}", f"org/band-{maker}"))
    for maker, strides in enumerate(((8, 8, 8), (7, 7, 6, 3), (8, 8, 8, 2))):
        for take in range(2):
            name = f"ai-{maker}-{take}.wav"
            played = render(200 + 10 * maker + take, 7.0)
            write_audio(root / name, decode_through(played, RATE_HZ, strides, maker))
            rows.append((name, "ai", f"decoder {maker}", f"org/decoder-{maker}"))
    write_manifest(root / "manifest.csv", rows)
    return root
