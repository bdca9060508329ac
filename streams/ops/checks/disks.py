"""Free space of the local disks that Earmark writes to."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import fsspec

from streams.known.index import folder_of
from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.store.monitoring import file_of

GAUGES: Final = (metrics.DISK_FREE, metrics.DISK_SIZE)


def measure(settings: Settings) -> None:
    """Set the gauges."""
    for place, free, size in space(settings):
        metrics.DISK_FREE.labels(place).set(free)
        metrics.DISK_SIZE.labels(place).set(size)


def space(settings: Settings) -> Iterator[tuple[str, int, int]]:
    """Yield each place with the free and all bytes of its disk; its folder may not exist yet."""
    for place, folder in places(settings).items():
        parents = (folder.absolute(), *folder.absolute().parents)
        usage = shutil.disk_usage(next(path for path in parents if path.exists()))
        yield place, usage.free, usage.total


def places(settings: Settings) -> dict[str, Path]:
    """Return the local folders: of the artefact store, of an SQLite ledger, of the index."""
    folders: dict[str, Path] = {}
    filesystem, root = fsspec.core.url_to_fs(settings.store)
    if "file" in filesystem.protocol:
        folders["store"] = Path(root)
    if (ledger := file_of(settings.ledger)) is not None:
        folders["ledger"] = ledger.parent
    if settings.index_url.startswith("file:"):
        folders["index"] = folder_of(settings.index_url)
    return folders
