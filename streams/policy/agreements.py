"""Licence agreements that the policy recognises, until a rights registry holds them.

What a deliverer claims is only a claim: an agreement counts when it stands in the bundle,
names the tool, runs on the day of the upload and covers every territory of the delivery.
One licensed tool does not cover another, so every declared tool needs its agreement.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from streams.policy.strict import Strict, fault
from streams.records import Identifier, Territory, Tool

WORLDWIDE = "Worldwide"


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

    def covers(self, tool: Tool, territories: Iterable[str], at: datetime) -> bool:
        """Whether ``tool``, delivered at ``at`` for ``territories``, is licensed by this."""
        day = at.astimezone(UTC).date()
        return (
            tool.agreement_id == self.id
            and tool.name.casefold() in {name.casefold() for name in self.generators}
            and self.valid_from <= day
            and (self.valid_until is None or day <= self.valid_until)
            and (WORLDWIDE in self.territories or set(territories) <= set(self.territories))
        )


def licence(
    tools: Iterable[Tool],
    territories: Iterable[str],
    at: datetime,
    agreements: Iterable[Agreement],
) -> str | None:
    """Return the id of the agreement that licenses the first tool, if all tools are licensed."""
    tools, territories, agreements = tuple(tools), tuple(territories), tuple(agreements)
    licensed = all(any(one.covers(tool, territories, at) for one in agreements) for tool in tools)
    return tools[0].agreement_id if tools and licensed else None
