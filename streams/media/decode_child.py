"""The decode process: confined before the first upload, one open file at a time.

It receives a readable descriptor and answers with plain bytes: JSON of facts or of a reason,
then the observation, the landmarks and the provenance. It never sends a pickle: an attacker who
takes over the decoder can only falsify the answer about the same file.
"""

import gc
import os
import signal
import struct
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import Final

import orjson

from detector.audio.heap import keep_freed_memory
from detector.errors import InvalidAudio
from detector.types import DecodedTrack
from streams.media import sandbox

DecodeFile = Callable[[int, float], DecodedTrack]

WARM_RATE_HZ: Final = 44_100
WARM_SAMPLES: Final = 15 * WARM_RATE_HZ  # a segment and a half: every step is taken once


def decode(descriptor: int, max_duration_s: float) -> DecodedTrack:
    """Decode an open file."""
    # PyAV and scipy are loaded in the fork server, not in the worker
    from detector.observation.listen import listen

    return listen(descriptor, max_duration_s=max_duration_s)


def serve(connection: Connection, decode_file: DecodeFile, cpu_s: float, memory_mb: int) -> None:
    """Answer one file after another until the other side closes."""
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # multiprocessing leaves a descriptor that keeps the fork server alive. Without it the fork
    # server ends with the worker, and so does this process.
    os.closerange(3, connection.fileno())
    os.closerange(connection.fileno() + 1, 4_096)
    _warm()
    gc.freeze()  # everything loaded so far stays: spare the collector
    connection.send_bytes(orjson.dumps(sandbox.confine(memory_mb)))
    while True:
        try:
            max_duration_s = float(connection.recv_bytes())
            descriptor = recv_handle(connection)
        except EOFError:
            return
        sandbox.limit_cpu(cpu_s)
        try:
            _answer(connection, decode_file, descriptor, max_duration_s)
        finally:
            os.close(descriptor)


def _answer(
    connection: Connection, decode_file: DecodeFile, descriptor: int, max_duration_s: float
) -> None:
    answer: dict[str, object]
    parts = (b"", b"", b"")
    try:
        track = decode_file(descriptor, max_duration_s)
    except InvalidAudio as error:
        answer = {"refused": (error.reason, error.detail)}
    except MemoryError:
        answer = {"refused": ("too_much_memory", "decoding needs more memory than allowed")}
    except Exception as error:  # noqa: BLE001 - one file's fault, told as such
        answer = {"failed": f"{type(error).__name__}: {error}"[:500]}
    else:
        parts = track.observation, track.landmarks, track.provenance
        answer = {"decoded": (track.audio, track.fingerprint, track.pcm_sha256)}
    for part in (orjson.dumps(answer), *parts):
        connection.send_bytes(part)


def _warm() -> None:
    """Decode noise once, so that lazy imports do not slow down the first upload."""
    samples = bytes(range(256)) * (2 * WARM_SAMPLES // 256)
    layout = (b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1)
    rates = (WARM_RATE_HZ, 2 * WARM_RATE_HZ, 2, 16, b"data", len(samples))
    with tempfile.TemporaryFile() as file:
        file.write(struct.pack("<4sI4s4sIHHIIHH4sI", *layout, *rates) + samples)
        file.flush()
        decode(file.fileno(), 60.0)
