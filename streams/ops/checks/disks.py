"""How full the disks are that Earmark writes to; a bucket or a server's disk is not ours."""

import shutil
from pathlib import Path
from typing import Final

import fsspec
from sqlalchemy.engine import make_url

from streams.known.index import folder_of
from streams.runtime import metrics
from streams.runtime.settings import Settings

GAUGES: Final = (metrics.DISK_FREE, metrics.DISK_SIZE)


def measure(settings: Settings) -> None:
    """Set the gauges.

    Raises:
        OSError: a place that should be there cannot be looked at.
    """
    for place, folder in places(settings).items():
        usage = shutil.disk_usage(_nearest(folder))
        metrics.DISK_FREE.labels(place).set(usage.free)
        metrics.DISK_SIZE.labels(place).set(usage.total)


def places(settings: Settings) -> dict[str, Path]:
    """Return the local folders: of the artefact store, of an SQLite ledger, of the index."""
    found: dict[str, Path] = {}
    filesystem, root = fsspec.core.url_to_fs(settings.store)
    if "file" in filesystem.protocol:
        found["store"] = Path(root)
    ledger = make_url(settings.ledger)
    if ledger.get_backend_name() == "sqlite" and ledger.database not in (None, "", ":memory:"):
        found["ledger"] = Path(str(ledger.database)).parent
    if settings.index_url.startswith("file:"):
        found["index"] = folder_of(settings.index_url)
    return found


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists: it is made on first use."""
    folder = folder.absolute()
    return next(one for one in (folder, *folder.parents) if one.exists())
