"""Which tracks join a null, and which part of people's music each stands for."""

from pathlib import Path

import pytest

from detector.errors import BadInput
from detector.observation.observation import VERSION
from detector.types import AudioFacts, DecodedTrack
from streams.media.artefacts import ArtefactStore
from streams.services.accuracy import Accuracy
from streams.services.estimates import reviewed
from streams.services.review_nulls import ruled_observations, shares_of
from streams.services.ruled_tracks import Ruling
from streams.store.database import Ledger
from tests.support.makers import observed
from tests.support.ruled import answer, fill, ruling, track_rows

SHOWN = [answer(n, "suspected" if n < 100 else "no_trace", asked=n < 100) for n in range(1_000)]


def accuracy(ruled: list[Ruling]) -> Accuracy:
    return Accuracy(reviewed("kind", SHOWN, ruled), [], SHOWN, ruled)


def test_artists_stand_for_equal_parts_of_the_false_positives() -> None:
    ruled = [ruling(n, artist="Many" if n < 30 else None) for n in range(50)]
    ruled += [ruling(n, is_ai=True) for n in range(50, 100)]
    measured = accuracy(ruled)
    shares = shares_of(measured)
    assert shares.keys() == {f"u{n}" for n in range(50)}
    assert sum(shares.values()) == pytest.approx(measured.false_positives[0].share)
    many, single = sum(shares[f"u{n}"] for n in range(30)), shares["u30"]
    assert many == pytest.approx(single)


def test_too_few_are_refused_with_their_number() -> None:
    """Tracks that may not be used for training count in the rate, and join nothing."""
    ruled = [ruling(n, may_train=n < 12) for n in range(50)]
    assert accuracy(ruled).false_positives[0].share is not None
    with pytest.raises(BadInput, match=r"20 tracks of 10 artists .* the most there are is 12"):
        shares_of(accuracy(ruled))


def test_observations_that_are_missing_or_altered_are_left_out(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    store = ArtefactStore.open(f"file://{tmp_path}/store")
    data = observed("human", "Ann", "r", 1).observation.to_bytes()
    facts = AudioFacts("wav", "pcm", 44_100, 2, 20.0, None, -14.0, -1.0, 0.0, 0)
    place = store.keep("a" * 64, DecodedTrack(facts, None, data)).observation.model_dump()
    fill(
        ledger,
        (
            track_rows(1, observation=place),
            track_rows(2, observation=place | {"sha256": "f" * 64}),
            track_rows(3),
        ),
    )
    assert place["version"] == VERSION
    tracks, lacking = ruled_observations(ledger, store, [ruling(n) for n in (1, 2, 3)], {"u1": 0.5})
    ((share, observation),) = ((one.share, one.observation) for one in tracks)
    assert (share, lacking) == (0.5, 2)
    assert observation.shares == pytest.approx(
        observed("human", "Ann", "r", 1).observation.shares, abs=0.01
    )
