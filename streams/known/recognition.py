"""The matches of an upload: known recordings of the index that its banks accept."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from detector.matching.classes import MatchClass
from detector.matching.landmarks import NotLandmarks
from detector.types import side_in_words
from streams.contract.records import Match
from streams.contract.vocabulary import BankKind
from streams.known.banks import Bank, Banks
from streams.known.index import Found, Query
from streams.media.artefacts import Acoustics
from streams.runtime import metrics

if TYPE_CHECKING:
    from streams.known.sql import SqlIndex

MAX_MATCHES: Final = 10  # on one event; the strongest


def matches_of(
    track_id: str, content_sha256: str, acoustics: Acoustics, uploaded_at: datetime, banks: Banks
) -> tuple[Match, ...]:
    """Return the matches of an upload, the strongest first; blocks, so call it from a thread.

    A track is no match of itself: catalogue items under its own id are left out.
    """
    asked = {
        name: bank
        for name, bank in banks.all().items()
        if bank.answers(content_sha256, uploaded_at)
    }
    if not asked:
        return ()
    try:
        query = Query.of(content_sha256, acoustics.pcm_sha256, acoustics.landmarks)
        sides = Query.of_sides(content_sha256, acoustics.landmarks)
    except NotLandmarks:  # damaged in the store: its bytes can still be known
        query, sides = Query(content_sha256, acoustics.pcm_sha256), {}
    matches = tuple(
        _match(found, bank, side)
        for side, found in _found(banks.index, query, sides)
        if (bank := asked.get(found.item.bank)) is not None
        and bank.takes(found)
        and not (bank.kind is BankKind.CATALOGUE and found.item.item_id == track_id)
    )[:MAX_MATCHES]
    for match in matches:
        metrics.MATCHES.labels(match.bank, match.match_class).inc()
    return matches


def _found(
    index: "SqlIndex", mix: Query, sides: Mapping[str, Query]
) -> list[tuple[str | None, Found]]:
    """Return each known item once, with the side that shows it best; None is the mix."""
    best: dict[tuple[str, str], tuple[str | None, Found]] = {}
    queries: list[tuple[str | None, Query]] = [(None, mix), *sides.items()]
    for side, query in queries:
        for match in index.search(query):
            name = match.item.bank, match.item.item_id
            if name not in best or match.rank < best[name][1].rank:
                best[name] = side, match
    return sorted(best.values(), key=lambda one: one[1].rank)


def _match(match: Found, bank: Bank, side: str | None) -> Match:
    item, alignment = match.item, match.alignment
    sentence = _sentence(match, bank)
    known = {
        "match_class": match.match_class.value,
        "bank": bank.name,
        "bank_kind": bank.kind.value,
        "item_id": item.item_id,
        "generator": item.generator or bank.generator,
        "licence": item.licence or bank.licence,
        "sentence": f"In {side_in_words(side)}: {sentence}" if side else sentence,
        "content_sha256": item.content_sha256,
    }
    if alignment is None:
        return Match(score=1.0, overlap_s=item.duration_s, start_s=0.0, known_start_s=0.0, **known)
    longest = max(alignment.stretches, key=lambda stretch: stretch.end_s - stretch.start_s)
    return Match(
        score=alignment.score,
        offset_s=alignment.offset_s,
        overlap_s=alignment.overlap_s,
        speed_ratio=alignment.speed_ratio,
        pitch_ratio=alignment.pitch_ratio,
        start_s=longest.start_s,
        known_start_s=longest.reference_s,
        **known,
    )


def _sentence(hit: Found, bank: Bank) -> str:
    """Return the sentence for reviewers, who can check it by ear."""
    name = f"{hit.item.item_id}, {bank.kind.evidence or bank.kind.words} ({bank.name})"
    alignment = hit.alignment
    if alignment is None:
        return MatchClass.EXACT.account.format(name=name)
    where = alignment.stretches[0]
    return hit.match_class.account.format(
        name=name,
        overlap=f"{alignment.overlap_s:.0f} s",
        start=f"{where.start_s:.0f} s",
        known_start=f"{where.reference_s:.0f} s",
        tempo=f"{100 * (alignment.speed_ratio - 1):+.1f} %",
        pitch=f"{100 * (alignment.pitch_ratio - 1):+.1f} %",
        agreement=f"{alignment.score:.0%} of the spectral landmarks coincide",
    )
