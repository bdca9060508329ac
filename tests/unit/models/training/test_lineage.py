import csv
from pathlib import Path

import numpy as np

from models.learning.data import read_manifest
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from models.training.lineage import performances, write_lineage


def test_versions_of_one_performance_share_a_lineage(tmp_path: Path) -> None:
    song, other = render(61, 14.0), render(62, 14.0)
    rng = np.random.default_rng(1)
    files = {
        "whole.wav": song,
        "excerpt.wav": song[:, 3 * RATE_HZ : 12 * RATE_HZ],
        "louder.mp3": (1.1 * song + 0.002 * rng.standard_normal(song.shape)).astype(np.float32),
        "another.wav": other,
    }
    rows = [["path", "label", "generator", "repo"]]
    for name, audio in files.items():
        write_audio(tmp_path / name, audio)
        rows.append([name, "human", "band", "org/band"])
    write_audio(tmp_path / "made.wav", 0.5 * song)
    rows.append(["made.wav", "ai", "decoder", "org/decoder"])
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    out = tmp_path / "with-lineage.csv"
    counts = write_lineage(tmp_path / "manifest.csv", tmp_path, out, tmp_path / "cache")
    assert counts == {"recordings": 4, "performances": 2}
    tracks = {track.path.name: track for track in read_manifest(out, tmp_path)}
    same = {tracks[name].lineage for name in ("whole.wav", "excerpt.wav", "louder.mp3")}
    assert len(same) == 1
    assert tracks["another.wav"].lineage not in same
    assert tracks["made.wav"].lineage == ""
    human = [track for track in tracks.values() if track.label == "human"]
    assert performances(human) == 2
    assert write_lineage(out, tmp_path, out, tmp_path / "cache") == counts  # again: nothing changes
