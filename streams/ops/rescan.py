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

from detector.errors import Transient
from streams.ops import display
from streams.ops.checks.broker import behind
from streams.ops.inputs import Skipped
from streams.ops.up import Named
from streams.ops.watch import Ended, Watcher
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.settings import Settings
from streams.stages.ingest import Delivery, DeliveryFailed, IngestHook

log = structlog.get_logger()

STALL_S: Final = 600.0
"""An upload that has not ended after this is given up: its worker has been away for long."""
LOOK_S: Final = 0.25
RETRY_S: Final = 2.0


class Rescan:
    """Uploads of a rescan that are under way; ``send`` waits for its turn."""

    def __init__(
        self, settings: Settings, hook: IngestHook, watcher: Watcher, admin: Any, at_once: int
    ) -> None:
        self._settings, self._hook, self._watcher = settings, hook, watcher
        self._admin, self._at_once = admin, at_once
        self.under_way: dict[str, tuple[str, float]] = {}
        """By upload: its name, and when it was sent."""

    def send(self, named: Named) -> tuple[Delivery, list[tuple[str, float, Ended | None]]]:
        """Wait for a turn and send one; return its delivery and the uploads that ended."""
        ended = self.wait(self._at_once - 1)
        while self._others_wait():
            ended += self.look()
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
        return delivery, ended

    def wait(self, left: int) -> list[tuple[str, float, Ended | None]]:
        """Wait until at most ``left`` are under way; return what ended."""
        ended: list[tuple[str, float, Ended | None]] = []
        while len(self.under_way) > left:
            ended += self.look()
        return ended

    def look(self) -> list[tuple[str, float, Ended | None]]:
        """Return name, seconds and end of what has ended now; no end: it was given up."""
        ended: list[tuple[str, float, Ended | None]] = []
        for end in self._watcher.poll(LOOK_S):
            if end.upload_id in self.under_way:
                name, sent_at = self.under_way.pop(end.upload_id)
                ended.append((name, end.at - sent_at, end))
        for upload_id, (name, sent_at) in list(self.under_way.items()):
            if time.time() - sent_at > STALL_S:
                del self.under_way[upload_id]
                ended.append((name, time.time() - sent_at, None))
        return ended

    def _others_wait(self) -> bool:
        try:
            return behind(self._admin, self._settings, "fingerprint") > len(self.under_way)
        except (KafkaError, Transient):
            return True  # a broker that does not answer has enough to do


def rescan(
    settings: Settings, items: Iterable[Named | Skipped], *, at_once: int, console: Console
) -> int:
    """Send everything in its turn, print each end. Return 1 where something did not end."""
    counts: Counter[str] = Counter()

    def tell(ended: list[tuple[str, float, Ended | None]]) -> None:
        for name, seconds, end in ended:
            if end is None:
                counts["not ended"] += 1
                console.print(f"not ended after {seconds:.0f} s: {name}", soft_wrap=True)
            else:
                counts[end.decision.analysis.outcome.value if end.decision else "dead letter"] += 1
                console.print(display.line(name, end, seconds), soft_wrap=True)

    with (
        IngestHook(settings) as hook,
        Watcher(settings) as watcher,
        open_admin(settings) as admin,
    ):
        lane = Rescan(settings, hook, watcher, admin, at_once)
        console.print(display.HEADER, style="bold")
        for item in items:
            if isinstance(item, Skipped):
                skipped: Skipped | None = item  # it was not sent, and why
            else:
                delivery, ended = lane.send(item)
                tell(ended)
                error = delivery.error
                skipped = Skipped(item[0], "not_delivered", str(error)) if error else None
            if skipped is not None:
                counts["not sent"] += 1
                console.print(display.skipped_line(skipped), soft_wrap=True)
        tell(lane.wait(0))
    totals = ", ".join(f"{count} {what}" for what, count in counts.most_common())
    console.print(f"rescan: {totals or 'nothing'}")
    return 1 if counts["not sent"] or counts["not ended"] else 0
