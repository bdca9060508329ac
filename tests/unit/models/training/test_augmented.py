"""Which human songs are delivered, and how."""

from dataclasses import replace
from pathlib import Path

from models.training import augmented
from tests.support.makers import observed


def test_the_longest_song_of_each_source_is_delivered_and_only_at_full_rate() -> None:
    def lasting(seed: int, seconds: float, band: str = "band", rate_hz: int = 44_100) -> object:
        recording = observed("human", band, f"org/{band}", seed)
        observation = replace(recording.observation, duration_s=seconds, sample_rate_hz=rate_hz)
        return replace(recording, observation=observation)

    human = [
        lasting(1, 59, "short"), lasting(2, 61), lasting(3, 90, "other"), lasting(4, 95, "other"),
        lasting(5, 90, rate_hz=32_000),
    ]  # fmt: skip
    chosen = augmented.songs(human, 0)  # type: ignore[arg-type]  # tracks of observations
    assert [Path(one.track.path).name for one in chosen] == ["human-band-2", "human-other-4"]
    names = [case.cell for case in chosen[0].cases()]
    assert names[:3] == ["mp3-128", "vorbis-128", "stretch+5%"]
    assert names[3:] == ["rate-32000", "rate-24000", "rate-22050", "rate-16000"]
