"""``earmark analyze``: the pipeline's analysis of local files, without a broker.

Files are decoded in the same guarded child processes; answers come in the order of the
files, each as soon as it and those before it are there.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from detector.assessment.analyze import analysed, rejected
from detector.assessment.model import Model
from detector.errors import BadInput, InvalidAudio
from detector.types import Heard
from streams.media.decode_pool import DecodePool
from streams.ops.inputs import Skipped, gather
from streams.runtime.settings import Settings


async def analyze(
    names: Sequence[str], model: Model, settings: Settings
) -> AsyncIterator[dict[str, Any]]:
    """Yield one plain object per file; folders are walked, nothing is passed in silence."""
    with DecodePool(settings) as pool:
        waiting: deque[tuple[str, asyncio.Task[Heard] | BadInput]] = deque()
        for item in gather(list(names)):
            if isinstance(item, Skipped):
                waiting.append((item.path, BadInput(item.reason, item.detail)))
            else:
                size = item.stat().st_size
                waiting.append((str(item), asyncio.create_task(_hear(pool, item, size, settings))))
            if len(waiting) > 2 * settings.decode_workers:
                yield await _answer(*waiting.popleft(), model, settings.alpha)
        while waiting:
            yield await _answer(*waiting.popleft(), model, settings.alpha)


async def _hear(pool: DecodePool, path: Path, size: int, settings: Settings) -> Heard:
    if size > settings.fetch_max_bytes:
        raise InvalidAudio("too_large", f"{size} bytes exceed {settings.fetch_max_bytes}")
    return await pool.decode(path)


async def _answer(
    path: str, heard: "asyncio.Task[Heard] | BadInput", model: Model, alpha: float
) -> dict[str, Any]:
    if isinstance(heard, BadInput):
        return rejected(path, heard, model)
    try:
        return analysed(path, await heard, model, alpha)
    except BadInput as error:
        return rejected(path, error, model)
