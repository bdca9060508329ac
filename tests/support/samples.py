"""The self-made tracks, made once for all tests: rendering them takes four seconds each time."""

import fcntl
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Final

from models.synthesis.samples import Sample, write_samples
from tests.support.paths import ROOT

CACHE: Final = ROOT / "build" / "samples"


def samples(folder: Path, seed: int = 1) -> list[Sample]:
    """Return what ``write_samples(folder, seed)`` does, copied from where they lie already.

    They are made anew where anything has changed that makes them: the code, the packages.
    """
    made = CACHE / f"{_digest()}-{seed}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:  # several tests may want them at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with tempfile.TemporaryDirectory(dir=CACHE) as fresh:
                write_samples(Path(fresh, "samples"), seed)
                Path(fresh, "samples").rename(made)
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return write_samples(folder, seed)


def _digest() -> str:
    sources = [ROOT / "constraints.txt", *sorted(ROOT.glob("models/synthesis/*.py"))]
    return hashlib.sha256(b"".join(map(Path.read_bytes, sources))).hexdigest()[:12]
