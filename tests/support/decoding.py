"""Decode processes, and what one answers about a file: decoded, or refused."""

import asyncio
from pathlib import Path

from detector.errors import InvalidAudio
from detector.types import DecodedTrack
from streams.media.decode_pool import DecodePool


def processes(pool: DecodePool) -> list[int]:
    children = [worker.child for worker in pool._workers]
    return [child.pid for child in children if child and child.pid]


def hear(pool: DecodePool, path: Path) -> DecodedTrack | InvalidAudio:
    try:
        return asyncio.run(asyncio.wait_for(pool.decode(path), 120))
    except InvalidAudio as error:
        return error
