"""``earmark submit``: uploads from names or a manifest, sent through the ingest hook.

``--rescan`` sends few uploads at a time, and none while uploads of others wait for the fingerprint
processor. An interrupted rescan is sent again: known content is not decoded twice.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import structlog
from kafka.errors import KafkaError
from rich.console import Console
from rich.text import Text

from detector.errors import Transient
from streams.contract.records import Upload, stable_id
from streams.ops import display
from streams.ops.inputs import Skipped, gather
from streams.ops.up import Batch, Named
from streams.ops.watch import Watcher
from streams.runtime.kafka.offsets import behind
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
from streams.stages.ingest import Delivery, DeliveryFailed, IngestHook

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
            _follow(batch, watcher, settings.brokers)
    if batch.failure is not None:
        raise batch.failure
    console.print(f"{len(batch.sent_at)} uploads sent, {batch.not_sent} not sent")
    if wait:
        display.summary(console, list(batch.ends.values()), batch.not_sent)
    return 1 if batch.not_sent or (wait and not batch.complete) else 0


def _follow(batch: Batch, watcher: Watcher, brokers: str) -> None:
    """Print each end, and the broker's absence and return: the client itself prints nothing."""
    batch.console.print(display.HEADER, style="bold")
    there, looked = True, time.monotonic()
    while not batch.complete and time.monotonic() - batch.last_news < STALL_S:
        for ended in watcher.poll(0.1):
            if ended.upload_id in batch.sent_at:
                batch.take(ended)
        if time.monotonic() - max(batch.last_news, looked) < NO_NEWS_S:
            continue
        before, there = there, any(map(listens, brokers.split(",")))
        looked = time.monotonic()
        if there and not before:
            batch.console.print(f"the broker at {brokers} answers again")
        elif before and not there:
            absent = f"no broker answers at {brokers}: waiting for it; Ctrl-C ends this"
            batch.console.print(absent)


def rescan(
    settings: Settings, items: Iterable[Named | Skipped], *, at_once: int, console: Console
) -> int:
    """Send everything in its turn, print each end. Return 1 where something did not end."""
    counts: Counter[str] = Counter()
    under_way: dict[str, tuple[str, float]] = {}  # of each upload: its name, when it was sent

    def note(outcome: str, line: Text | str) -> None:
        counts[outcome] += 1
        console.print(line, soft_wrap=True)

    def look() -> None:
        """Note what has ended, and what has been under way for too long."""
        for end in watcher.poll(LOOK_S):
            if end.upload_id in under_way:
                name, sent_at = under_way.pop(end.upload_id)
                note(end.outcome, display.line(name, end, end.seconds_after(sent_at)))
        for upload_id, (name, sent_at) in list(under_way.items()):
            seconds = time.time() - sent_at
            if seconds > RESCAN_STALL_S:
                del under_way[upload_id]
                note("not ended", f"not ended after {seconds:.0f} s: {name}")

    with (
        IngestHook(settings) as hook,
        Watcher(settings) as watcher,
        open_admin(settings) as admin,
    ):
        console.print(display.HEADER, style="bold")
        for item in items:
            if isinstance(item, Skipped):
                note("not sent", display.skipped_line(item))
                continue
            while len(under_way) >= at_once or _others_wait(admin, settings, len(under_way)):
                look()
            name, upload = item
            delivery = _delivered(hook, upload)
            if delivery.error is None:
                under_way[delivery.upload_id] = name, delivery.uploaded_at.timestamp()
            else:
                skipped = Skipped(name, "not_delivered", str(delivery.error))
                note("not sent", display.skipped_line(skipped))
        while under_way:
            look()
    totals = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    console.print(f"rescan: {totals or 'nothing'}")
    return 1 if counts["not sent"] or counts["not ended"] else 0


def _delivered(hook: IngestHook, upload: Upload) -> Delivery:
    """Send one upload until the broker answers."""
    while True:
        (delivery,) = hook.submit_many([upload])
        if not isinstance(delivery.error, DeliveryFailed):
            return delivery
        log.warning("rescan_waits", error=str(delivery.error))  # a rescan has time
        time.sleep(RETRY_S)


def _others_wait(admin: Any, settings: Settings, ours: int) -> bool:
    try:
        return behind(admin, settings, "fingerprint") > ours
    except (KafkaError, Transient):
        return True  # a broker that does not answer has enough to do
