"""``earmark submit --rescan``: sends a back catalogue without delaying new uploads.

The sender limits itself: few uploads are under way at a time, and none is sent while uploads
of others wait for the fingerprint processor. So a new upload waits for those few at most. An
interrupted rescan is sent again, from its last line or from the start: known content is not
decoded twice.
"""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import structlog
from kafka.errors import KafkaError
from rich.console import Console
from rich.text import Text

from detector.errors import Transient
from streams.ops import display
from streams.ops.checks.broker import behind
from streams.ops.inputs import Skipped
from streams.ops.up import Named
from streams.ops.watch import Watcher
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.settings import Settings
from streams.stages.ingest import DeliveryFailed, IngestHook

log = structlog.get_logger()

STALL_S: Final = 600.0
"""An upload that has not ended after this is given up: its worker has been away for long."""
LOOK_S: Final = 0.25
RETRY_S: Final = 2.0


class Rescan:
    """A rescan that runs; it prints and counts the ends of its uploads."""

    def __init__(
        self,
        settings: Settings,
        hook: IngestHook,
        watcher: Watcher,
        admin: Any,
        at_once: int,
        console: Console,
    ) -> None:
        self._settings, self._hook, self._watcher = settings, hook, watcher
        self._admin, self._at_once, self._console = admin, at_once, console
        self.counts: Counter[str] = Counter()
        self.under_way: dict[str, tuple[str, float]] = {}
        """By upload: its name, and when it was sent."""

    def send(self, named: Named) -> None:
        """Wait for a turn and send one upload."""
        self.wait(self._at_once - 1)
        while self._others_wait():
            self._look()
        name, upload = named
        while True:
            sent_at = time.time()
            (delivery,) = self._hook.submit_many([upload])
            if not isinstance(delivery.error, DeliveryFailed):
                break
            log.warning("rescan_waits", error=str(delivery.error))  # a rescan has time
            time.sleep(RETRY_S)
        if delivery.error is None:
            self.under_way[delivery.upload_id] = name, sent_at
        else:
            self.skip(Skipped(name, "not_delivered", str(delivery.error)))

    def skip(self, item: Skipped) -> None:
        """Note an item that is not sent."""
        self._note("not sent", display.skipped_line(item))

    def wait(self, left: int) -> None:
        """Wait until at most ``left`` are under way."""
        while len(self.under_way) > left:
            self._look()

    def _look(self) -> None:
        """Note what has ended, and what has been under way for too long."""
        for end in self._watcher.poll(LOOK_S):
            if end.upload_id in self.under_way:
                name, sent_at = self.under_way.pop(end.upload_id)
                self._note(end.outcome, display.line(name, end, end.at - sent_at))
        for upload_id, (name, sent_at) in list(self.under_way.items()):
            seconds = time.time() - sent_at
            if seconds > STALL_S:
                del self.under_way[upload_id]
                self._note("not ended", f"not ended after {seconds:.0f} s: {name}")

    def _note(self, outcome: str, line: Text | str) -> None:
        self.counts[outcome] += 1
        self._console.print(line, soft_wrap=True)

    def _others_wait(self) -> bool:
        try:
            return behind(self._admin, self._settings, "fingerprint") > len(self.under_way)
        except (KafkaError, Transient):
            return True  # a broker that does not answer has enough to do


def rescan(
    settings: Settings, items: Iterable[Named | Skipped], *, at_once: int, console: Console
) -> int:
    """Send everything in its turn, print each end. Return 1 where something did not end."""
    with (
        IngestHook(settings) as hook,
        Watcher(settings) as watcher,
        open_admin(settings) as admin,
    ):
        running = Rescan(settings, hook, watcher, admin, at_once, console)
        console.print(display.HEADER, style="bold")
        for item in items:
            if isinstance(item, Skipped):
                running.skip(item)
            else:
                running.send(item)
        running.wait(0)
    counts = running.counts
    totals = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    console.print(f"rescan: {totals or 'nothing'}")
    return 1 if counts["not sent"] or counts["not ended"] else 0
