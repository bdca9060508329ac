"""The rights registry as events: agreements, consents, generators, and what follows for credits.

An entry is never changed in place: every version is an event, and the highest version holds.
Contracts state amounts; events state only on what basis usage is attributed.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from streams.contract.records.base import (
    Bounded,
    Event,
    Identifier,
    Isrc,
    Moment,
    Name,
    Record,
    Sha256,
    Territory,
    Text,
    Whole,
    stable_id,
)
from streams.contract.vocabulary import Contains, Extent

WORLDWIDE = "Worldwide"

Isni = Annotated[str, StringConstraints(pattern=r"^\d{15}[\dX]$")]
Iswc = Annotated[str, StringConstraints(pattern=r"^T\d{10}$")]
Use = Literal[
    "train",
    "generate",
    "cover",
    "remix",
    "mashup",
    "voice_replica",
    "style",
    "stem_reuse",
    "distribute_output",
]
LicenceStatus = Literal["licensed", "unlicensed", "disputed", "unknown"]
Territories = Annotated[tuple[Territory, ...], Field(min_length=1)]


class Party(Record):
    """Who grants: at least a name of their own choosing, better an identifier."""

    party_id: Identifier
    name: Name | None = None
    isni: Isni | None = None
    ipi: Identifier | None = None
    dpid: Identifier | None = None
    authority_evidence_sha256: Sha256 | None = None


class RightsSubject(Record):
    """What the grant is about; a recording is meant where any of these names it.

    ``wildcard``: whatever is delivered under the agreement's id.
    """

    isrcs: tuple[Isrc, ...] = ()
    iswcs: tuple[Iswc, ...] = ()
    artist_isnis: tuple[Isni, ...] = ()
    artists: tuple[Name, ...] = ()
    voices: tuple[Name, ...] = ()
    catalogue_dpid: Identifier | None = None
    wildcard: bool = False

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not any(value for _, value in self):
            raise ValueError("the subject names nothing: give isrcs, artists ... or wildcard")
        return self


class RightsConditions(Record):
    """What must hold for ``conditional`` permission; empty means no condition.

    ``max_volume`` is counted in tracks and shown (``earmark rights ls``); nothing follows from
    it by itself, because which track would be one too many depends on their order.
    """

    products: tuple[Identifier, ...] = ()
    generator_ids: tuple[Name, ...] = ()
    generator_versions: tuple[Name, ...] = ()
    max_volume: Annotated[int, Field(ge=1), Bounded] | None = None
    attribution_text: Text | None = None
    approval_required: bool = False


class SourceShare(Record):
    """One source's share of what is attributed; shares need not add up to 1."""

    source: Identifier
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class Compensation(Record):
    """On what basis usage is attributed; never an amount."""

    model: Literal["contract_split", "attribution_model", "equal_split"]
    basis: Identifier
    shares: tuple[SourceShare, ...] = ()
    share_table_ref: Identifier | None = None
    reporting_period: Literal["monthly", "quarterly", "yearly"] = "monthly"


class Revocation(Record):
    """When a grant ends early; ``grace_days`` after ``effective_at`` it no longer counts."""

    effective_at: AwareDatetime
    grace_days: Annotated[int, Field(ge=0, le=3_650)] = 0
    reason: Text | None = None


class RightsEntry(Record):
    """One grant, consent or refusal. Days are UTC, both ends included."""

    agreement_id: Identifier
    grantor: Party
    grantee: Name
    subject: RightsSubject
    uses: Annotated[tuple[Use, ...], Field(min_length=1)]
    permission: Literal["opt_in", "opt_out", "conditional", "revoked"]
    conditions: RightsConditions = RightsConditions()
    territories: Territories = (WORLDWIDE,)
    valid_from: date
    valid_until: date | None = None
    compensation: Compensation | None = None
    credit_requirements: tuple[Name, ...] = ()
    written: bool = False
    use_description: Text | None = None
    revocation: Revocation | None = None
    extent: Extent | None = None  # what the registrant states of the recordings that it names
    source: Literal[
        "direct",
        "soundexchange",
        "stim",
        "gema",
        "c2pa_training_mining",
        "tdmai",
        "distributor_attestation",
    ] = "direct"
    verification: Literal["unverified", "verified", "disputed"] = "unverified"
    signed_by: Identifier | None = None
    document_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError("valid_until is before valid_from: swap the days")
        return self


class GeneratorLicence(Record):
    """What holds for some versions of a generator in some territories; no versions: all."""

    status: LicenceStatus
    versions: tuple[Name, ...] = ()
    territories: Territories = (WORLDWIDE,)
    valid_from: date | None = None
    valid_until: date | None = None
    agreement_id: Identifier | None = None
    evidence: Text | None = None


class GeneratorEntry(Record):
    """A generator and its licence status; the first licence that fits speaks, else unknown."""

    generator_id: Identifier
    vendor: Name | None = None
    product: Name | None = None
    aliases: tuple[Name, ...] = ()
    licences: tuple[GeneratorLicence, ...] = ()


class RightsChanged(Event):
    """rights.changed: an entry of the registry in a new version; keyed by ``entry_id``."""

    entry_id: Identifier
    version: Annotated[int, Field(ge=1), Bounded]
    entry: RightsEntry | None = None
    generator: GeneratorEntry | None = None
    changed_by: Identifier
    changed_at: Moment

    @property
    def key(self) -> str:
        """The Kafka key: versions of one entry keep their order."""
        return self.entry_id

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.entry is None) is (self.generator is None):
            raise ValueError("give either entry or generator")
        return self


class UsageAttributed(Event):
    """compensation.usage_attributed: this track counts under that agreement.

    A basis for payment: what the shares are of, and in which period, the agreement says.

    Of a track, only what its standing decision says counts, and each decision says all of it
    anew: events of an earlier ``decision_id`` end with that decision, and are never added up.
    ``ended`` says so outright where a licence was lost and the track was decided again; a new
    delivery or another model's answer just decides without it.
    """  # prose: published

    usage_id: Identifier
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    agreement_id: Identifier
    entry_id: Identifier
    entry_version: Whole
    sources: tuple[SourceShare, ...]
    basis: Literal["contract_split", "attribution_model", "equal_split"]
    method: Identifier
    period: Literal["monthly", "quarterly", "yearly"]
    territories: tuple[Territory, ...]
    from_at: Moment
    ended: bool = False  # the agreement no longer covers the track: attribute nothing further


class CreditLine(Record):
    """One contributor line in DDEX terms."""

    name: Name | None = None
    special_contributor: Literal["GenerativeAI"] | None = None
    roles: tuple[Name, ...] = ()
    ai_contribution: Contains | None = None
    is_credited: bool = True
    display_credits: Name | None = None


class CreditsDerived(Event):
    """credits.derived: contributor lines that follow from labels and agreements."""

    credits_id: Identifier
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    contains_ai: Contains
    lines: tuple[CreditLine, ...]


def rights_entry_id(entry: RightsEntry) -> str:
    """Return the id of an entry that brings none: agreement, grantor, subject and uses."""
    facts = (entry.agreement_id, entry.grantor.party_id, entry.subject.model_dump_json())
    return stable_id("rgt", *facts, *sorted(entry.uses))


def generator_entry_id(generator_id: str) -> str:
    """Return the id of a generator's entry."""
    return stable_id("gen", generator_id.casefold())
