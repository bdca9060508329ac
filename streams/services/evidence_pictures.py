"""The evidence of a decision as a picture, drawn by a child process and kept in the store.

Drawing needs PyTorch and matplotlib (half a gigabyte); whoever serves pages should not. The
child reads the observation and the released model, and writes JSON, SVG and PNG; what was
drawn once is read from the store from then on.
"""

import hashlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import orjson
import structlog
from sqlalchemy import select

from detector.errors import BadInput, Transient
from streams.contract.records import ObservationRef, TrackDecided
from streams.media.artefacts import ArtefactStore
from streams.runtime.settings import Settings
from streams.store.database import Ledger
from streams.store.tables import FINGERPRINTS

log = structlog.get_logger()

PATIENCE_S: Final = 90.0
MANIFEST: Final = "manifest.json"  # as detector.assessment.model has it, which would load PyTorch
ONE_AT_A_TIME: Final = threading.Semaphore(1)
# Whoever waits holds a thread that pages need: few may, and not for long.
WAITERS: Final = threading.Semaphore(3)
WAIT_S: Final = 20.0
MEDIA: Final = {"png": "image/png", "svg": "image/svg+xml", "json": "application/json"}


class NoPicture(BadInput):
    """There is nothing to draw from: no observation, or another model's version of it."""


@contextmanager
def _turn() -> Iterator[None]:
    """Draw one at a time.

    Raises:
        Transient: others are being drawn; ask again.
    """
    if not WAITERS.acquire(blocking=False):
        raise Transient("too many pictures are asked for at once")
    try:
        if not ONE_AT_A_TIME.acquire(timeout=WAIT_S):
            raise Transient("another picture is being drawn")
        try:
            yield
        finally:
            ONE_AT_A_TIME.release()
    finally:
        WAITERS.release()


class Pictures:
    """Finds or draws pictures; methods block, so call them from a thread."""

    def __init__(self, ledger: Ledger, store: ArtefactStore, settings: Settings) -> None:
        self._ledger, self._store, self._settings = ledger, store, settings

    def of(self, decision: TrackDecided, ending: str) -> bytes:
        """Return the picture of a decision's evidence as ``png``, ``svg`` or ``json``.

        Raises:
            NoPicture: there is none, and there will be none.
            Transient: it could not be drawn just now.
        """
        path = self._path(decision, ending)
        if (kept := self._store.find_file(path)) is not None:
            return kept
        self._must_be_ours(decision)
        with _turn():
            if (kept := self._store.find_file(path)) is not None:  # drawn while we waited
                return kept
            self._draw(decision)
        kept = self._store.find_file(path)
        if kept is None:
            raise Transient("the picture was not drawn")
        return kept

    def _path(self, decision: TrackDecided, ending: str) -> str:
        model = decision.analysis.model.digest[:16]
        content = decision.content_sha256
        return f"pictures/{model}/{content[:2]}/{content}.{ending}"

    def _must_be_ours(self, decision: TrackDecided) -> None:
        """Refuse before a child is started: only the model that answered can draw its evidence."""
        try:
            manifest = (self._settings.model / MANIFEST).read_bytes()
        except OSError as error:
            raise Transient(f"the released model cannot be read: {error}") from error
        if hashlib.sha256(manifest).hexdigest() != decision.analysis.model.digest:
            raise NoPicture("no_picture", "another model answered; its evidence was not drawn then")

    def _draw(self, decision: TrackDecided) -> None:
        observation = self._store.read(self._observation(decision))
        with tempfile.TemporaryDirectory(prefix="earmark-picture-") as folder:
            source = Path(folder) / "observation"
            source.write_bytes(observation)
            asked = {
                "observation": str(source),
                "title": f"content {decision.content_sha256[:16]}",
                "model": str(self._settings.model),
                "digest": decision.analysis.model.digest,
                "alpha": decision.analysis.alpha,
                "out": folder,
            }
            try:
                done = subprocess.run(
                    [
                        sys.executable,
                        "-m",
                        "streams.media.picture_child",
                        orjson.dumps(asked).decode(),
                    ],
                    capture_output=True,
                    timeout=PATIENCE_S,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise Transient(f"drawing took longer than {PATIENCE_S:g} s") from error
            if done.returncode == 2:
                raise NoPicture("no_picture", done.stderr.decode(errors="replace").strip()[-300:])
            if done.returncode != 0:
                log.error("picture_failed", error=done.stderr.decode(errors="replace")[-2_000:])
                raise Transient("the picture could not be drawn")
            for ending in MEDIA:
                drawn = (Path(folder) / f"evidence.{ending}").read_bytes()
                self._store.keep_file(self._path(decision, ending), drawn)

    def _observation(self, decision: TrackDecided) -> ObservationRef:
        question = (
            select(FINGERPRINTS.c.record)
            .where(FINGERPRINTS.c.upload_id == decision.upload_id)
            .where(FINGERPRINTS.c.content_sha256 == decision.content_sha256)
            .order_by(FINGERPRINTS.c.observation_version.desc())
            .limit(1)
        )
        with self._ledger.reading() as connection:
            text = connection.scalar(question)
        if text is None:
            raise NoPicture("no_picture", "the ledger has no observation of this content")
        return ObservationRef.model_validate(orjson.loads(text)["observation"])
