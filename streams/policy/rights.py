"""What the registry says about one track in one territory at one time.

An agreement counts when it is verified or at least undisputed, in force, names the tool and
covers the territory. One licensed tool does not cover another, so each needs its own. What a
deliverer claims is only a claim: the entry must stand in the registry.

Who opted out has the last word: an opt-out in force prevails over every grant, and over the
licence of the generator. Nor does that licence help a delivery whose own agreement was revoked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from streams.contract.records import RightsUsed, Tool, TrackClassified, Upload
from streams.contract.records.rights import RightsChanged, RightsEntry, RightsSubject, Use
from streams.contract.vocabulary import BankKind
from streams.policy.registry import (
    AGREEMENT_STATUSES,
    AgreementStatus,
    licence_of,
    status_of,
)

Purpose = Literal["licence", "generator", "derivative", "voice"]
MAKES: Final = frozenset({"generate", "distribute_output"})
DERIVES: Final[dict[str, frozenset[Use]]] = {
    "cover": frozenset({"cover"}),
    "remix": frozenset({"remix"}),
    "mashup": frozenset({"mashup"}),
    "voice_swap": frozenset({"voice_replica"}),
    "stem_reuse": frozenset({"stem_reuse"}),
    "continuation": frozenset({"generate"}),
}
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
    event: TrackClassified,
    entries: Sequence[RightsChanged],
    territory: str,
    at: datetime,
) -> Rights:
    """Return what ``entries`` say about a track; they are those that may be about it."""
    upload = event.upload
    if not entries and not (upload.declared.tools or upload.derivation or upload.voice):
        return NO_RIGHTS
    used: dict[tuple[str, str], RightsUsed] = {}
    look = _Look(upload, entries, territory, at, used)
    agreement, covering = look.agreement()
    generators, named_by_people = _generators(event)
    status = look.generator_status(generators)
    by_generator = status == "licensed" and named_by_people and agreement != "revoked"
    licensed = agreement == "in_force" or by_generator
    return Rights(
        licensed=licensed,
        agreement=agreement,
        agreement_id=_agreement_id(covering, used) if licensed else None,
        generator_status=status,
        derivative=look.derivative(),
        voice_consent=look.voice(),
        used=tuple(used[key] for key in sorted(used)),
        covering=covering if licensed else (),
    )


def _generators(event: TrackClassified) -> tuple[list[Tool], bool]:
    """Return the generators named, and whether by more than the detector's attribution."""
    tools = list(event.upload.declared.tools)
    if tools:
        return tools, True
    provenance = event.provenance
    if provenance is not None and provenance.state == "trusted" and provenance.software_agents:
        return [Tool(name=name) for name in provenance.software_agents], True
    registered = [one.generator for one in event.matches
                  if one.bank_kind == BankKind.REGISTERED_AI and one.generator]  # fmt: skip
    if registered:
        return [Tool(name=name) for name in dict.fromkeys(registered)], True
    if event.analysis.generator:
        return [Tool(name=event.analysis.generator)], False
    return [], False


def _agreement_id(
    covering: Sequence[RightsChanged], used: dict[tuple[str, str], RightsUsed]
) -> str | None:
    for change in covering:
        if change.entry is not None:
            return change.entry.agreement_id
    return next(
        (change.agreement_id for change in used.values() if change.purpose == "generator"), None
    )


