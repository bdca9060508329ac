"""The rights registry as a value: the newest version of every entry, found by what it names.

``keys_of_upload`` and ``keys_of_entry`` are the two sides of one question: which entries can
matter to a track, and which tracks an entry. Both err on the side of too many.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Final, Literal

from streams.contract.records import TrackClassified, Upload
from streams.contract.records.rights import (
    WORLDWIDE,
    GeneratorEntry,
    GeneratorLicence,
    RightsChanged,
    RightsEntry,
)

Key = tuple[str, str]  # what kind of name, and the name in lower case
AgreementStatus = Literal[
    "in_force", "not_yet", "expired", "revoked", "disputed", "out_of_scope", "unknown"
]
# From best to worst; of several, the worst counts.
AGREEMENT_STATUSES: Final[tuple[AgreementStatus, ...]] = (
    "in_force",
    "not_yet",
    "out_of_scope",
    "unknown",
    "disputed",
    "expired",
    "revoked",
)


class Registry:
    """Entries in their newest versions."""

    def __init__(self, entries: Iterable[RightsChanged] = ()) -> None:
        newest: dict[str, RightsChanged] = {}
        for entry in entries:
            known = newest.get(entry.entry_id)
            if known is None or entry.version > known.version:
                newest[entry.entry_id] = entry
        self._newest = newest

    def __len__(self) -> int:
        return len(self._newest)

    def __iter__(self) -> Iterator[RightsChanged]:
        return iter(self._newest.values())

    @cached_property
    def _by_key(self) -> dict[Key, list[RightsChanged]]:
        entries: dict[Key, list[RightsChanged]] = defaultdict(list)
        for entry in sorted(self._newest.values(), key=lambda entry: entry.entry_id):
            for key in keys_of_entry(entry):
                entries[key].append(entry)
        return entries

    def naming(self, keys: Iterable[Key]) -> tuple[RightsChanged, ...]:
        """Return the entries that any of the keys leads to, each once, in order of ids."""
        entries = {one.entry_id: one for key in keys for one in self._by_key.get(key, ())}
        return tuple(entries[entry_id] for entry_id in sorted(entries))


def keys_of_upload(upload: Upload) -> set[Key]:
    """Return the names by which registry entries may be about an upload."""
    keys: set[Key] = set()
    for tool in upload.declared.tools:
        keys.add(("generator", tool.name.casefold()))
        if tool.agreement_id:
            keys.add(("agreement", tool.agreement_id.casefold()))
    if upload.isrc:
        keys.add(("isrc", upload.isrc.casefold()))
    if upload.distributor:
        keys.add(("distributor", upload.distributor.casefold()))
    if upload.ddex and upload.ddex.sender_dpid:
        keys.add(("distributor", upload.ddex.sender_dpid.casefold()))
    keys |= {("artist", artist.casefold()) for artist in upload.artists}
    if upload.derivation:
        source = upload.derivation
        keys |= {("isrc", one.casefold()) for one in source.source_isrcs}
        keys |= {("iswc", one.casefold()) for one in source.source_iswcs}
        keys |= {("artist", one.casefold()) for one in source.source_artists}
    if upload.voice:
        keys |= {(kind, upload.voice.depicted.casefold()) for kind in ("voice", "artist")}
        if upload.voice.consent_id:
            keys.add(("agreement", upload.voice.consent_id.casefold()))
    return keys


def keys_of_event(event: TrackClassified) -> set[Key]:
    """Return ``keys_of_upload``, with what analysis and provenance found."""
    keys = keys_of_upload(event.upload)
    if event.analysis.generator:
        keys.add(("generator", event.analysis.generator.casefold()))
    keys |= {("generator", one.generator.casefold()) for one in event.matches if one.generator}
    if event.provenance:
        keys |= {("generator", one.casefold()) for one in event.provenance.software_agents}
    return keys


def keys_of_entry(changed: RightsChanged) -> set[Key]:
    """Return the names by which uploads may be about an entry."""
    if changed.generator is not None:
        named = (changed.generator.generator_id, *changed.generator.aliases)
        return {("generator", name.casefold()) for name in named}
    entry = changed.entry
    if entry is None:
        return set()
    subject = entry.subject
    keys = {("agreement", entry.agreement_id.casefold())}
    keys |= {("isrc", one.casefold()) for one in subject.isrcs}
    keys |= {("iswc", one.casefold()) for one in subject.iswcs}
    keys |= {("artist", one.casefold()) for one in (*subject.artists, *subject.artist_isnis)}
    keys |= {("voice", one.casefold()) for one in subject.voices}
    if subject.catalogue_dpid:
        keys.add(("distributor", subject.catalogue_dpid.casefold()))
    return keys


def status_of(entry: RightsEntry, territory: str, at: datetime) -> AgreementStatus:
    """Return how an entry stands in a territory at a time."""
    if entry.permission == "revoked" and entry.revocation is None:
        return "revoked"  # at once; with a revocation, from when it says
    if entry.revocation is not None and ends_by_revocation(entry) <= at:
        return "revoked"
    if entry.verification == "disputed":
        return "disputed"
    day = at.astimezone(UTC).date()
    if day < entry.valid_from:
        return "not_yet"
    if entry.valid_until is not None and day > entry.valid_until:
        return "expired"
    return "in_force" if covers(entry.territories, territory) else "out_of_scope"


def ends_by_revocation(entry: RightsEntry) -> datetime:
    """Return when a revoked entry no longer counts; only for entries with a revocation."""
    if entry.revocation is None:
        raise ValueError("the entry is not revoked")
    return entry.revocation.effective_at + timedelta(days=entry.revocation.grace_days)


def covers(territories: Iterable[str], territory: str) -> bool:
    """Whether a grant for ``territories`` holds in ``territory``."""
    territories = tuple(territories)
    return WORLDWIDE in territories or territory in territories


def licence_of(
    generator: GeneratorEntry, version: str | None, territory: str, at: datetime
) -> GeneratorLicence | None:
    """Return the first licence that fits a version and a territory on a day."""
    day = at.astimezone(UTC).date()
    for licence in generator.licences:
        if licence.versions and version not in licence.versions:
            continue
        started = licence.valid_from is None or licence.valid_from <= day
        lasts = licence.valid_until is None or day <= licence.valid_until
        if covers(licence.territories, territory) and started and lasts:
            return licence
    return None


def boundaries(changed: RightsChanged) -> set[datetime]:
    """Return the moments at which an entry begins or ceases to count."""
    moments: set[datetime] = set()
    entry = changed.entry
    if entry is not None:
        moments |= _days(entry.valid_from, entry.valid_until)
        if entry.revocation is not None:
            moments.add(ends_by_revocation(entry))
    if changed.generator is not None:
        for licence in changed.generator.licences:
            moments |= _days(licence.valid_from, licence.valid_until)
    return moments


def _days(first: date | None, last: date | None) -> set[datetime]:
    days = set()
    if first is not None:
        days.add(datetime.combine(first, time(), UTC))
    if last is not None and last < date.max:
        days.add(datetime.combine(last + timedelta(days=1), time(), UTC))
    return days


def named_territories(entries: Iterable[RightsChanged]) -> set[str]:
    """Return every single territory that any of the entries speaks about."""
    names: set[str] = set()
    for change in entries:
        if change.entry is not None:
            names |= set(change.entry.territories)
        if change.generator is not None:
            names |= {name for licence in change.generator.licences for name in licence.territories}
    return names - {WORLDWIDE}
