"""The files of a scan: of folders, of buckets, of manifests as ``earmark submit`` takes them."""

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final
from urllib.parse import unquote, urlsplit

import fsspec

from detector.errors import BadInput, SenderAway
from streams.contract.records import Upload
from streams.media.audio_formats import AUDIO_SUFFIXES
from streams.media.fetch import HTTP
from streams.ops.inputs import Skipped, gather
from streams.ops.scan.records import Listing
from streams.runtime.settings import Settings
from streams.services.upload_inputs import RefusedUpload, read_manifest, readable

MANIFEST: Final = ".jsonl"
RELEASE_IDS: Final = ("release", "upc", "grid")
"""Identifiers of a manifest that name the release, the first that is there."""
PASSED_OVER: Final = "not_audio_name"
"""The reason of a file that is not named like audio: a scan reads it not."""

Listed = tuple[Listing, str] | Skipped
"""A file with its stamp, which differs when its content does; or why it is none."""


def listed(names: Iterable[str], settings: Settings, standard_input: IO[bytes]) -> Iterator[Listed]:
    """Yield the files that are named: folders, files, URIs, manifests, ``-``.

    Raises:
        BadInput: a bucket of a scheme that the settings do not allow.
        SenderAway: a bucket does not answer.
        OSError: a manifest cannot be opened.
    """
    for name in names:
        if name == "-":
            yield from _of_manifest(standard_input)
        elif "://" in name:
            yield from _of_bucket(name, settings)
        elif name.endswith(MANIFEST):
            with Path(name).open("rb") as lines:
                yield from _of_manifest(lines)
        else:
            yield from _of_folder(Path(name))


def _of_folder(root: Path) -> Iterator[Listed]:
    for item in gather([str(root)]):
        if isinstance(item, Skipped):
            yield item
            continue
        path = item.absolute()
        try:
            status = path.stat()
        except OSError as error:  # it went away since it was named
            yield Skipped(readable(item), "unreadable_file", error.strerror or "cannot be read")
            continue
        inside = item.parent.relative_to(root) if root.is_dir() else item.parent
        folder = readable(inside) if inside != Path() else readable(root.absolute().name)
        listing = Listing(path=readable(item), uri=path.as_uri(), folder=folder, local=True)
        yield listing, f"{status.st_size}-{status.st_mtime_ns}"


def _of_manifest(lines: Iterable[bytes]) -> Iterator[Listed]:
    for number, item in read_manifest(lines):
        if isinstance(item, RefusedUpload):
            yield Skipped(f"line {number}", item.reason, item.detail)
        else:
            yield _of_upload(item), item.sha256 or ""


def _of_upload(upload: Upload) -> Listing:
    ids = upload.identifiers
    return Listing(
        path=upload.uri,
        uri=upload.uri,
        folder=_folder(upload.uri),
        expected_sha256=upload.sha256,
        track_id=upload.track_id,
        title=upload.title,
        artists=upload.artists,
        release=next((ids[name] for name in RELEASE_IDS if ids.get(name)), None),
        deliverer=upload.distributor,
        isrc=upload.isrc,
        declared_ai=upload.declared.contains_ai,
    )


def _folder(uri: str) -> str:
    """Return the folder in which an object lies, as people read it."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    return unquote(f"{parts.netloc}{PurePosixPath(parts.path).parent}").strip("/")


def _of_bucket(name: str, settings: Settings) -> Iterator[Listed]:
    """Yield the objects below an address that are named like audio; or the one that it names."""
    scheme = name.partition("://")[0]
    if scheme not in settings.schemes:
        needed = ",".join(sorted({*settings.schemes, scheme}))
        raise BadInput("refused_scheme", f"{name}: set EARMARK_URI_SCHEMES={needed} to read it")
    if scheme in HTTP:  # a web server lists nothing
        yield Listing(path=name, uri=name, folder=_folder(name)), ""
        return
    try:
        filesystem, root = fsspec.core.url_to_fs(name)
        objects: dict[str, dict[str, Any]] = filesystem.find(root, detail=True)
    except Exception as error:  # each store has its own errors
        raise SenderAway(f"{name} cannot be listed: {error!r}", "store_failed") from error
    if not objects:
        yield Skipped(name, "empty_folder", "no objects below this address")
    for path, facts in sorted(objects.items()):
        uri = filesystem.unstrip_protocol(path)
        if PurePosixPath(path).suffix.lower() not in AUDIO_SUFFIXES and path != root:
            yield Skipped(uri, PASSED_OVER, "not named like audio; name the object to read it")
            continue
        stamp = [str(facts.get(key, "")) for key in ("size", "ETag", "etag", "mtime", "created")]
        yield Listing(path=uri, uri=uri, folder=_folder(uri)), "-".join(stamp)