@dataclass
class _Look:
    upload: Upload
    entries: Sequence[RightsChanged]
    territory: str
    at: datetime
    used: dict[tuple[str, str], RightsUsed]

    def agreement(self) -> tuple[str, tuple[RightsChanged, ...]]:
        """Return how the agreements stand, the worst of all tools, and those in force."""
        tools = self.upload.declared.tools
        granting = [
            change for change in self.entries if change.entry and MAKES & set(change.entry.uses)
        ]
        if not tools:
            return self._about_the_recording(granting)
        statuses: list[AgreementStatus] = []
        covering: list[RightsChanged] = []
        for tool in tools:
            change, stands = self._for_tool(tool, granting)
            if change is None:
                if tool.agreement_id is None:
                    return "none", ()
                statuses.append("unknown")
                continue
            self._use(change, "licence", stands)
            statuses.append(stands)
            if stands == "in_force" and change not in covering:
                covering.append(change)
        worst = max(statuses, key=AGREEMENT_STATUSES.index)
        return worst, tuple(covering) if worst == "in_force" else ()

    def _for_tool(
        self, tool: Tool, granting: Sequence[RightsChanged]
    ) -> tuple[RightsChanged | None, AgreementStatus]:
        best: tuple[RightsChanged | None, AgreementStatus] = (None, "unknown")
        for change in granting:
            entry = change.entry
            if entry is None or not self._reaches(entry, tool.agreement_id):
                continue
            stands = self._permits(entry, tool)
            if self._refuses(entry):
                return change, stands
            if best[0] is None or AGREEMENT_STATUSES.index(stands) < AGREEMENT_STATUSES.index(
                best[1]
            ):
                best = (change, stands)
        return best

    def _about_the_recording(
        self, granting: Sequence[RightsChanged]
    ) -> tuple[str, tuple[RightsChanged, ...]]:
        """No tool is named: an entry that names this very recording speaks for it."""
        isrc = self.upload.isrc
        about = [
            (self._permits(change.entry, None), change)
            for change in granting
            if change.entry is not None and isrc is not None and isrc in change.entry.subject.isrcs
        ]
        if not about:
            return "none", ()
        refusing = [pair for pair in about if pair[1].entry and self._refuses(pair[1].entry)]
        stands, change = min(refusing or about, key=lambda pair: AGREEMENT_STATUSES.index(pair[0]))
        self._use(change, "licence", stands)
        return stands, (change,) if stands == "in_force" else ()

    def _reaches(self, entry: RightsEntry, claimed: str | None) -> bool:
        """Whether an entry is about this delivery: by its id, or by what it names."""
        subject, upload = entry.subject, self.upload
        by_id = claimed is not None and claimed.casefold() == entry.agreement_id.casefold()
        if subject.wildcard:  # whatever is delivered under the id; if by whom is said, by them
            return by_id and (subject.catalogue_dpid is None or self._is_sent_by(subject))
        names = {one.casefold() for one in (*subject.artists, *subject.artist_isnis)}
        return (
            upload.isrc in subject.isrcs
            or bool(names & {one.casefold() for one in upload.artists})
            or self._is_sent_by(subject)
        )

    def _is_sent_by(self, subject: RightsSubject) -> bool:
        ddex = self.upload.ddex
        senders = (self.upload.distributor, ddex.sender_dpid if ddex else None)
        dpid = (subject.catalogue_dpid or "").casefold()
        return bool(dpid) and dpid in {(one or "").casefold() for one in senders}

    def _refuses(self, entry: RightsEntry) -> bool:
        """Whether an entry is an opt-out, in force here and now."""
        stands = status_of(entry, self.territory, self.at)
        return entry.permission == "opt_out" and stands == "in_force"

    def _permits(self, entry: RightsEntry, tool: Tool | None) -> AgreementStatus:
        stands = status_of(entry, self.territory, self.at)
        if stands != "in_force":
            return stands
        if entry.permission == "opt_out":
            return "revoked"
        conditions = entry.conditions
        named = {one.casefold() for one in conditions.generator_ids}
        if tool is not None and named and tool.name.casefold() not in named:
            return "out_of_scope"
        versions = conditions.generator_versions
        if tool is not None and versions and tool.version not in versions:
            return "out_of_scope"
        # What only a person can see is not in force until one has approved it.
        return "out_of_scope" if conditions.approval_required or conditions.products else "in_force"

    def generator_status(self, generators: Iterable[Tool]) -> str:
        """Return the licence status of the generators, the worst of all."""
        statuses = []
        for tool in generators:
            name = tool.name.casefold()
            status = "unknown"
            for change in self.entries:
                generator = change.generator
                if generator is None:
                    continue
                names = {item.casefold() for item in (generator.generator_id, *generator.aliases)}
                if name not in names:
                    continue
                licence = licence_of(generator, tool.version, self.territory, self.at)
                status = "unknown" if licence is None else licence.status
                claimed = None if licence is None else licence.agreement_id
                self._use(change, "generator", status, claimed)
                break
            statuses.append(status)
        return max(statuses, key=STATUSES.index) if statuses else "none"

    def derivative(self) -> str:
        """Whether every source of a derivative has agreed."""
        source = self.upload.derivation
        if source is None:
            return "not_needed"
        uses = DERIVES[source.type]
        works = [
            *(self._consents("derivative", "isrcs", one, uses) for one in source.source_isrcs),
            *(self._consents("derivative", "iswcs", one, uses) for one in source.source_iswcs),
        ]
        artists = [
            self._consents("derivative", "artists", one, uses) for one in source.source_artists
        ]
        if "refused" in (*works, *artists):
            return "missing"
        # A grant for every work is enough, and so is one by every artist.
        agreed = [bool(one) and set(one) == {"granted"} for one in (works, artists)]
        return "granted" if any(agreed) else "missing"

    def voice(self) -> str:
        """Whether the person whose voice it is has agreed."""
        claim, source = self.upload.voice, self.upload.derivation
        if claim is None:
            # A voice was put in the place of another, and nobody says whose it is.
            swapped = source is not None and source.type == "voice_swap"
            return "missing" if swapped else "not_needed"
        uses: frozenset[Use] = frozenset({"voice_replica"})
        consents = [
            self._consents("voice", kind, claim.depicted, uses) for kind in ("voices", "artists")
        ]
        if "refused" in consents:
            return "refused"
        return "granted" if "granted" in consents else "missing"

    def _consents(self, purpose: Purpose, kind: str, name: str, uses: frozenset[Use]) -> str:
        consent = "missing"
        for change in self.entries:
            entry = change.entry
            if entry is None or not uses & set(entry.uses) or not _names(entry, kind, name):
                continue
            if entry.permission == "opt_out":
                if status_of(entry, self.territory, self.at) == "in_force":
                    self._use(change, purpose, "refused")
                    return "refused"
                continue
            stands = self._permits(entry, None)
            self._use(change, purpose, stands)
            if stands == "in_force":
                consent = "granted"
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


def _names(entry: RightsEntry, kind: str, name: str) -> bool:
    subject, folded = entry.subject, name.casefold()
    match kind:
        case "isrcs":
            names: tuple[str, ...] = subject.isrcs
        case "iswcs":
            names = subject.iswcs
        case "voices":
            names = subject.voices
        case _:
            names = (*subject.artists, *subject.artist_isnis)
    return folded in {one.casefold() for one in names}
