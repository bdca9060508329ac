"""``earmark submit``: uploads from names or a manifest, sent through the ingest hook."""

import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import Progress

from streams.ingest import IngestHook, RefusedUpload, read_manifest, upload_from_file
from streams.local import show
from streams.local.gather import Passed, gather
from streams.local.up import Batch, Named
from streams.local.watch import Watcher
from streams.records import Upload, stable_id
from streams.settings import Settings

STALL_S = 300.0


def uploads(names: list[str], max_hash_bytes: int) -> Iterator[Named | Passed]:
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
            if isinstance(item, Passed):
                yield item
                continue
            try:
                yield str(item), upload_from_file(item, max_hash_bytes=max_hash_bytes)
            except RefusedUpload as error:  # it went away since we looked
                yield Passed(str(item), error.reason, error.detail)


def manifest(lines: TextIO) -> Iterator[Named | Passed]:
    """Yield the uploads of a JSON-lines manifest (one ``Upload`` object a line)."""
    for number, item in read_manifest(lines):
        if isinstance(item, RefusedUpload):
            yield Passed(f"line {number}", item.reason, item.detail)
        else:
            yield item.title or item.uri, item


def submit(
    settings: Settings, items: Iterable[Named | Passed], *, wait: bool, console: Console
) -> int:
    """Send everything; with ``wait`` print each end. Return 1 where something was not sent."""
    batch = Batch(console, None)
    with IngestHook(settings) as hook:
        if not wait:
            batch.send(hook, items)
        else:
            with Watcher(settings) as watcher:
                thread = threading.Thread(target=batch.send, args=(hook, items), daemon=True)
                thread.start()
                console.print(show.HEADER, style="bold")
                with Progress(console=console, disable=True) as progress:
                    while not batch.complete and time.monotonic() - batch.last_news < STALL_S:
                        for ended in watcher.poll(0.1):
                            if ended.upload_id in batch.sent_at:
                                batch.take(ended, progress)
    if batch.failure is not None:
        raise batch.failure
    console.print(f"{len(batch.sent_at)} uploads sent, {batch.not_sent} not sent")
    if wait:
        show.summary(console, list(batch.ends.values()), batch.not_sent)
    return 1 if batch.not_sent or (wait and not batch.complete) else 0
