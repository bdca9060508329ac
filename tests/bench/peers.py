"""``bench peers``: what others take for the same file, and what each gives for it.

CPU seconds of one run; programs count from start to end, libraries without their import. A peer
that is not installed is named in a note, and left out.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from detector.audio.heap import keep_freed_memory
from detector.observation.listen import listen
from tests.bench.decode import LONGEST_S, bare, bare_peer
from tests.bench.measure import Job, by_turns, cpu_here, cpu_of
from tests.bench.table import Report, Row

EARMARK: Final = "Earmark: fingerprint, landmarks, observation, loudness, two hashes"
FPCALC: Final = "fpcalc: fingerprint of 120 s"
LIBROSA: Final = "librosa: load, constant-Q transform"
TORCHAUDIO: Final = "torchaudio: load"


def bench_peers(file: Path, rounds: int) -> Report:
    """Measure Earmark and every peer that is here on one file."""
    keep_freed_memory()  # as decode processes do
    peer = bare_peer()
    jobs: dict[str, Job] = {
        f"{peer}: decode to nothing": bare(file),
        EARMARK: lambda: cpu_here(lambda: listen(file, max_duration_s=LONGEST_S)),
    }
    notes = ["" if peer == "ffmpeg" else "ffmpeg is not installed: the limit is PyAV's frames"]
    for name, job in _others(file).items():
        try:
            job()
        except Exception as error:  # noqa: BLE001 - whatever keeps a peer from it is printed
            says = (str(error).splitlines() or [repr(error)])[0][:120]
            notes.append(f"no {name.partition(':')[0]} here: {says}")
        else:
            jobs[name] = job
    measured = by_turns(jobs, rounds)
    medians = {name: Row("", values, "").median for name, values in measured.items()}
    limit = next(iter(medians.values()))
    rows = tuple(
        Row(name, values, "CPU-s", medians[name] / limit) for name, values in measured.items()
    )
    figures = {"ratio_to_bare_decode": medians[EARMARK] / limit}
    return Report("peers", peer, rows, figures, tuple(filter(None, notes)))


def _others(file: Path) -> Mapping[str, Job]:
    return {FPCALC: _fpcalc(file), LIBROSA: _here(_librosa, file), TORCHAUDIO: _here(_load, file)}


def _here(work: Callable[[Path], object], file: Path) -> Job:
    return lambda: cpu_here(lambda: work(file))


def _fpcalc(file: Path) -> Job:
    def job() -> float:
        if shutil.which("fpcalc") is None:
            raise FileNotFoundError("fpcalc is not installed (Debian: libchromaprint-tools)")
        return cpu_of(("fpcalc", file))

    return job


def _librosa(file: Path) -> None:
    import librosa  # type: ignore[import-not-found,unused-ignore]  # a peer, not a dependency

    samples, rate = librosa.load(file, sr=None)
    librosa.cqt(samples, sr=rate)


def _load(file: Path) -> None:
    import torchaudio

    torchaudio.load(str(file))
