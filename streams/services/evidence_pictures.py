"""The evidence of a decision as a picture, drawn by a child process and kept in the store.

Drawing needs the detector and matplotlib, which the web processes avoid. The child reads the
observation and the released model and writes JSON, SVG and PNG. Later requests read them from the
store.
"""

import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Final

import orjson
import structlog

from detector.errors import ModelError, SingleReason, Transient
from detector.types import Rates
from streams.contract.records import Analysis, TrackDecided
from streams.media import sandbox
from streams.media.artefacts import ArtefactStore
from streams.runtime.processes import turn
from streams.services.released_models import reference_of
from streams.store import queries
from streams.store.database import Ledger

log = structlog.get_logger()

CHILD: Final = (sys.executable, "-m", "streams.media.picture_child")
TIMEOUT_S: Final = 90.0
DRAWING: Final = threading.Semaphore(1)
# A waiting request holds a thread that pages need: few may wait, and not for long.
WAITERS: Final = threading.Semaphore(3)
WAIT_S: Final = 20.0
MEDIA: Final = {"png": "image/png", "svg": "image/svg+xml", "json": "application/json"}


class NoPicture(SingleReason, reason="no_picture"):
    """Nothing can be drawn: there is no observation, or another model answered."""


def picture(
    ledger: Ledger, store: ArtefactStore, model: Path, decision: TrackDecided, ending: str
) -> bytes:
    """Return the picture of a decision's evidence as ``png``, ``svg`` or ``json``.

    It blocks, so call it from a thread. ``model``: the folder of the released one.

    Raises:
        NoPicture: there is none and never will be.
        Transient: it could not be drawn now.
    """
    path = _path(decision, ending)
    if (kept := store.find_file(path)) is not None:
        return kept
    _require_model(model, decision)
    many, other = "too many pictures are requested at once", "another picture is being drawn"
    with turn(WAITERS, 0, Transient(many)), turn(DRAWING, WAIT_S, Transient(other)):
        if (kept := store.find_file(path)) is None:  # not drawn during the wait
            ref = queries.observation_of(ledger, decision.upload_id, decision.content_sha256)
            if ref is None:
                raise NoPicture("the ledger has no observation of this content")
            _draw(store, store.read(ref), model, decision)
            kept = store.find_file(path)
    if kept is None:
        raise Transient("the picture was not drawn")
    return kept


def _path(decision: TrackDecided, ending: str) -> str:
    content = decision.content_sha256
    return f"pictures/{decision.analysis.model.digest[:16]}/{content[:2]}/{content}.{ending}"


def _require_model(model: Path, decision: TrackDecided) -> None:
    """Refuse before a child is started: only the model that answered can draw its evidence."""
    try:
        released = reference_of(model)
    except ModelError as error:
        raise Transient(f"the released model cannot be read: {error}") from error
    if released.digest != decision.analysis.model.digest:
        raise NoPicture("another model answered; its evidence was not drawn then")


def _rates(analysis: Analysis) -> Rates:
    identified = analysis.identified_alpha
    return Rates(analysis.alpha) if identified is None else Rates(analysis.alpha, identified)


def _draw(store: ArtefactStore, observation: bytes, model: Path, decision: TrackDecided) -> None:
    with tempfile.TemporaryDirectory(prefix="earmark-picture-") as folder:
        source = Path(folder) / "observation"
        source.write_bytes(observation)
        order = {
            "observation": str(source),
            "title": f"content {decision.content_sha256[:16]}",
            "model": str(model),
            "digest": decision.analysis.model.digest,
            "rates": list(_rates(decision.analysis)),
            "out": folder,
        }
        try:
            done = subprocess.run(
                [*CHILD, orjson.dumps(order)],
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
                env=sandbox.environment(),
            )
        except subprocess.TimeoutExpired as late:
            raise Transient(f"drawing took longer than {TIMEOUT_S:g} s") from late
        error = done.stderr.decode(errors="replace").strip()
        if done.returncode == 2:
            raise NoPicture(error[-300:])
        if done.returncode != 0:
            log.error("picture_failed", error=error[-2_000:])
            raise Transient("the picture could not be drawn")
        for ending in MEDIA:
            drawn = (Path(folder) / f"evidence.{ending}").read_bytes()
            store.keep_file(_path(decision, ending), drawn)
