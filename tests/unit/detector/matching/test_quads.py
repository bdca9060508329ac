"""Quads of landmarks, and the keys by which an index holds them."""

import hashlib

import numpy as np
import pytest

from detector.matching import quads
from detector.matching.landmarks import Landmarks
from detector.matching.quads import PLACES, index_keys, quads_of
from tests.support.recordings import RATE_HZ, landmarks, music


def test_quads_of_pieces_are_quads_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours are handled in pieces; a quad across their border is not lost, nor there twice."""
    marks = landmarks(music(1))
    whole = quads_of(marks)
    monkeypatch.setattr(quads, "_AT_ONCE", 100)
    pieces = quads_of(marks)
    assert len(marks) > 300
    for name in ("numbers", "first", "last"):
        assert np.array_equal(getattr(pieces, name), getattr(whole, name))


def chosen(marks: Landmarks) -> np.ndarray:
    """Return the quads of the index keys, without their places."""
    return np.unique(index_keys(quads_of(marks), marks) >> np.uint64(8))


def test_index_keys_are_those_that_every_index_holds() -> None:
    """Other keys would find nothing in an index that was built before."""
    rng = np.random.default_rng(5)
    ticks = np.sort(rng.integers(0, 60 * 128, 600)).astype(np.uint32)
    result = Landmarks(ticks, rng.integers(0, 54 * 16, 600).astype(np.uint16), 60.0)
    keys = index_keys(quads_of(result), result)
    digest = hashlib.sha256(keys.astype("<u8").tobytes()).hexdigest()
    assert (len(keys), digest[:16]) == (116, "568a9423677e0679")


def test_quads_that_are_wanted_are_some_of_all() -> None:
    marks = landmarks(music(1))
    every = quads_of(marks)
    few = quads_of(marks, lambda numbers: numbers < 2**30)
    below = every.chosen(every.numbers < 2**30)
    assert 0 < len(few) < len(every)
    for name in ("numbers", "first", "last"):
        assert np.array_equal(getattr(few, name), getattr(below, name))
    assert np.array_equal(every.sorted().numbers, np.sort(every.numbers))


def test_an_index_key_says_where_its_quad_starts() -> None:
    wave = music(1)
    there = index_keys(quads_of(whole := landmarks(wave)), whole)
    late = landmarks(np.concatenate((np.zeros(30 * RATE_HZ, np.float32), wave)))
    later = index_keys(quads_of(late), late)
    moved = np.intersect1d(there + np.uint64(30), later)
    assert len(moved) > 0.8 * len(there)
    quads, times = np.unique(there >> np.uint64(8), return_counts=True)
    assert times.max() <= PLACES
    assert len(quads) > 30


def test_query_and_reference_choose_the_same_keys() -> None:
    wave = music(1)
    whole = chosen(landmarks(wave))
    part = chosen(landmarks(wave[20 * RATE_HZ : 40 * RATE_HZ]))
    assert len(np.intersect1d(whole, part)) > 0.4 * len(part)
    other = chosen(landmarks(music(2)))
    assert len(np.intersect1d(whole, other)) < 0.1 * len(part)
