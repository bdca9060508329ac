"""Which known recordings an upload is: the index asked, the banks heard, said as matches."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from detector.matching.classes import MatchClass
from detector.matching.landmarks import NotLandmarks
from streams.contract.records import Match
from streams.contract.vocabulary import BankKind
from streams.known.banks import Bank, Banks
from streams.known.index import Found, Query
from streams.media.artefacts import Acoustics
from streams.runtime import metrics

MAX_MATCHES: Final = 10
"""On one event; the strongest."""


class Recogniser:
    """Looks uploads up; blocks, so call it from a thread."""

    def __init__(self, banks: Banks) -> None:
        self._banks = banks

    def matches(
        self, track_id: str, content_sha256: str, acoustics: Acoustics, uploaded_at: datetime
    ) -> tuple[Match, ...]:
        """Return what this upload is known as, the strongest first.

        A track is no match of itself: catalogue items under its own id are left out.
        """
        asked = {
            name: bank
            for name, bank in self._banks.all().items()
            if bank.answers(content_sha256, uploaded_at)
        }
        if not asked:
            return ()
        try:
            query = Query.of(content_sha256, acoustics.pcm_sha256, acoustics.landmarks)
        except NotLandmarks:  # damaged in the store: its bytes can still be known
            query = Query(content_sha256, acoustics.pcm_sha256)
        found = tuple(
            _match(one, bank)
            for one, bank in self._taken(query, asked)
            if not (bank.kind is BankKind.CATALOGUE and one.item.item_id == track_id)
        )[:MAX_MATCHES]
        for one in found:
            metrics.MATCHES.labels(one.bank, one.match_class).inc()
        return found

    def _taken(self, query: Query, asked: dict[str, Bank]) -> Iterator[tuple[Found, Bank]]:
        for one in self._banks.index.search(query):
            bank = asked.get(one.item.bank)
            if bank is not None and bank.takes(one):
                yield one, bank


def _match(found: Found, bank: Bank) -> Match:
    item, one = found.item, found.alignment
    said = {
        "match_class": found.match_class.value,
        "bank": bank.name,
        "bank_kind": bank.kind.value,
        "item_id": item.item_id,
        "generator": item.generator or bank.generator,
        "licence": item.licence or bank.licence,
        "sentence": _sentence(found, bank),
        "content_sha256": item.content_sha256,
    }
    if one is None:
        return Match(score=1.0, overlap_s=item.duration_s, start_s=0.0, known_start_s=0.0, **said)
    longest = max(one.stretches, key=lambda stretch: stretch.end_s - stretch.start_s)
    return Match(
        score=one.score,
        offset_s=one.offset_s,
        overlap_s=one.overlap_s,
        speed_ratio=one.speed_ratio,
        pitch_ratio=one.pitch_ratio,
        start_s=longest.start_s,
        known_start_s=longest.reference_s,
        **said,
    )


def _sentence(found: Found, bank: Bank) -> str:
    """Return what a reviewer reads, and can check by ear."""
    name = f"{found.item.item_id}, {bank.kind.evidence} ({bank.name})"
    one = found.alignment
    if found.match_class is MatchClass.EXACT or one is None:
        return f"The same audio as {name}."
    length = f"{one.overlap_s:.0f} s"
    agree = f"{one.score:.0%} of the spectral landmarks coincide"
    match found.match_class:
        case MatchClass.NEAR_DUPLICATE:
            return f"The same recording as {name}, in another form: {agree}."
        case MatchClass.CONTAINED:
            where = one.stretches[0]
            return (
                f"{length} of this track, from {where.start_s:.0f} s on, are in {name}, "
                f"from {where.reference_s:.0f} s on: {agree}."
            )
        case _:
            tempo, pitch = (100 * (ratio - 1) for ratio in (one.speed_ratio, one.pitch_ratio))
            return (
                f"{length} of this track are {name}, played {tempo:+.1f} % in tempo and "
                f"{pitch:+.1f} % in pitch: {agree}."
            )
