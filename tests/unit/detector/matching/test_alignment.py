"""Where two recordings are the same, and how much faster one is."""

import numpy as np
import pytest

from detector.matching.alignment import align
from tests.support.recordings import RATE_HZ, changed, music, piece, recording, sped


def test_where_and_how_fast() -> None:
    whole = piece(1)
    excerpt = align(recording(changed(music(1), "excerpt")), whole)
    assert excerpt is not None
    assert excerpt.offset_s == pytest.approx(20.3, abs=0.1)
    assert excerpt.overlap_s == pytest.approx(16, abs=1.5)
    assert excerpt.score > 0.7
    intro = align(recording(changed(music(1), "intro")), whole)
    assert intro is not None
    assert intro.offset_s == pytest.approx(-25, abs=0.1)
    assert intro.stretches[0].start_s == pytest.approx(25, abs=3)
    faster = align(recording(sped(music(1)[10 * RATE_HZ :], 6)), whole)
    assert faster is not None
    assert faster.speed_ratio == pytest.approx(1.06, abs=0.001)
    assert faster.pitch_ratio == pytest.approx(1.06, abs=0.005)
    assert faster.offset_s == pytest.approx(10, abs=0.1)
    tempo = align(recording(changed(music(1), "tempo")), whole)
    assert tempo is not None
    assert tempo.speed_ratio == pytest.approx(1.05, abs=0.001)
    assert tempo.pitch_ratio == pytest.approx(1.0, abs=0.005)


def test_a_part_cut_out_leaves_two_stretches() -> None:
    wave = music(1)
    cut = np.concatenate((wave[: 20 * RATE_HZ], wave[35 * RATE_HZ :]))
    answer = align(recording(cut), recording(wave))
    assert answer is not None
    assert len(answer.stretches) >= 2
    assert answer.overlap_s > 25
    assert answer.stretches[-1].reference_s - answer.stretches[-1].start_s == pytest.approx(
        15, abs=0.2
    )


def test_of_a_medley_each_part_is_found() -> None:
    parts = [music(seed)[15 * RATE_HZ : 35 * RATE_HZ] for seed in (1, 2, 4)]
    medley = np.concatenate(parts)
    for number, seed in enumerate((1, 2, 4)):
        answer = align(recording(medley), piece(seed))
        assert answer is not None
        assert answer.stretches[0].start_s == pytest.approx(20 * number, abs=3)
        assert answer.overlap_s == pytest.approx(20, abs=4)
