"""Overrides: exceptions for a territory, a distributor or an agreement, with an end.

They change thresholds or switch rules off. They cannot add consequences, nor lift the
single-score rule: a bundle is checked under every override by itself.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Self

from pydantic import Field, StrictBool, StrictFloat, StrictStr, model_validator

from streams.contract.records import Identifier, Territory
from streams.policy.registry import folded
from streams.policy.rules import Name, Sentence, Strict, fault

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

    id: Name
    scope: Scope
    params: dict[str, Parameter] = Field(default_factory=dict)
    off: tuple[Identifier, ...] = ()
    expires: date
    why: Sentence

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
        own, foreign = self.scope, other.scope
        return all(
            not ours or not others or bool(folded(ours) & folded(others))
            for ours, others in (
                (own.territories, foreign.territories),
                (own.distributors, foreign.distributors),
            )
        )

    def holds(
        self,
        territory: str,
        distributor: str | None,
        agreements: Iterable[str | None],
        at: datetime,
    ) -> bool:
        """Whether it applies to a delivery in a territory at a time."""
        scope = self.scope
        return at < self.ends_at and all(
            not meant or bool(folded(meant) & folded(names))
            for meant, names in (
                (scope.territories, [territory]),
                (scope.distributors, [distributor]),
                (scope.agreements, agreements),
            )
        )
