"""``bench stages``: where the CPU of one track goes, against decoding it to nothing.

In one process and one thread, without a broker: what the stages themselves cost. What Kafka,
the child processes and the database add to it is ``bench chain``'s to say.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from detector.assessment.model import Model
from detector.audio.chromaprint import Fingerprinter
from detector.audio.decode import Decoder
from detector.audio.heap import keep_freed_memory
from detector.audio.samples import to_mono
from detector.matching.landmarks import Landmarker
from detector.observation.listen import listen
from detector.observation.observation import Observation, Observer
from detector.types import FloatArray, Rates
from tests.bench.decode import LONGEST_S, PLAIN, bare_peer, both_peers
from tests.bench.measure import Job, by_turns, cpu_here
from tests.bench.table import Report, Row

SUM: Final = "sum"
AT_ONCE: Final = 16  # observations in one scoring batch


@dataclass(frozen=True)
class _Track:
    """A file, and what its stages hand on."""

    file: Path
    rate_hz: int
    mono: list[FloatArray]
    observation: Observation


def bench_stages(file: Path, model: Model, rates: Rates, rounds: int) -> Report:
    """Measure each stage on one file."""
    keep_freed_memory()  # as decode processes do
    track = _heard(file)
    peer = bare_peer()
    jobs: dict[str, Job] = both_peers(file)
    stages: dict[str, Callable[[], object]] = {
        "hash the file": lambda: hashlib.sha256(file.read_bytes()).hexdigest(),
        "decode": lambda: _decode(file),
        "mix to mono": lambda: _mono(_decode(file)),
        "hash the samples": lambda: _hash(track),
        "fingerprint": lambda: _fingerprint(track),
        "landmarks": lambda: _landmarks(track),
        "observe": lambda: _observe(track),
        "pack": lambda: track.observation.to_bytes(),
        "score": lambda: model.assess([track.observation] * AT_ONCE, rates),
    }
    jobs |= {name: _job(work) for name, work in stages.items()}
    jobs["hear (decode to pack, as a worker does)"] = lambda: cpu_here(
        lambda: listen(file, max_duration_s=LONGEST_S)
    )
    measured = by_turns(jobs, rounds)
    measured["score"] = tuple(value / AT_ONCE for value in measured["score"])
    measured["mix to mono"] = tuple(
        max(0.0, both - alone)
        for both, alone in zip(measured["mix to mono"], measured["decode"], strict=True)
    )
    measured[SUM] = tuple(
        sum(values) for values in zip(*(measured[name] for name in stages), strict=True)
    )
    limit = Row("", measured[peer], "").median
    rows = tuple(
        Row(name, values, "CPU-s", Row("", values, "").median / limit)
        for name, values in measured.items()
    )
    total = Row("", measured[SUM], "").median
    seconds = track.observation.duration_s
    return Report(
        "stages",
        peer,
        rows,
        {
            "ratio_to_bare_decode": total / limit,
            "ratio_to_plain_frames": total / Row("", measured[PLAIN], "").median,
            "cpu_seconds_per_track": total,
            "track_seconds": seconds,
        },
        (f"one file of {seconds:.0f} s, {file.suffix[1:]}; decoding is in the sum once",),
    )


def _job(work: Callable[[], object]) -> Job:
    return lambda: cpu_here(work)


def _heard(file: Path) -> _Track:
    decoder = Decoder(file, LONGEST_S)
    mono = _mono(list(decoder.chunks()))
    observer = Observer(decoder.sample_rate_hz)
    for part in mono:
        observer.feed(part)
    return _Track(file, decoder.sample_rate_hz, mono, observer.finish())


def _decode(file: Path) -> list[FloatArray]:
    return list(Decoder(file, LONGEST_S).chunks())


def _mono(chunks: list[FloatArray]) -> list[FloatArray]:
    return [to_mono(chunk) for chunk in chunks]


def _hash(track: _Track) -> None:
    samples = hashlib.sha256()
    for part in track.mono:
        samples.update(part.data)
    samples.digest()


def _fingerprint(track: _Track) -> None:
    fingerprinter = Fingerprinter(track.rate_hz)
    for part in track.mono:
        fingerprinter.feed(part)
    fingerprinter.finish()


def _landmarks(track: _Track) -> None:
    landmarker = Landmarker(track.rate_hz)
    for part in track.mono:
        landmarker.feed(part)
    landmarker.finish().to_bytes()


def _observe(track: _Track) -> None:
    observer = Observer(track.rate_hz)
    for part in track.mono:
        observer.feed(part)
    observer.finish()
