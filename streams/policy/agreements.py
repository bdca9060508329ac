"""Agreements that stand in a policy file: for a small installation, and for samples.

Everybody else keeps them in the rights registry (``rights.changed``), which prevails: an
agreement id that stands there is taken from there.
"""

from datetime import UTC, date, datetime, time
from typing import Annotated, Self

from pydantic import Field, model_validator

from streams.contract.records import Identifier, Territory
from streams.contract.records.rights import (
    WORLDWIDE,
    Party,
    RightsChanged,
    RightsConditions,
    RightsEntry,
    RightsSubject,
)
from streams.policy.strict_model import Strict, fault


class Agreement(Strict):
    """One licence agreement. Days are UTC, both ends included; no end is open-ended."""

    id: Identifier
    grantee: Identifier
    generators: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    valid_from: date
    valid_until: date | None = None
    territories: Annotated[tuple[Territory, ...], Field(min_length=1)] = (WORLDWIDE,)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise fault(("valid_until",), "the agreement ends before it starts: swap the days")
        return self

    def entry(self) -> RightsChanged:
        """Return it as an entry of the registry; its id is the agreement's."""
        return RightsChanged(
            entry_id=self.id,
            version=1,
            entry=RightsEntry(
                agreement_id=self.id,
                grantor=Party(party_id=self.grantee),
                grantee=self.grantee,
                subject=RightsSubject(wildcard=True),
                uses=("generate", "distribute_output"),
                permission="opt_in",
                conditions=RightsConditions(generator_ids=self.generators),
                territories=self.territories,
                valid_from=self.valid_from,
                valid_until=self.valid_until,
                verification="verified",
            ),
            changed_by="policy",
            changed_at=datetime.combine(self.valid_from, time(), UTC),
        )
