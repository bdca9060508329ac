"""Who is owed credit, and on what basis usage is attributed; never an amount."""

from typing import Literal

from pydantic import AwareDatetime

from streams.contract.records import Contains, Event, Identifier, Record, Territory
from streams.contract.records.rights import SourceShare


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
    entry_version: int
    sources: tuple[SourceShare, ...]
    basis: Literal["contract_split", "attribution_model", "equal_split"]
    method: Identifier
    period: Literal["monthly", "quarterly", "yearly"]
    territories: tuple[Territory, ...]
    from_at: AwareDatetime
    ended: bool = False  # the agreement no longer covers the track: attribute nothing further


class CreditLine(Record):
    """One contributor line in DDEX terms."""

    name: Identifier | None = None
    special_contributor: Literal["GenerativeAI"] | None = None
    roles: tuple[Identifier, ...] = ()
    ai_contribution: Contains | None = None
    is_credited: bool = True
    display_credits: Identifier | None = None


class CreditsDerived(Event):
    """credits.derived: contributor lines that follow from labels and agreements."""

    credits_id: Identifier
    decision_id: Identifier
    upload_id: Identifier
    track_id: Identifier
    contains_ai: Contains
    lines: tuple[CreditLine, ...]
