"""The order of a run: the longest first, so that no core waits for a last one alone.

``make test`` runs files side by side (``--dist loadfile``): the pipeline's tests wait for
brokers and time limits most of the time, the others compute.
"""

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

# As ``streams.cli.main`` does, before numpy is loaded: further threads of OpenBLAS wait busily.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TORCH_DEVICE_BACKEND_AUTOLOAD", "0")

# Fixtures of several folders: the ledger on both databases, a console over it.
pytest_plugins = [
    f"tests.support.{name}"
    for name in ("console", "databases", "patches", "signed_links", "artists", "rightsholders")
]

# Files of half a minute and more, longest first, those that wait before those that compute; the
# rest of the pipeline's follow, then all others.
LONGEST = (
    "test_live",
    "test_processor",
    "test_faults_on_kafka",
    "test_start_and_stop",
    "test_outages",
    "test_faults",
    "test_console",
    "test_stalls",
    "test_poison",
    "test_up",
    "test_hostile_uploads",
    "test_contained",
    "test_ledger_and_catalogue",
    "test_outages_on_kafka",
    "test_policy_story",
    "test_rebalance_gate",
    "test_security",
    "test_offsets",
    "test_up_killed",
    "test_pausing",
    "test_submit",
    "test_backpressure",
    "test_fingerprint",
    "test_chart",
    "test_commands",
    "test_train",
    "test_decode_pool",
    "test_wheel",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> tuple[int, int]:
        name = Path(item.fspath).stem
        long = LONGEST.index(name) if name in LONGEST else len(LONGEST)
        return (long, 0 if item.get_closest_marker("pipeline") else 1)

    items.sort(key=rank)  # stable: within a file and a rank nothing moves


gc.disable()  # what is loaded now stays: looking through it again and again takes a fifth


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)  # a run is short, and what tests leave is little
    gc.enable()


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start: in the background a shell has it ignored.

    And let tracebacks be plain: rich draws every local variable, which takes seconds where one
    is a model.
    """
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure([*structlog.get_config()["processors"][:-1], plain])
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _structlog_as_configured() -> Iterator[None]:
    """Undo what a command of the test set, as its level: the next test may read log lines."""
    config = structlog.get_config()
    yield
    structlog.configure(**config)
