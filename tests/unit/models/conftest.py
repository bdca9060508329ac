import csv
from pathlib import Path

import pytest
import torch

from models.augmentation.augmentations import AUGMENTATIONS
from models.augmentation.hard_negatives import KINDS
from models.evaluation import robustness
from models.learning.data import AI, HUMAN
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from models.synthesis.simulated_decoder import decode_through
from models.training import augmentation_cache
from tests.support.made_once import made_once

torch.set_num_threads(1)  # the work is small; threads would only wait for each other


@pytest.fixture(scope="package")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "recordings", _write_recordings) / "manifest.csv"


def _write_recordings(folder: Path) -> None:
    rows = []
    for index, (label, maker, repository) in enumerate(
        [(AI, "Deep", "r1"), (AI, "Deep", "r1"), (AI, "Wide", "r2"),
         (HUMAN, "Ann", "r3"), (HUMAN, "Ann", "r3"), (HUMAN, "Bob", "r4")]
    ):  # fmt: skip
        audio = render(40 + index, 13.0)
        if label == AI:
            audio = decode_through(audio, RATE_HZ, (8, 8, 8), seed=index)
        write_audio(folder / f"{index}.flac", audio)
        rows.append([f"{index}.flac", label, maker, repository])
    write_audio(folder / "short.flac", render(50, 4.0))
    rows.append(["short.flac", HUMAN, "Cy", "r5"])
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "generator", "repo"], *rows])


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cells and two kinds instead of all."""
    names = ("original", "rate-48000", "hats-120", "g726-native", "speex-native")
    monkeypatch.setattr(
        augmentation_cache, "AUGMENTATIONS", [one for one in AUGMENTATIONS if one.name in names]
    )
    monkeypatch.setattr(robustness, "KINDS", [one for one in KINDS if one.name in names])
    monkeypatch.setattr(augmentation_cache, "WINDOWS_S", (6, 12, 24))
