"""``earmark submit``: uploads from names or a manifest, sent through the ingest hook.

``--rescan`` sends few uploads at a time, and none while uploads of others wait for the fingerprint
processor. An interrupted rescan is sent again: known content is not decoded twice.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog
from kafka.errors import KafkaError
from rich.console import Console
from rich.text import Text

from detector.errors import Transient
from streams.contract.records import stable_id
from streams.ops import display
from streams.ops.checks.broker import behind
from streams.ops.inputs import Skipped, gather
from streams.ops.up import Batch, Named
from streams.ops.watch import Watcher
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.processes import listens
from streams.runtime.settings import Settings
from streams.services.upload_inputs import (
    RefusedUpload,
    read_manifest,
    readable,
    upload_from_fields,
    upload_from_file,
)
from streams.stages.ingest import DeliveryFailed, IngestHook

log = structlog.get_logger()

STALL_S: Final = 300.0
NO_NEWS_S: Final = 5.0  # then: is the broker still there?
RESCAN_STALL_S: Final = 600.0  # then an upload is given up: its worker has been away for long
LOOK_S: Final = 0.25
RETRY_S: Final = 2.0


def uploads(names: list[str], max_hash_bytes: int) -> Iterator[Named | Skipped]:
    """Yield an upload for each file and URI that is named, and those of .jsonl manifests."""
    for name in names:
        if "://" in name:
            track_id = stable_id("trk", readable(name))
            try:
                yield name, upload_from_fields({"track_id": track_id, "uri": name})
            except RefusedUpload as error:
                yield Skipped(readable(name), error.reason, error.detail)
        elif name.endswith(".jsonl"):
            with Path(name).open("rb") as lines:
                yield from manifest(lines)
        else:
            for item in gather([name]):
                if isinstance(item, Skipped):
                    yield item
                    continue
                try:
                    yield readable(item), upload_from_file(item, max_hash_bytes=max_hash_bytes)
                except RefusedUpload as error:  # it went away since we looked
                    yield Skipped(readable(item), error.reason, error.detail)


def manifest(lines: Iterable[bytes]) -> Iterator[Named | Skipped]:
    """Yield the uploads of a JSON-lines manifest (one ``Upload`` object a line)."""
    for number, item in read_manifest(lines):
        if isinstance(item, RefusedUpload):
            yield Skipped(f"line {number}", item.reason, item.detail)
        else:
            yield item.title or item.uri, item


def submit(
    settings: Settings,
    items: Iterable[Named | Skipped],
    *,
    wait: bool,
    out: Path | None = None,
    console: Console,
) -> int:
    """Send everything; with ``wait`` print each end, and write it into ``out``.

    Returns:
        0; 1 where something was not sent, or did not end.
    """
    with ExitStack() as stack:
        batch = Batch(console, stack.enter_context(out.open("w")) if out else None)
        hook = stack.enter_context(IngestHook(settings))
        if not wait:
            batch.send(hook, items)
        else:
            watcher = stack.enter_context(Watcher(settings))
            threading.Thread(target=batch.send, args=(hook, items), daemon=True).start()
            console.print(display.HEADER, style="bold")
            presence = Presence(settings.brokers, console)
            while not batch.complete and time.monotonic() - batch.last_news < STALL_S:
                for ended in watcher.poll(0.1):
                    if ended.upload_id in batch.sent_at:
                        batch.take(ended)
                presence.look(batch.last_news)
    if batch.failure is not None:
        raise batch.failure
    console.print(f"{len(batch.sent_at)} uploads sent, {batch.not_sent} not sent")
    if wait:
        display.summary(console, list(batch.ends.values()), batch.not_sent)
    return 1 if batch.not_sent or (wait and not batch.complete) else 0


class Presence:
    """Prints when the broker goes away and when it is back; the client itself prints nothing."""

    def __init__(self, brokers: str, console: Console) -> None:
        self._brokers, self._console = brokers, console
        self._there, self._looked = True, time.monotonic()

    def look(self, last_news: float) -> None:
        """Call often; looks every few seconds while there is no news."""
        now = time.monotonic()
        if now - max(last_news, self._looked) < NO_NEWS_S:
            return
        self._looked = now
        there = any(map(listens, self._brokers.split(",")))
        if there != self._there:
            self._there = there
            self._console.print(
                f"the broker at {self._brokers} answers again"
                if there
                else f"no broker answers at {self._brokers}: waiting for it; Ctrl-C ends this"
            )


@dataclass
class Rescan:
    """A rescan that runs; it prints and counts the ends of its uploads.

    ``under_way`` contains the name of each upload, and when it was sent.
    """

    settings: Settings
    hook: IngestHook
    watcher: Watcher
    admin: Any
    at_once: int
    console: Console
    counts: Counter[str] = field(default_factory=Counter)
    under_way: dict[str, tuple[str, float]] = field(default_factory=dict)

    def send(self, named: Named) -> None:
        """Wait for a turn and send one upload."""
        self.wait(self.at_once - 1)
        while self._others_wait():
            self._look()
        name, upload = named
        while True:
            sent_at = time.time()
            (delivery,) = self.hook.submit_many([upload])
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
        for end in self.watcher.poll(LOOK_S):
            if end.upload_id in self.under_way:
                name, sent_at = self.under_way.pop(end.upload_id)
                self._note(end.outcome, display.line(name, end, end.at - sent_at))
        for upload_id, (name, sent_at) in list(self.under_way.items()):
            seconds = time.time() - sent_at
            if seconds > RESCAN_STALL_S:
                del self.under_way[upload_id]
                self._note("not ended", f"not ended after {seconds:.0f} s: {name}")

    def _note(self, outcome: str, line: Text | str) -> None:
        self.counts[outcome] += 1
        self.console.print(line, soft_wrap=True)

    def _others_wait(self) -> bool:
        try:
            return behind(self.admin, self.settings, "fingerprint") > len(self.under_way)
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
