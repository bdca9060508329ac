"""The artefact store (fsspec): observations by the SHA-256 of the content that they describe.

    <root>/heard/v<observation version>/<ab>/<sha256>.obs    the observation
                                              <sha256>.json   facts, fingerprint, its hash
                                              <sha256>.landmarks<version>
    <root>/answers/<yz>/<name>.json                           a model's answer about a content

The landmarks file has its own version and begins with the hash of the decoded samples. The JSON
is written last and only once. Every later event of the same content repeats it, so decoding a
file again, here or on another machine, changes nothing.
"""  # prose: the folder has had this name since the first release, stores keep it

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
from pydantic import ValidationError

from detector.errors import BadInput, OwnSideAway
from detector.matching.landmarks import LANDMARKS_VERSION
from detector.types import OBSERVATION_VERSION, DecodedTrack
from streams.contract.records import AudioFacts, Fingerprint, ObservationRef, Record


class ContentFacts(Record):
    """What the store keeps beside an observation."""

    audio: AudioFacts
    fingerprint: Fingerprint | None = None
    observation: ObservationRef


@dataclass(frozen=True)
class Acoustics:
    """What recognises a recording: the hash of its samples and its landmarks."""

    pcm_sha256: str
    landmarks: bytes


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """Turn every error of a store into ``OwnSideAway``; each kind of store has its own."""
    try:
        yield
    except OwnSideAway:
        raise
    except Exception as error:
        raise OwnSideAway(f"artefact store: {error!r}") from error


@dataclass(frozen=True)
class ArtefactStore:
    """One folder or bucket; methods block, so call them from a thread.

    Each method raises ``OwnSideAway`` where the store fails.
    """

    filesystem: Any
    root: str

    @classmethod
    def open(cls, url: str) -> "ArtefactStore":
        """Open the store at an fsspec URL; a local folder is made."""
        filesystem, root = fsspec.core.url_to_fs(url)
        if "file" in filesystem.protocol:
            filesystem.auto_mkdir = True
        return cls(filesystem, root.rstrip("/"))

    def find(self, content_sha256: str) -> ContentFacts | None:
        """Return the facts of this content, or None."""
        data = self._read(self._path(content_sha256, "json"))
        try:
            return None if data is None else ContentFacts.model_validate_json(data)
        except ValidationError:
            return None

    def keep(self, content_sha256: str, decoded: DecodedTrack) -> ContentFacts:
        """Store what was decoded, observation first; return what later events contain."""
        path = self._path(content_sha256, "obs")
        observation = ObservationRef(
            uri=self.filesystem.unstrip_protocol(path),
            version=OBSERVATION_VERSION,
            sha256=hashlib.sha256(decoded.observation).hexdigest(),
        )
        parts = {
            "audio": decoded.audio,
            "fingerprint": decoded.fingerprint,
            "observation": observation,
        }
        facts = ContentFacts.model_validate(parts, from_attributes=True)
        self._write(path, decoded.observation)
        self.keep_acoustics(content_sha256, decoded)
        self._write(self._path(content_sha256, "json"), facts.to_bytes())
        return facts

    def keep_acoustics(self, content_sha256: str, decoded: DecodedTrack) -> Acoustics:
        """Store the landmarks alone, beside the facts of an earlier release."""
        path = self._path(content_sha256, f"landmarks{LANDMARKS_VERSION}")
        self._write(path, bytes.fromhex(decoded.pcm_sha256) + decoded.landmarks)
        return Acoustics(decoded.pcm_sha256, decoded.landmarks)

    def acoustics(self, content_sha256: str) -> Acoustics | None:
        """Return what recognises this content, or None where this version was not kept."""
        data = self._read(self._path(content_sha256, f"landmarks{LANDMARKS_VERSION}"))
        return None if data is None else Acoustics(data[:32].hex(), data[32:])

    def read(self, reference: ObservationRef) -> bytes:
        """Return the bytes of an observation.

        Raises:
            BadInput: it is missing or altered.
        """
        data = self._read(reference.uri)
        if data is None:
            raise BadInput("observation_missing", f"nothing at {reference.uri}")
        if hashlib.sha256(data).hexdigest() != reference.sha256:
            raise BadInput("observation_altered", f"{reference.uri} is not what was stored")
        return data

    def answer(self, name: str) -> bytes | None:
        """Return an answer that was kept, or None."""
        return self._read(self._answer_path(name))

    def keep_answer(self, name: str, data: bytes, *, replace: bool = False) -> bytes:
        """Keep an answer; return the valid one: of several at once, the first.

        On a local disk exactly one is ever seen. Object stores are asked first and may, within
        milliseconds, let a second one win. The two differ only by the device's rounding.
        """
        path = self._answer_path(name)
        with store_errors():
            if replace:
                self._write(path, data)
            elif "file" in self.filesystem.protocol:
                _write_file(Path(path), data, exclusive=True)
            elif not self.filesystem.exists(path):
                self._write(path, data)
            valid: bytes = self.filesystem.cat_file(path)
        return valid

    def find_file(self, path: str) -> bytes | None:
        """Return what lies at a path of the store, or None."""
        return self._read(f"{self.root}/{path}")

    def keep_file(self, path: str, data: bytes) -> None:
        """Store what can be made again (pictures), whole or not at all."""
        self._write(f"{self.root}/{path}", data)

    def _answer_path(self, name: str) -> str:
        return f"{self.root}/answers/{name[-2:]}/{name}.json"

    def _path(self, content_sha256: str, suffix: str) -> str:
        version = OBSERVATION_VERSION
        return f"{self.root}/heard/v{version}/{content_sha256[:2]}/{content_sha256}.{suffix}"

    def _read(self, path: str) -> bytes | None:
        with store_errors(), contextlib.suppress(FileNotFoundError):
            data: bytes = self.filesystem.cat_file(path)
            return data
        return None

    def _write(self, path: str, data: bytes) -> None:
        """Write so that a reader sees all or nothing, at any time."""
        with store_errors():
            if "file" in self.filesystem.protocol:
                _write_file(Path(path), data)
                return
            handle = self.filesystem.open(path, "wb", autocommit=False)
            handle.write(data)
            handle.close()
            handle.commit()


def _write_file(path: Path, data: bytes, *, exclusive: bool = False) -> None:
    """Write beside ``path``, then rename; ``exclusive``: unless there is one already.

    fsspec would write into the folder for temporary files and *copy* from there where the
    store is another disk: a reader could meet half of an observation, and a full disk would
    leave half of one where a whole one had been.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # the event that names it is acknowledged after this
        if exclusive:
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(beside)
            beside.unlink()
        else:
            beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
