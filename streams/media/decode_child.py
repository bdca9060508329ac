"""The child process that hears: confined before the first upload, one open file at a time.

It is sent a descriptor that may be read and answers with plain bytes: JSON of facts or of
a reason, then the observation, the landmarks, and what the file says of its making. No pickle
comes back: whoever takes over a decoder may lie about his own file, and that is all.
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
from detector.errors import Fatal, InvalidAudio
from detector.types import Heard
from streams.media import sandbox

Hear = Callable[[int, float], Heard]

WARM_RATE_HZ: Final = 44_100
WARM_SAMPLES: Final = 15 * WARM_RATE_HZ  # a segment and a half: every step is taken once


def hear(descriptor: int, max_duration_s: float) -> Heard:
    """Hear an open file."""
    from detector.observation.listen import (
        listen,  # torch is loaded in the fork server, not in the worker
    )

    return listen(descriptor, max_duration_s=max_duration_s)


def serve(connection: Connection, hear_file: Hear, cpu_s: float, memory_mb: int) -> None:
    """Answer for one file after the other until the other side closes."""
    import torch

    torch.set_num_threads(1)
    keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Among the descriptors that multiprocessing leaves is one that keeps the fork server
    # alive; without it that ends with the worker, and we end with it.
    os.closerange(3, connection.fileno())
    os.closerange(connection.fileno() + 1, 4_096)
    _warm()
    warm = getattr(hear_file, "warm", None)
    if warm is not None:
        warm()
    gc.freeze()  # what is here stays: no collection need look at it again
    connection.send_bytes(orjson.dumps(sandbox.confine(memory_mb)))
    while True:
        try:
            max_duration_s = float(connection.recv_bytes())
            descriptor = recv_handle(connection)
        except EOFError:
            return
        sandbox.limit_cpu(cpu_s)
        try:
            _answer(connection, hear_file, descriptor, max_duration_s)
        finally:
            os.close(descriptor)


def _answer(
    connection: Connection, hear_file: Hear, descriptor: int, max_duration_s: float
) -> None:
    said: dict[str, object]
    observation = landmarks = provenance = b""
    try:
        heard = hear_file(descriptor, max_duration_s)
    except InvalidAudio as error:
        said = {"refused": (error.reason, error.detail)}
    except Fatal as error:
        said = {"fatal": str(error)}
    except Exception as error:  # noqa: BLE001 - one file's fault, told as such
        said = {"failed": f"{type(error).__name__}: {error}"[:500]}
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):  # torch's own
            said = {"refused": ("too_much_memory", "decoding needs more memory than allowed")}
    else:
        observation, landmarks = heard.observation, heard.landmarks
        provenance = heard.provenance
        said = {"heard": (heard.audio, heard.fingerprint, heard.pcm_sha256)}
    connection.send_bytes(orjson.dumps(said))
    connection.send_bytes(observation)
    connection.send_bytes(landmarks)
    connection.send_bytes(provenance)


def _warm() -> None:
    """Hear noise once, so that all that loads late has been loaded and the first is no slower."""
    samples = bytes(range(256)) * (2 * WARM_SAMPLES // 256)
    layout = (b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1)
    rates = (WARM_RATE_HZ, 2 * WARM_RATE_HZ, 2, 16, b"data", len(samples))
    with tempfile.TemporaryFile() as file:
        file.write(struct.pack("<4sI4s4sIHHIIHH4sI", *layout, *rates) + samples)
        file.flush()
        hear(file.fileno(), 60.0)
