"""``bench score``: stored observations answered per second, by batch and device.

The limit on a GPU is the bare copy of the same input to the device. On the CPU it is reading the
observations (decompress and parse).
"""

import time
from collections.abc import Callable, Sequence

import numpy as np

from detector.assessment.model import Model
from detector.evidence.arrays import cuda, on_device
from detector.observation.observation import Observation
from detector.types import FloatArray, Rates
from tests.bench.measure import Job, by_turns
from tests.bench.table import Report, Row

BATCHES = (1, 8, 32, 64)


def bench_score(
    observed: Sequence[bytes], load: Callable[[str], Model], accepted: Rates, rounds: int
) -> Report:
    """Measure ``load(device)``'s model on these observations, on every device that is here."""
    most = max(BATCHES)
    data = [observed[number % len(observed)] for number in range(most)]
    ready = [Observation.from_bytes(one) for one in data]
    jobs: dict[str, Job] = {
        "read": lambda: _wall(lambda: [Observation.from_bytes(o) for o in data])
    }
    devices = ["cpu", *(["cuda"] if cuda() else [])]
    for device in devices:
        model = load(device)
        for size in BATCHES:
            jobs[f"{device}, batches of {size}"] = _scoring(model, ready, size, accepted)
    if "cuda" in devices:
        lines = np.stack([one.clock for one in ready])
        jobs["copy to the device"] = lambda: _wall(lambda: _copy(lines))
    measured = by_turns(jobs, rounds)
    rates = {name: tuple(most / value for value in values) for name, values in measured.items()}
    read = Row("", rates["read"], "").median
    rows = tuple(
        Row(name, values, "observations/s", Row("", values, "").median / read)
        for name, values in rates.items()
    )
    best = max(row.median for row in rows if row.name.startswith(devices[-1]))
    whole = 1 / (1 / read + 1 / best)
    return Report(
        "score",
        "read",
        rows,
        {"observations_per_second": best, "rescored_per_second": whole},
        ("rescored: read and scored, one after the other in one process",),
    )


def _scoring(model: Model, ready: list[Observation], size: int, accepted: Rates) -> Job:
    def work() -> None:
        for start in range(0, len(ready), size):
            model.assess(ready[start : start + size], accepted)

    return lambda: _wall(work)


def _wall(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def _copy(lines: FloatArray) -> None:
    on_device(lines, "cuda").sum().item()  # which waits for the copy
