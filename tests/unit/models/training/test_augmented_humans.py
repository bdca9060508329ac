"""Which human songs are delivered, and how."""

from dataclasses import replace
from pathlib import Path

from models.training import augmented_humans
from tests.support.makers import observed


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
