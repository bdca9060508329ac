"""The rights registry as a value: the newest version of every entry, found by what it names.

``keys_of_event`` and ``keys_of_entry`` are the two sides of one question: which entries can
matter to a track, and which tracks to an entry. Both err on the side of too many.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Final, Literal, get_args

from streams.contract.records import MAX_NAME, TrackClassified
from streams.contract.records.rights import (
    WORLDWIDE,
    GeneratorEntry,
    GeneratorLicence,
    Revocation,
    RightsChanged,
    RightsEntry,
)

Key = tuple[str, str]  # what kind of name, and the name in lower case
NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
# From best to worst; of several, the worst counts.
AgreementStatus = Literal[
    "in_force", "not_yet", "out_of_scope", "unknown", "disputed", "expired", "revoked"
]
AGREEMENT_STATUSES: Final[tuple[AgreementStatus, ...]] = get_args(AgreementStatus)


class Registry:
    """Entries in their newest versions."""

    def __init__(self, entries: Iterable[RightsChanged] = ()) -> None:
        in_order = sorted(entries, key=lambda entry: entry.version)
        self._newest = {entry.entry_id: entry for entry in in_order}

    def __iter__(self) -> Iterator[RightsChanged]:
        return iter(self._newest.values())

    @cached_property
    def _by_key(self) -> dict[Key, list[RightsChanged]]:
        entries: dict[Key, list[RightsChanged]] = defaultdict(list)
        for entry in self:
            for key in keys_of_entry(entry):
                entries[key].append(entry)
        return entries

    def naming(self, keys: Iterable[Key]) -> tuple[RightsChanged, ...]:
        """Return the entries that any of the keys leads to, each once, in order of ids."""
        entries = {one.entry_id: one for key in keys for one in self._by_key.get(key, ())}
        return tuple(entries[entry_id] for entry_id in sorted(entries))


def keys_of_event(event: TrackClassified) -> set[Key]:
    """Return the names by which registry entries may be about a track."""
    upload, tools, ddex = event.upload, event.upload.declared.tools, event.upload.ddex
    makers = [event.analysis.generator, *(one.generator for one in event.matches)]
    keys = {
        *_keys("generator", *(tool.name for tool in tools), *makers),
        *_keys("agreement", *(tool.agreement_id for tool in tools)),
        *_keys("isrc", upload.isrc),
        *_keys("distributor", upload.distributor, ddex.sender_dpid if ddex else None),
        *_keys("artist", *upload.artists),
    }
    if upload.derivation:
        keys |= _keys("isrc", *upload.derivation.source_isrcs)
        keys |= _keys("iswc", *upload.derivation.source_iswcs)
        keys |= _keys("artist", *upload.derivation.source_artists)
    if upload.voice:
        keys |= _keys("voice", upload.voice.depicted) | _keys("artist", upload.voice.depicted)
        keys |= _keys("agreement", upload.voice.consent_id)
    if event.provenance:
        marked = (one.generator for one in event.provenance.marks)
        keys |= _keys("generator", *event.provenance.software_agents, *marked)
    return keys


def keys_of_entry(changed: RightsChanged) -> set[Key]:
    """Return the names by which uploads may be about an entry."""
    if changed.generator is not None:
        return _keys("generator", *names_of(changed.generator))
    if changed.entry is None:
        return set()
    subject = changed.entry.subject
    return {
        *_keys("agreement", changed.entry.agreement_id),
        *_keys("isrc", *subject.isrcs),
        *_keys("iswc", *subject.iswcs),
        *_keys("artist", *subject.artists, *subject.artist_isnis),
        *_keys("voice", *subject.voices),
        *_keys("distributor", subject.catalogue_dpid),
    }


def _keys(kind: str, *names: str | None) -> set[Key]:
    return {(kind, name) for name in folded(names)}


def folded(names: Iterable[str | None]) -> set[str]:
    """Return names in lower case, without those missing and those too long for any entry."""
    return {name.casefold() for name in names if name and len(name) <= MAX_NAME}


def names_of(generator: GeneratorEntry) -> tuple[str, ...]:
    """Return the names by which uploads may name a generator."""
    return (generator.generator_id, *generator.aliases)


def status_of(entry: RightsEntry, territory: str, at: datetime) -> AgreementStatus:
    """Return how an entry stands in a territory at a time."""
    if entry.permission == "revoked" and entry.revocation is None:
        return "revoked"  # at once; with a revocation, from its date
    if entry.revocation is not None and ends_by_revocation(entry.revocation) <= at:
        return "revoked"
    if entry.verification == "disputed":
        return "disputed"
    day = at.astimezone(UTC).date()
    if day < entry.valid_from:
        return "not_yet"
    if entry.valid_until is not None and day > entry.valid_until:
        return "expired"
    return "in_force" if covers(entry.territories, territory) else "out_of_scope"


def ends_by_revocation(revocation: Revocation) -> datetime:
    """Return when a revoked entry no longer counts."""
    at, grace = revocation.effective_at, timedelta(days=revocation.grace_days)
    return NEVER if at > NEVER - grace else at + grace


def covers(territories: Iterable[str], territory: str) -> bool:
    """Whether a grant for ``territories`` holds in ``territory``."""
    return not {WORLDWIDE, territory}.isdisjoint(territories)


def licence_of(
    generator: GeneratorEntry, version: str | None, territory: str, at: datetime
) -> GeneratorLicence | None:
    """Return the first licence that fits a version and a territory on a day."""
    for licence in generator.licences:
        fits = not licence.versions or version in licence.versions
        if fits and covers(licence.territories, territory) and is_valid(licence, at):
            return licence
    return None


def is_valid(licence: GeneratorLicence, at: datetime) -> bool:
    """Whether a licence has begun and not ended; both days are included (UTC)."""
    day = at.astimezone(UTC).date()
    return (licence.valid_from or date.min) <= day <= (licence.valid_until or date.max)


def boundaries(changed: RightsChanged) -> set[datetime]:
    """Return the moments at which an entry begins or ceases to count."""
    return {moment for grant in _grants(changed) for moment in limits(grant)}


def limits(grant: RightsEntry | GeneratorLicence) -> set[datetime]:
    """Return the moments at which an agreement or a licence begins or ceases to count."""
    days = [] if grant.valid_from is None else [grant.valid_from]
    if grant.valid_until is not None and grant.valid_until < date.max:
        days.append(grant.valid_until + timedelta(days=1))
    moments = {datetime.combine(day, time(), UTC) for day in days}
    if isinstance(grant, RightsEntry) and grant.revocation is not None:
        moments.add(ends_by_revocation(grant.revocation))
    return moments - {NEVER}


def named_territories(entries: Iterable[RightsChanged]) -> set[str]:
    """Return every single territory that any of the entries names."""
    grants = (grant for change in entries for grant in _grants(change))
    return {name for grant in grants for name in grant.territories} - {WORLDWIDE}


def _grants(changed: RightsChanged) -> Iterable[RightsEntry | GeneratorLicence]:
    if changed.entry is not None:
        return [changed.entry]
    return changed.generator.licences if changed.generator else ()
