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
    STANDINGS,
    Standing,
    licence_of,
    standing,
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
    for one in covering:
        if one.entry is not None:
            return one.entry.agreement_id
    return next((one.agreement_id for one in used.values() if one.purpose == "generator"), None)


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
        granting = [one for one in self.entries if one.entry and MAKES & set(one.entry.uses)]
        if not tools:
            return self._about_the_recording(granting)
        found: list[Standing] = []
        covering: list[RightsChanged] = []
        for tool in tools:
            one, stands = self._for_tool(tool, granting)
            if one is None:
                if tool.agreement_id is None:
                    return "none", ()
                found.append("unknown")
                continue
            self._use(one, "licence", stands)
            found.append(stands)
            if stands == "in_force" and one not in covering:
                covering.append(one)
        worst = max(found, key=STANDINGS.index)
        return worst, tuple(covering) if worst == "in_force" else ()

    def _for_tool(
        self, tool: Tool, granting: Sequence[RightsChanged]
    ) -> tuple[RightsChanged | None, Standing]:
        best: tuple[RightsChanged | None, Standing] = (None, "unknown")
        for one in granting:
            entry = one.entry
            if entry is None or not self._reaches(entry, tool.agreement_id):
                continue
            stands = self._permits(entry, tool)
            if self._refuses(entry):
                return one, stands
            if best[0] is None or STANDINGS.index(stands) < STANDINGS.index(best[1]):
                best = (one, stands)
        return best

    def _about_the_recording(
        self, granting: Sequence[RightsChanged]
    ) -> tuple[str, tuple[RightsChanged, ...]]:
        """No tool is named: an entry that names this very recording speaks for it."""
        isrc = self.upload.isrc
        about = [
            (self._permits(one.entry, None), one)
            for one in granting
            if one.entry is not None and isrc is not None and isrc in one.entry.subject.isrcs
        ]
        if not about:
            return "none", ()
        refusing = [found for found in about if found[1].entry and self._refuses(found[1].entry)]
        stands, one = min(refusing or about, key=lambda found: STANDINGS.index(found[0]))
        self._use(one, "licence", stands)
        return stands, (one,) if stands == "in_force" else ()

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
        wanted = (subject.catalogue_dpid or "").casefold()
        return bool(wanted) and wanted in {(one or "").casefold() for one in senders}

    def _refuses(self, entry: RightsEntry) -> bool:
        """Whether an entry is an opt-out, in force here and now."""
        stands = standing(entry, self.territory, self.at)
        return entry.permission == "opt_out" and stands == "in_force"

    def _permits(self, entry: RightsEntry, tool: Tool | None) -> Standing:
        stands = standing(entry, self.territory, self.at)
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
        found = []
        for tool in generators:
            name = tool.name.casefold()
            status = "unknown"
            for one in self.entries:
                generator = one.generator
                if generator is None:
                    continue
                names = {item.casefold() for item in (generator.generator_id, *generator.aliases)}
                if name not in names:
                    continue
                licence = licence_of(generator, tool.version, self.territory, self.at)
                status = "unknown" if licence is None else licence.status
                claimed = None if licence is None else licence.agreement_id
                self._use(one, "generator", status, claimed)
                break
            found.append(status)
        return max(found, key=STATUSES.index) if found else "none"

    def derivative(self) -> str:
        """Whether every source of a derivative has agreed."""
        source = self.upload.derivation
        if source is None:
            return "not_needed"
        wanted = DERIVES[source.type]
        works = [
            *(self._consents("derivative", "isrcs", one, wanted) for one in source.source_isrcs),
            *(self._consents("derivative", "iswcs", one, wanted) for one in source.source_iswcs),
        ]
        artists = [
            self._consents("derivative", "artists", one, wanted) for one in source.source_artists
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
        wanted: frozenset[Use] = frozenset({"voice_replica"})
        found = [
            self._consents("voice", kind, claim.depicted, wanted) for kind in ("voices", "artists")
        ]
        if "refused" in found:
            return "refused"
        return "granted" if "granted" in found else "missing"

    def _consents(self, purpose: Purpose, kind: str, name: str, wanted: frozenset[Use]) -> str:
        found = "missing"
        for one in self.entries:
            entry = one.entry
            if entry is None or not wanted & set(entry.uses) or not _names(entry, kind, name):
                continue
            if entry.permission == "opt_out":
                if standing(entry, self.territory, self.at) == "in_force":
                    self._use(one, purpose, "refused")
                    return "refused"
                continue
            stands = self._permits(entry, None)
            self._use(one, purpose, stands)
            if stands == "in_force":
                found = "granted"
        return found

    def _use(
        self, one: RightsChanged, purpose: Purpose, status: str, agreement_id: str | None = None
    ) -> None:
        self.used[(purpose, one.entry_id)] = RightsUsed(
            entry_id=one.entry_id,
            version=one.version,
            agreement_id=one.entry.agreement_id if one.entry else agreement_id,
            purpose=purpose,
            status=status,
        )


def _names(entry: RightsEntry, kind: str, name: str) -> bool:
    subject, wanted = entry.subject, name.casefold()
    match kind:
        case "isrcs":
            names: tuple[str, ...] = subject.isrcs
        case "iswcs":
            names = subject.iswcs
        case "voices":
            names = subject.voices
        case _:
            names = (*subject.artists, *subject.artist_isnis)
    return wanted in {one.casefold() for one in names}
