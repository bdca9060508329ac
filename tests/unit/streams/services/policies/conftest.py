"""Fixtures of this folder."""

import pytest

from streams.store.outbox import Relay


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits in the outbox stays there."""
    monkeypatch.setattr(Relay, "relay", lambda self: 0)
