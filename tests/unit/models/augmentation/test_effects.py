"""Effects keep their promises."""

import numpy as np
import pytest

from detector.types import FloatArray
from models.augmentation.augmentations import AUGMENTATIONS, augment
from models.augmentation.effects import limited, pitched, stretched
from models.synthesis.music import RATE_HZ

BY_NAME = {cell.name: cell for cell in AUGMENTATIONS}


def tone(hz: float, seconds: float = 2.0) -> FloatArray:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return np.stack([0.3 * np.sin(2 * np.pi * hz * time)] * 2).astype(np.float32)


def test_effects_keep_their_promises() -> None:
    assert np.abs(limited(3 * tone(100), RATE_HZ, drive_db=12)).max() <= 0.98
    assert stretched(tone(500), 0.5).shape[1] == 4 * RATE_HZ
    assert pitched(tone(500), 1).shape[1] == pytest.approx(2 * RATE_HZ, abs=2)
    noisy, _ = augment(BY_NAME["noise-40dB"], tone(500), RATE_HZ, 1)
    ratio = tone(500).std() / (noisy - tone(500)).std()
    assert 20 * np.log10(ratio) == pytest.approx(40, abs=0.2)
