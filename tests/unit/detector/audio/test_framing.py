import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.audio.framing import Framer
from detector.audio.samples import to_mono
from detector.kernels.reference import overlapping


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 9), st.integers(1, 9))
def test_frames_are_those_of_the_whole(lengths: list[int], size: int, hop: int) -> None:
    hop = min(hop, size)
    samples = np.arange(sum(lengths), dtype=np.float32)
    framer, result = Framer(size, hop), []
    for piece in np.split(samples, np.cumsum(lengths)):
        result += [frame.copy() for frame in framer.feed(piece)]
    count = max(0, (len(samples) - size) // hop + 1)
    assert [frame.tolist() for frame in result] == [
        samples[k * hop : k * hop + size].tolist() for k in range(count)
    ]
    assert framer.rest.tolist() == samples[count * hop :].tolist()
    if count:
        assert np.array_equal(overlapping(samples, size, hop), np.stack(result))


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_the_mix_is_the_mean_to_the_last_bit(channels: int) -> None:
    chunk = np.random.default_rng(1).uniform(-8, 8, (channels, 5_000)).astype(np.float32)
    assert to_mono(chunk).tobytes() == chunk.mean(axis=0).tobytes()


FAULTS = """
import resource
import numpy as np
from detector.audio.heap import keep_freed_memory
kept = {keep}keep_freed_memory()
for turn in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [np.ones(3_000_000, np.uint8) for _ in range(8)]
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the C library is another")
def test_freed_memory_is_there_for_the_next_array() -> None:
    def last_turn(keep: str) -> tuple[int, int]:
        command = [sys.executable, "-c", FAULTS.format(keep=keep)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        kept, faults = map(int, answer.split())
        return kept, faults

    assert last_turn("False and ")[1] > 200
    kept, faults = last_turn("")
    if kept:  # glibc
        assert faults < 20
