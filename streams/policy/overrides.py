"""Overrides: exceptions for a territory, a distributor or an agreement, with an end.

They change thresholds or switch rules off; they cannot add consequences, and they cannot lift
the single-score rule: a bundle is checked under every override by itself.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Self

from pydantic import (
    Field,
    StrictBool,
    StrictFloat,
    StrictStr,
    StringConstraints,
    model_validator,
)

from streams.contract.records import Identifier, Territory
from streams.policy.strict_model import Strict, fault

Parameter = Annotated[
    StrictBool | StrictFloat | StrictStr, Field(union_mode="left_to_right")
]  # a threshold, a switch or a word


class Scope(Strict):
    """Whom an override is for; what is given must all fit."""

    territories: tuple[Territory, ...] = ()
    distributors: tuple[Identifier, ...] = ()
    agreements: tuple[Identifier, ...] = ()

    @model_validator(mode="after")
    def _is_for_somebody(self) -> Self:
        if not (self.territories or self.distributors or self.agreements):
            raise fault((), "an override for everybody is a change of the policy: name a scope")
        return self


class Override(Strict):
    """One exception. The day on which it expires is the last on which it holds (UTC)."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
    scope: Scope
    params: dict[str, Parameter] = Field(default_factory=dict)
    off: tuple[Identifier, ...] = ()
    expires: date
    why: Annotated[str, StringConstraints(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.params or self.off):
            raise fault((), "this override changes nothing: give params or off")
        return self

    @property
    def ends_at(self) -> datetime:
        """The first moment at which it no longer holds."""
        return datetime.combine(self.expires + timedelta(days=1), time(), UTC)

    def meets(self, other: "Override") -> bool:
        """Whether both can apply to one delivery in one territory."""
        own, second = self.scope, other.scope
        places = set(own.territories) & set(second.territories)
        senders = {one.casefold() for one in own.distributors} & {
            one.casefold() for one in second.distributors
        }
        return (bool(places) or not (own.territories and second.territories)) and (
            bool(senders) or not (own.distributors and second.distributors)
        )

    def holds(
        self, territory: str, distributor: str | None, agreements: Iterable[str], at: datetime
    ) -> bool:
        """Whether it applies to a delivery in a territory at a time."""
        scope = self.scope
        claimed = {one.casefold() for one in agreements}
        return (
            at < self.ends_at
            and (not scope.territories or territory in scope.territories)
            and (
                not scope.distributors
                or (distributor or "").casefold() in {one.casefold() for one in scope.distributors}
            )
            and (
                not scope.agreements or bool(claimed & {one.casefold() for one in scope.agreements})
            )
        )
