"""What follows from the registry for one track in one territory at one time.

An agreement counts when the registry contains it undisputed, it is in force, names the tool and
covers the territory; each tool needs its own. An opt-out in force prevails over every grant, and
over the licence of the generator. Nor does that help where the own agreement was revoked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, Literal

from streams.contract.records import Purpose, RightsUsed, Tool, TrackClassified, Upload
from streams.contract.records.rights import RightsChanged, RightsEntry, RightsSubject
from streams.contract.vocabulary import BankKind
from streams.policy.registry import (
    AGREEMENT_STATUSES,
    AgreementStatus,
    folded,
    licence_of,
    names_of,
    status_of,
)

Kind = Literal["isrcs", "iswcs", "voices", "artists"]  # fields of an entry's subject
MAKES: Final = frozenset({"generate", "distribute_output"})
VOICE: Final = "voice_replica"
# What a derivative uses, unless it is called like its use.
USES: Final = {"voice_swap": VOICE, "continuation": "generate"}
# From best to worst; of several generators, the worst counts.
STATUSES: Final = ("licensed", "unknown", "disputed", "unlicensed")


@dataclass(frozen=True)
class Rights:
    """The answer; ``used`` names the entries and versions that it rests on."""

    licensed: bool = False
    agreement: str = "none"
    agreement_id: str | None = None
    generator_status: str = "none"
    derivative: str = "not_needed"
    voice_consent: str = "not_needed"
    used: tuple[RightsUsed, ...] = ()
    covering: tuple[RightsChanged, ...] = ()  # the entries that license this track


NO_RIGHTS: Final = Rights()


def rights_of(
    event: TrackClassified, entries: Sequence[RightsChanged], territory: str, at: datetime
) -> Rights:
    """Return what follows for a track from ``entries``, which are those that may be about it."""
    upload = event.upload
    if not entries and not (upload.declared.tools or upload.derivation or upload.voice):
        return NO_RIGHTS
    reading = _Reading(upload, entries, territory, at)
    agreement, covering = reading.agreement()
    generators, named_by_people = _generators(event)
    status = reading.generator_status(generators)
    by_generator = status == "licensed" and named_by_people and agreement != "revoked"
    licensed = agreement == "in_force" or by_generator
    derivative, voice_consent = reading.derivative(), reading.voice()
    agreement_ids = [
        *(one.entry.agreement_id for one in covering if one.entry),
        *(one.agreement_id for one in reading.used.values() if one.purpose == "generator"),
    ]
    return Rights(
        licensed=licensed,
        agreement=agreement,
        agreement_id=agreement_ids[0] if licensed and agreement_ids else None,
        generator_status=status,
        derivative=derivative,
        voice_consent=voice_consent,
        used=tuple(reading.used[key] for key in sorted(reading.used)),
        covering=covering if licensed else (),
    )


def _generators(event: TrackClassified) -> tuple[list[Tool], bool]:
    """Return the generators named, and whether by more than a mark or the detector."""
    if event.upload.declared.tools:
        return list(event.upload.declared.tools), True
    provenance = event.provenance
    if provenance is not None and provenance.state == "trusted":
        signed = [one.generator for one in provenance.marks if one.kind == "c2pa"]
        if names := (*provenance.software_agents, *signed):
            return [Tool(name=name) for name in dict.fromkeys(names)], True
    registered = [one.generator for one in event.matches
                  if one.bank_kind == BankKind.REGISTERED_AI and one.generator]  # fmt: skip
    if registered:
        return [Tool(name=name) for name in dict.fromkeys(registered)], True
    # A mark is no statement of the deliverer: it names a generator, and grants no licence.
    marks = provenance.marks if provenance is not None else ()
    marked = [one.generator for one in marks if one.declares]
    attributed = [event.analysis.generator] if event.analysis.generator else []
    return [Tool(name=name) for name in dict.fromkeys(marked or attributed)], False


@dataclass
class _Reading:
    """The registry read for one upload; ``used`` collects the entries that made a difference."""

    upload: Upload
    entries: Sequence[RightsChanged]
    territory: str
    at: datetime
    used: dict[tuple[str, str], RightsUsed] = field(default_factory=dict)

    def agreement(self) -> tuple[str, tuple[RightsChanged, ...]]:
        """Return the status of the agreements, the worst of all tools, and those in force."""
        statuses: list[AgreementStatus] = []
        covering: list[RightsChanged] = []
        for tool in self.upload.declared.tools or (None,):
            prevailing = self._prevailing(tool)
            if prevailing is None:
                if tool is None or tool.agreement_id is None:
                    return "none", ()
                statuses.append("unknown")
                continue
            change, status = prevailing
            self._use(change, "licence", status)
            statuses.append(status)
            if change not in covering:
                covering.append(change)
        worst = max(statuses, key=AGREEMENT_STATUSES.index)
        return worst, tuple(covering) if worst == "in_force" else ()

    def _prevailing(self, tool: Tool | None) -> tuple[RightsChanged, AgreementStatus] | None:
        """Return the entry that counts for a tool: an opt-out in force, else the best grant."""
        rated = [
            (change, self._permits(entry, tool), self._refuses(entry))
            for change in self.entries
            if (entry := change.entry) and MAKES & set(entry.uses) and self._reaches(entry, tool)
        ]
        if not rated:
            return None
        change, status, _ = min(
            rated, key=lambda one: (not one[2], AGREEMENT_STATUSES.index(one[1]))
        )
        return change, status

    def _reaches(self, entry: RightsEntry, tool: Tool | None) -> bool:
        """Whether an entry is about this delivery: by its id, or by what it names.

        Where no tool is named, only an entry that names this very recording counts.
        """
        subject, upload = entry.subject, self.upload
        if tool is None:
            return upload.isrc in subject.isrcs
        if subject.wildcard:  # whatever is delivered under the id, by the sender if one is named
            claimed = folded([tool.agreement_id]) == folded([entry.agreement_id])
            return claimed and (subject.catalogue_dpid is None or self._is_sent_by(subject))
        return (
            upload.isrc in subject.isrcs
            or not folded(upload.artists).isdisjoint(_names(subject, "artists"))
            or self._is_sent_by(subject)
        )

    def _is_sent_by(self, subject: RightsSubject) -> bool:
        ddex = self.upload.ddex
        senders = folded((self.upload.distributor, ddex.sender_dpid if ddex else None))
        return not senders.isdisjoint(folded([subject.catalogue_dpid]))

    def _refuses(self, entry: RightsEntry) -> bool:
        """Whether an entry is an opt-out, in force here and now."""
        status = status_of(entry, self.territory, self.at)
        return entry.permission == "opt_out" and status == "in_force"

    def _permits(self, entry: RightsEntry, tool: Tool | None) -> AgreementStatus:
        status = status_of(entry, self.territory, self.at)
        if status != "in_force":
            return status
        if entry.permission == "opt_out":
            return "revoked"
        conditions = entry.conditions
        if tool is not None:
            generators, versions = folded(conditions.generator_ids), conditions.generator_versions
            if generators and tool.name.casefold() not in generators:
                return "out_of_scope"
            if versions and tool.version not in versions:
                return "out_of_scope"
        # A condition that only a person can check is not in force until one has approved it.
        return "out_of_scope" if conditions.approval_required or conditions.products else "in_force"

    def generator_status(self, generators: Iterable[Tool]) -> str:
        """Return the licence status of the generators, the worst of all."""
        statuses = [self._licence_status(tool) for tool in generators]
        return max(statuses, key=STATUSES.index, default="none")

    def _licence_status(self, tool: Tool) -> str:
        for change in self.entries:
            generator = change.generator
            if generator is not None and tool.name.casefold() in folded(names_of(generator)):
                licence = licence_of(generator, tool.version, self.territory, self.at)
                status = licence.status if licence else "unknown"
                self._use(change, "generator", status, licence.agreement_id if licence else None)
                return status
        return "unknown"

    def derivative(self) -> str:
        """Whether every source of a derivative has agreed."""
        source = self.upload.derivation
        if source is None:
            return "not_needed"
        consent = partial(self._consents, "derivative", use=USES.get(source.type, source.type))
        works = {consent("isrcs", one) for one in source.source_isrcs}
        works |= {consent("iswcs", one) for one in source.source_iswcs}
        artists = {consent("artists", one) for one in source.source_artists}
        # A grant for every work is enough, and so is one by every artist; a refusal is final.
        granted = {"granted"} in (works, artists) and "refused" not in works | artists
        return "granted" if granted else "missing"

    def voice(self) -> str:
        """Whether the person whose voice it is has agreed."""
        claim, source = self.upload.voice, self.upload.derivation
        if claim is None:
            # A voice was put in the place of another, and no person is named.
            swapped = source is not None and source.type == "voice_swap"
            return "missing" if swapped else "not_needed"
        consent = partial(self._consents, "voice", name=claim.depicted, use=VOICE)
        consents = (consent("voices"), consent("artists"))
        return next((one for one in ("refused", "granted") if one in consents), "missing")

    def _consents(self, purpose: Purpose, kind: Kind, name: str, use: str) -> str:
        consent = "missing"
        for change in self.entries:
            entry = change.entry
            if entry is None or use not in entry.uses:
                continue
            if name.casefold() not in _names(entry.subject, kind):
                continue
            if self._refuses(entry):
                self._use(change, purpose, "refused")
                return "refused"
            if entry.permission != "opt_out":
                status = self._permits(entry, None)
                self._use(change, purpose, status)
                consent = "granted" if status == "in_force" else consent
        return consent

    def _use(
        self, change: RightsChanged, purpose: Purpose, status: str, agreement_id: str | None = None
    ) -> None:
        self.used[(purpose, change.entry_id)] = RightsUsed(
            entry_id=change.entry_id,
            version=change.version,
            agreement_id=change.entry.agreement_id if change.entry else agreement_id,
            purpose=purpose,
            status=status,
        )


def _names(subject: RightsSubject, kind: Kind) -> set[str]:
    names: tuple[str, ...] = getattr(subject, kind)
    return folded((*names, *subject.artist_isnis) if kind == "artists" else names)
