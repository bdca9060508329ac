"""Items of banks: made of a file, a stored content or a track, and looked up for a check."""

import asyncio
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from detector.errors import BadInput
from detector.matching.alignment import Recording
from detector.matching.landmarks import Landmarks
from streams.known.banks import Banks
from streams.known.index import Item, Query
from streams.media.artefacts import ArtefactStore
from streams.media.decode_pool import DecodePool
from streams.runtime.settings import Settings
from streams.services.upload_inputs import readable
from streams.store import queries
from streams.store.database import Ledger

SAMPLED: Final = 100  # the first hundred items are looked up, then each hundredth


def item_of(
    bank: str, source: str, item_id: str | None, facts: dict[str, str | None], settings: Settings
) -> Item:
    """Return the item of a file, of a stored content (SHA-256), or of a track in the ledger.

    ``facts`` are its generator, licence and note.

    Raises:
        BadInput: no such file or track, a file that cannot be decoded, a content without landmarks.
    """
    path = Path(source)
    if path.is_file():
        with DecodePool(settings) as pool:
            decoded = asyncio.run(pool.decode(path))
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        landmarks, pcm = decoded.landmarks, decoded.pcm_sha256
    else:
        content = source
        if not re.fullmatch("[0-9a-f]{64}", source):  # a track: its latest decoded upload
            latest = queries.latest_content(Ledger.of(settings), source)
            if latest is None:
                detail = f"{source} is no file, and the ledger knows no such track"
                raise BadInput("unknown_track", detail)
            content = latest
        acoustics = ArtefactStore.open(settings.store).acoustics(content)
        if acoustics is None:
            raise BadInput("not_heard", f"the store has no landmarks of {content}: name its file")
        landmarks, pcm = acoustics.landmarks, acoustics.pcm_sha256
    name = readable(item_id or (path.name if path.is_file() else source))
    return Item.of(bank, name, content, landmarks, pcm_sha256=pcm, **facts)


def sampled(banks: Banks) -> Iterator[tuple[Item, bool]]:
    """Yield a sample of all items, each with whether a search for its landmarks finds it."""
    for number, item in enumerate(banks.index.items()):
        if number % SAMPLED == 0 or number < SAMPLED:
            query = Query("0" * 64, None, Recording(Landmarks.from_bytes(item.landmarks)))
            hits = {(hit.item.bank, hit.item.item_id) for hit in banks.index.search(query)}
            yield item, (item.bank, item.item_id) in hits
