"""``earmark submit``: uploads from names or a manifest, sent through the ingest hook."""

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console
from rich.progress import Progress

from streams.contract.records import Upload, stable_id
from streams.ops import display
from streams.ops.inputs import Skipped, gather
from streams.ops.up import Batch, Named
from streams.ops.watch import Watcher
from streams.runtime.processes import listens
from streams.runtime.settings import Settings
from streams.services.upload_inputs import RefusedUpload, read_manifest, upload_from_file
from streams.stages.ingest import IngestHook

STALL_S: Final = 300.0
LOOK_S: Final = 5.0  # without news: is the broker still there?


def uploads(names: list[str], max_hash_bytes: int) -> Iterator[Named | Skipped]:
    """Yield an upload for each file and URI that is named, and those of .jsonl manifests."""
    for name in names:
        if "://" in name:
            yield name, Upload(track_id=stable_id("trk", name), uri=name)
            continue
        if name.endswith(".jsonl"):
            with Path(name).open() as lines:
                yield from manifest(lines)
            continue
        for item in gather([name]):
            if isinstance(item, Skipped):
                yield item
                continue
            try:
                yield str(item), upload_from_file(item, max_hash_bytes=max_hash_bytes)
            except RefusedUpload as error:  # it went away since we looked
                yield Skipped(str(item), error.reason, error.detail)


def manifest(lines: TextIO) -> Iterator[Named | Skipped]:
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
    with out.open("w") if out else contextlib.nullcontext() as writer, IngestHook(settings) as hook:
        batch = Batch(console, writer)
        if not wait:
            batch.send(hook, items)
        else:
            with Watcher(settings) as watcher:
                thread = threading.Thread(target=batch.send, args=(hook, items), daemon=True)
                thread.start()
                console.print(display.HEADER, style="bold")
                presence = Presence(settings.brokers, console)
                with Progress(console=console, disable=True) as progress:
                    while not batch.complete and time.monotonic() - batch.last_news < STALL_S:
                        for ended in watcher.poll(0.1):
                            if ended.upload_id in batch.sent_at:
                                batch.take(ended, progress)
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
        if now - max(last_news, self._looked) < LOOK_S:
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
