"""Now, by this machine's clock, as long as the database's agrees.

What begins or ends by date is decided by it. A clock that jumps ahead would end agreements that are
in force, and their decisions would reach the catalogue. SQLite has no clock of its own.
"""

import time
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, text

from detector.errors import NotYet
from streams.runtime import metrics
from streams.store.database import Ledger

CHECK_S: Final = 15.0
MOST_S: Final = 120.0  # that the two may differ
JUMP_S: Final = 5.0  # compared anew at once


class ClockDiffers(NotYet):
    """This machine's clock or the database's is wrong: nothing is decided until they agree.

    No record causes it, and none is a dead letter for it: an operator sets the clock
    (``EarmarkClockDiffers``).
    """


class CheckedClock:
    """Compares the two clocks now and then, and after a jump."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._checked = float("-inf")
        self._begun = 0.0  # where the monotonic clock began, by this machine's

    def now(self) -> datetime:
        """Return the time.

        Raises:
            ClockDiffers: the clocks differ.
        """
        ours, monotonic = time.time(), time.monotonic()
        jump_s = abs(ours - monotonic - self._begun)
        if monotonic - self._checked > CHECK_S or jump_s > JUMP_S:
            with self._ledger.reading() as connection:
                ahead_s = database_ahead_s(connection) or 0.0
            metrics.CLOCK_DIFFERENCE.set(ahead_s)
            if abs(ahead_s) > MOST_S:
                raise ClockDiffers(f"the database's clock and ours differ by {ahead_s:+.0f} s")
            self._checked, self._begun = monotonic, ours - monotonic
        return datetime.fromtimestamp(ours, UTC)


def database_ahead_s(connection: Connection) -> float | None:
    """Return how far the database's clock is ahead of ours; None: it is this machine's."""
    if connection.dialect.name != "postgresql":
        return None
    before = time.time()
    clock = connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())"))
    return float(clock) - (before + time.time()) / 2
