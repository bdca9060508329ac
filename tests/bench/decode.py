"""``bench decode``: our decoding beside others', CPU seconds for each file.

ffmpeg decodes to nothing, PyAV to plain frames that are dropped, Earmark to float chunks.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import av

from detector.audio.decode import Decoder
from detector.audio.heap import keep_freed_memory
from tests.bench.measure import Job, by_turns, cpu_here, cpu_of
from tests.bench.table import Report, Row

OURS: Final = "Earmark"
PLAIN: Final = "PyAV"
FFMPEG: Final = "ffmpeg"
LONGEST_S: Final = 4 * 3_600


def bench_decode(files: Sequence[Path], rounds: int) -> Report:
    """Measure each file with each decoder that is here."""
    keep_freed_memory()  # as decode processes do
    rows: list[Row] = []
    notes: list[str] = []
    peer = bare_peer()
    ratios: list[float] = []
    for file in files:
        measured = by_turns(_jobs(file, notes), rounds)
        against = Row("", measured[peer], "")
        for name, values in measured.items():
            row = Row(f"{file.suffix[1:]}: {name}", values, "CPU-s", None)
            ratio = row.median / against.median
            rows.append(Row(row.name, values, "CPU-s", ratio))
            if name == OURS:
                ratios.append(ratio)
    figures = {"ratio_to_bare_decode": sum(ratios) / len(ratios)}
    return Report("decode", peer, tuple(rows), figures, tuple(dict.fromkeys(notes)))


def bare_peer() -> str:
    """Return the name of the limit: ffmpeg where it is installed, else PyAV's plain frames."""
    return FFMPEG if shutil.which("ffmpeg") else PLAIN


def bare(file: Path) -> Job:
    """Return the job that decodes a file to nothing, as the peer does it."""
    return _ffmpeg(file) if bare_peer() == FFMPEG else lambda: cpu_here(lambda: _plain(file))


def both_peers(file: Path) -> dict[str, Job]:
    """Return the limit first, then PyAV's plain frames where the limit is another."""
    peers: dict[str, Job] = {bare_peer(): bare(file)}
    peers.setdefault(PLAIN, lambda: cpu_here(lambda: _plain(file)))
    return peers


def _jobs(file: Path, notes: list[str]) -> dict[str, Job]:
    jobs: dict[str, Job] = {
        OURS: lambda: cpu_here(lambda: _ours(file)),
        PLAIN: lambda: cpu_here(lambda: _plain(file)),
    }
    if shutil.which("ffmpeg"):
        jobs[FFMPEG] = _ffmpeg(file)
    else:
        notes.append("ffmpeg is not installed: the peer is PyAV, which starts no process")
    for name, load in (("soundfile", _soundfile), ("torchaudio", _torchaudio)):
        try:
            load(file)
        except Exception as error:  # noqa: BLE001 - whatever keeps a peer from it is told
            notes.append(f"no {name} here: {_first_line(error)}")
        else:
            jobs[name] = _here(load, file)
    return jobs


def _here(load: Callable[[Path], object], file: Path) -> Job:
    return lambda: cpu_here(lambda: load(file))


def _ours(file: Path) -> None:
    for _ in Decoder(file, LONGEST_S).chunks():
        pass


def _plain(file: Path) -> None:
    with av.open(str(file)) as container:
        stream = container.streams.audio[0]
        stream.codec_context.thread_type = "NONE"
        for _ in container.decode(stream):
            pass


def _ffmpeg(file: Path) -> Job:
    command = ("ffmpeg", "-v", "error", "-threads", "1", "-i", file, "-f", "null", "-")
    return lambda: cpu_of(command)


def _soundfile(file: Path) -> None:
    import soundfile  # type: ignore[import-not-found,unused-ignore]  # a peer, not a dependency

    with soundfile.SoundFile(file) as opened:
        while len(opened.read(65_536, dtype="float32")):
            pass


def _torchaudio(file: Path) -> None:
    import torchaudio

    torchaudio.load(str(file))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [repr(error)])[0][:120]
