"""The human side: scales by length, performances, deliveries, out-of-distribution."""

from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest

from detector.evidence.branch import BranchScores
from detector.evidence.clock import ClockFinding, Rate, standard_lattice
from detector.evidence.combination import strongest
from models.learning.null_distribution import Witness, null_of, scale_of
from models.training import augmented_humans, ood_fitting
from models.training.fusion import fuse
from models.training.scoring import score_all
from tests.support.makers import observed

PLAIN = Rate(86.13, 0.0, "44100/512")


def witnesses(count: int, rng: np.random.Generator, repository: str = "") -> list[Witness]:
    """Clock scores whose median and spread grow with the logarithm of the length."""
    looks = []
    for index in range(count):
        seconds = float(np.exp(rng.uniform(log(6), log(300))))
        growth = max(log(seconds / 6), 0.1)
        score = float(0.2 * growth + rng.exponential(0.3 * growth))
        scores = BranchScores({"clock": ClockFinding(score, PLAIN)}, seconds)
        looks.append(
            Witness(scores, repository or f"org/{index % 7}", f"{repository} take {index}")
        )
    return looks


def test_the_rate_of_false_positives_is_the_same_at_every_length() -> None:
    rng = np.random.default_rng(3)
    known = null_of("full_rate", witnesses(400, rng), ("clock",)).calibration
    strangers = [one.scores for one in witnesses(3_000, rng)]
    for low, high in ((6, 20), (20, 80), (80, 300)):
        inside = [one for one in strangers if low <= one.seconds < high]
        flagged = [
            known.humans.p_value(strongest(one, known)[0], one.seconds) <= 0.05 for one in inside
        ]
        assert np.mean(flagged) == pytest.approx(0.05, abs=0.025)
    assert known.looks["clock"].scale.high_slope > 0.2


def test_scales_do_not_fall_with_length_and_need_lengths_that_differ() -> None:
    rng = np.random.default_rng(4)
    seconds = np.exp(rng.uniform(log(6), log(300), 200))
    falling = scale_of(5 - np.log(seconds) + rng.exponential(1, 200), seconds, np.ones(200))
    assert (falling.middle_slope, falling.high_slope) == (0, 0)
    alike = scale_of(rng.exponential(1, 200), np.full(200, 30.0), np.ones(200))
    assert (alike.middle_slope, alike.high_slope) == (0, 0)
    assert alike.high > alike.middle


def louder(witness: Witness) -> ClockFinding:
    return ClockFinding((witness.scores.score_of("clock") or 0) + 9, PLAIN)


def test_a_repository_shapes_no_scale_that_its_own_recordings_are_judged_by() -> None:
    rng = np.random.default_rng(5)
    ordinary = witnesses(200, rng)
    loud = [
        replace(one, scores=replace(one.scores, findings={"clock": louder(one)}))
        for one in witnesses(20, rng, "org/loud")
    ]
    null = null_of("full_rate", [*ordinary, *loud], ("clock",))
    assert null.p_values[200:].max() <= 3 / 201  # above nearly all the others


def test_versions_of_a_performance_weigh_as_one_recording() -> None:
    rng = np.random.default_rng(6)
    ordinary = witnesses(50, rng)
    again = [replace(ordinary[0], scores=one.scores) for one in witnesses(30, rng)]
    null = null_of("full_rate", [*ordinary, *again], ("clock",))
    assert null.calibration.humans.performances == 50
    assert null.weights.sum() == pytest.approx(50)


def test_deliveries_are_witnesses_and_no_subjects() -> None:
    recordings = [
        observed("ai", f"maker {maker}", f"org/{maker}", 10 * maker + take, clock_hz=50.0)
        for maker in range(2)
        for take in range(3)
    ]
    recordings += [
        observed("human", f"band {band}", f"org/band-{band}", 1_000 + 100 * band + take)
        for band in range(3)
        for take in range(8)
    ]
    coded = [
        replace(observed("human", "x", "x", 9_000 + index), track=one.track, delivery="mp3-128")
        for index, one in enumerate(recordings[6:])
    ]
    lattice = standard_lattice()
    scored = score_all(recordings, lattice)
    alone = fuse(scored, lattice=lattice, branches=("clock",))
    fused = fuse(scored, (), coded, lattice=lattice, branches=("clock",))
    null = fused.nulls["full_rate"]
    assert len(fused.scored) == len(alone.scored) == 30
    assert (len(null.witnesses), null.calibration.humans.performances) == (48, 24)
    assert len(alone.nulls["full_rate"].witnesses) == 24
    assert all(one.p == pytest.approx(1 / 25) for one in fused.scored[:6])


def test_songs_are_delivered_once_a_performance_and_only_at_full_rate() -> None:
    def lasting(seed: int, seconds: float, lineage: str = "", rate_hz: int = 44_100) -> object:
        recording = observed("human", "band", "org/band", seed)
        observation = replace(recording.observation, duration_s=seconds, sample_rate_hz=rate_hz)
        track = replace(recording.track, lineage=lineage)
        return replace(recording, track=track, observation=observation)

    human = [
        lasting(1, 59), lasting(2, 61), lasting(3, 90, "one"), lasting(4, 95, "one"),
        lasting(5, 90, rate_hz=32_000),
    ]  # fmt: skip
    chosen = augmented_humans.songs(human, 0)  # type: ignore[arg-type]  # tracks of observations
    assert [Path(one.track.path).name for one in chosen] == ["human-band-2", "human-band-4"]
    names = [case.cell for case in chosen[0].cases()]
    assert names[:3] == ["mp3-128", "vorbis-128", "stretch+5%"]
    assert names[3:] == ["rate-32000", "rate-24000", "rate-22050", "rate-16000"]


def test_what_is_unlike_all_that_was_learned_from_is_told_apart() -> None:
    recordings = [
        observed("human", f"band {band}", f"org/{band}", 100 * band + take)
        for band in range(10)
        for take in range(30)
    ]
    scored = score_all(recordings, standard_lattice())
    known = ood_fitting.fit(scored)
    assert known is not None
    unlike = [known.is_out_of_distribution(one.observation) for one in recordings]
    assert np.mean(unlike) <= 0.02
    like = recordings[0].observation
    tilted = replace(like, ltas=like.ltas - 3 * np.arange(like.ltas.shape[1], dtype=np.float32))
    tone = replace(like, shares=np.where(np.arange(len(like.shares)) % 50, 0, 1).astype("f4"))
    assert known.is_out_of_distribution(tilted)
    assert known.is_out_of_distribution(tone)
    assert ood_fitting.fit(scored[:100]) is None  # too few tracks for one in a hundred
