import pytest

from tests.pipeline.backpressure import measure

pytestmark = pytest.mark.pipeline

EVENTS = 5_000  # 20 MB wait; the program measures 50,000
SECONDS = 10
LARGEST_MB = 200
GROWTH_MB = 10


def test_a_worker_before_a_long_queue_stays_small() -> None:
    sizes = [size for _, size in measure(EVENTS, SECONDS)]
    assert 0 < max(sizes) < LARGEST_MB
    assert sizes[-1] - sizes[0] < GROWTH_MB
