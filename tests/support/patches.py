"""Clients without our patches, whatever ran before in the same process."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def unpatched() -> Iterator[None]:
    """Take the patches of Faust's consumer away, before a test and after it."""
    from streams.runtime.patches import faust_consumer, restarted_logs  # Faust takes a second

    for patch in (faust_consumer, restarted_logs):
        patch.remove()
    yield
    for patch in (faust_consumer, restarted_logs):
        patch.remove()
