"""Analyses in the store: the first one of a content stands, unless it is damaged."""

from pathlib import Path

import pytest

from streams.media.artefacts import ArtefactStore
from streams.services.stored_analyses import StoredAnalysis, find, keep
from tests.support.events import analysis

NAME = "ana_ab"
MADE = StoredAnalysis(analysis=analysis())


@pytest.fixture
def store(tmp_path: Path) -> ArtefactStore:
    return ArtefactStore.open(f"file://{tmp_path}")


def kept(store: ArtefactStore) -> Path:
    (path,) = (Path(store.root) / "answers").rglob("*.json")
    return path


def test_the_first_analysis_stands(store: ArtefactStore) -> None:
    assert find(store, NAME) is None
    assert keep(store, NAME, MADE) == MADE
    other = StoredAnalysis(analysis=analysis(p_value=0.003))
    assert keep(store, NAME, other) == MADE
    assert find(store, NAME) == MADE
    assert keep(store, "ana_cd", other) == other


def test_an_analysis_of_an_earlier_release_is_read(store: ArtefactStore) -> None:
    """It has no sum before it."""
    store.keep_answer(NAME, MADE.to_bytes())
    assert find(store, NAME) == MADE


@pytest.mark.parametrize("damage", [b"", b"\n", b"{", b"{}", b"\xff\xfe", b"0" * 64 + b"\n{}"])
def test_a_damaged_analysis_is_made_anew(store: ArtefactStore, damage: bytes) -> None:
    store.keep_answer(NAME, damage)
    assert find(store, NAME) is None
    assert keep(store, NAME, MADE) == MADE
    assert find(store, NAME) == MADE


def test_an_analysis_with_another_digit_is_damaged(store: ArtefactStore) -> None:
    """It would still be a valid record."""
    keep(store, NAME, MADE)
    whole = kept(store).read_bytes()
    kept(store).write_bytes(whole.replace(b'"alpha":0.01', b'"alpha":0.02'))
    assert kept(store).read_bytes() != whole
    assert find(store, NAME) is None
    keep(store, NAME, MADE)
    assert kept(store).read_bytes() == whole
