"""The answer of a decode process about a file: decoded, or refused."""

import asyncio
from pathlib import Path

from detector.errors import InvalidAudio
from detector.types import Heard
from streams.media.decode_pool import DecodePool


def hear(pool: DecodePool, path: Path) -> Heard | InvalidAudio:
    try:
        return asyncio.run(asyncio.wait_for(pool.decode(path), 120))
    except InvalidAudio as error:
        return error
