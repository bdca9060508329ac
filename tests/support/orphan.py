"""A worker with a child that hangs, to be killed by its test."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from detector.types import DecodedTrack
from streams.media.decode_pool import DecodePool
from streams.runtime.settings import Settings
from tests.support.decoding import processes


def hang(descriptor: int, max_duration_s: float) -> DecodedTrack:
    """Sleep for longer than anybody waits."""
    while True:
        time.sleep(100)


async def main() -> None:
    """Say the child's process id once it hangs."""
    with DecodePool(Settings(decode_workers=1), hang) as pool:
        await pool.warm()
        with tempfile.NamedTemporaryFile() as file:
            hearing = asyncio.create_task(pool.decode(Path(file.name)))
            await asyncio.sleep(0.5)
            sys.stdout.write(f"{processes(pool)[0]}\n")
            sys.stdout.flush()
            await hearing


if __name__ == "__main__":
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    asyncio.run(main())
