"""``earmark analyze``, ``compare``: the pipeline's analysis of local files, without a broker.

Files are decoded in the same guarded child processes, and answered in their order.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from detector.assessment.analyze import analysed, rejected
from detector.assessment.model import Model
from detector.errors import BadInput
from streams.media.decode_pool import DecodePool
from streams.media.provenance import ProvenanceDecoder
from streams.ops.inputs import Skipped, gather
from streams.runtime.settings import Settings
from streams.services.content_decoding import read_provenance
from streams.services.upload_inputs import readable


async def analyze(
    names: Sequence[str], models: Sequence[Model], settings: Settings
) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield one plain object for each model, file by file, which is decoded once.

    ``provenance`` is what the file itself contains of it, or None.
    Folders are walked, nothing is passed in silence.
    """
    with DecodePool(settings, ProvenanceDecoder.from_settings(settings)) as pool:
        waiting: deque[asyncio.Task[list[dict[str, Any]]]] = deque()
        for item in gather(list(names)):
            waiting.append(asyncio.create_task(_analyze(item, pool, models, settings)))
            if len(waiting) > 2 * settings.decode_workers:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()


async def _analyze(
    item: Path | Skipped, pool: DecodePool, models: Sequence[Model], settings: Settings
) -> list[dict[str, Any]]:
    path = item.path if isinstance(item, Skipped) else readable(item)
    try:
        decoded = await pool.decode(_checked(item, settings.fetch_max_bytes))
        provenance = read_provenance(decoded.provenance)
        own = {"provenance": provenance and provenance.model_dump(mode="json")}
        return [analysed(path, decoded, model, settings.rates) | own for model in models]
    except BadInput as error:
        return [rejected(path, error, model) | {"provenance": None} for model in models]


def _checked(item: Path | Skipped, max_bytes: int) -> Path:
    if isinstance(item, Skipped):
        raise BadInput(item.reason, item.detail)
    if (size := item.stat().st_size) > max_bytes:
        raise BadInput("too_large", f"{size} bytes exceed {max_bytes}")
    return item
