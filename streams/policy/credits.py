"""Compensation and credit: what a decision means for those whose work is in a track.

Usage is attributed to the agreements that cover it, on the basis that they name. The parties
compute the amounts. Where an agreement no longer covers a track, its usage ends.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from streams.contract.records import Extent, Label, RightsUsed, TrackClassified, stable_id
from streams.contract.records.rights import (
    WORLDWIDE,
    Compensation,
    CreditLine,
    CreditsDerived,
    RightsChanged,
    SourceShare,
    UsageAttributed,
)
from streams.policy.mappings import DDEX_CONTAINS_AI, DDEX_ROLE
from streams.policy.schema import SAYS_AI
from streams.policy.territories import TerritorialEvaluation

NO_TERMS: Final = Compensation(model="contract_split", basis="agreement")


def usage_of(
    event: TrackClassified,
    evaluation: TerritorialEvaluation,
    decision_id: str,
    starts_at: datetime,
    before: Iterable[RightsUsed] = (),
) -> Iterator[UsageAttributed]:
    """Yield under which agreements the track counts, and under which no longer.

    ``before`` are the registry entries of the decision that it supersedes.
    """

    def usage(
        entry_id: str, version: int, agreement_id: str, terms: Compensation, **fields: Any
    ) -> UsageAttributed:
        return UsageAttributed(
            decision_id=decision_id,
            upload_id=event.upload_id,
            track_id=event.track_id,
            agreement_id=agreement_id,
            entry_id=entry_id,
            entry_version=version,
            basis=terms.model,
            method=terms.share_table_ref or terms.basis,
            period=terms.reporting_period,
            from_at=starts_at,
            **fields,
        )

    counted: dict[str, tuple[RightsChanged, list[str]]] = {}  # entries, and where they count
    for scoped in evaluation.everywhere if evaluation.label.extent in SAYS_AI else ():
        for change in scoped.rights.covering:
            counted.setdefault(change.entry_id, (change, []))[1].extend(scoped.territories)
    for entry_id, (change, territories) in sorted(counted.items()):
        if (entry := change.entry) is not None:
            terms = entry.compensation or NO_TERMS
            yield usage(
                *(entry_id, change.version, entry.agreement_id, terms),
                usage_id=stable_id("use", decision_id, entry_id),
                sources=terms.shares or (SourceShare(source=entry.grantor.party_id, share=1.0),),
                territories=tuple(sorted(territories)),
            )
    for used in before:
        granted = (used.purpose, used.status) == ("licence", "in_force")
        if granted and used.entry_id not in counted:
            yield usage(
                *(used.entry_id, used.version, used.agreement_id or used.entry_id, NO_TERMS),
                usage_id=stable_id("use", decision_id, used.entry_id, "ended"),
                sources=(),
                territories=(WORLDWIDE,),
                ended=True,
            )


def credits_of(
    event: TrackClassified, evaluation: TerritorialEvaluation, label: Label, decision_id: str
) -> CreditsDerived | None:
    """Return the contributor lines of a track with AI in it; None for any other."""
    if label.extent not in SAYS_AI:
        return None
    covering = evaluation.default.rights.covering
    demanded = [name for one in covering if one.entry for name in one.entry.credit_requirements]
    if event.upload.derivation is not None:
        demanded += event.upload.derivation.source_artists
    return CreditsDerived(
        credits_id=stable_id("crd", decision_id),
        decision_id=decision_id,
        upload_id=event.upload_id,
        track_id=event.track_id,
        contains_ai=DDEX_CONTAINS_AI[label.extent],
        lines=credit_lines(event, label, demanded),
    )


def credit_lines(
    event: TrackClassified, label: Label, demanded: Iterable[str]
) -> tuple[CreditLine, ...]:
    """Return contributor lines in DDEX terms that follow from a label that states AI.

    ``All`` admits no human contributor, only machines. ``Partly`` keeps the people and adds a
    machine for the parts that are known to be AI. Credits that an agreement demands come last.
    """
    people = [
        CreditLine(name=one.name, roles=one.roles, ai_contribution=one.ai_contribution or "None")
        for one in event.upload.contributors
        if label.extent is Extent.PARTLY and not one.is_generative_ai
    ]
    machine = CreditLine(
        special_contributor="GenerativeAI",
        roles=tuple(dict.fromkeys(DDEX_ROLE[part] for part in label.components)),
        ai_contribution="All",
        display_credits=label.generator,
    )
    sources = [
        CreditLine(name=name, roles=("Source",), ai_contribution="None")
        for name in dict.fromkeys(demanded)
    ]
    return (*people, machine, *sources)
