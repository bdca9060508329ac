"""Pages of long lists: a cursor (``streams.store.cursors``) and a limit; ids in paths."""

from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Path, Query
from pydantic import BaseModel

from streams.contract.records import Label, TrackDecided
from streams.services.accounts.keys import Key
from streams.store import queries
from streams.web.api.disclosure import decision_of, label_of
from streams.web.api.resources import Resources

DEFAULT: Final = 50
Cursor = Annotated[str | None, Query(max_length=1_000, description="from the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]
Term = Annotated[str, Query(max_length=256)]
Id = Annotated[str, Path(min_length=1, max_length=256)]


class Page(BaseModel):
    """A page of records, latest first; it ends early where records are large."""

    items: list[dict[str, Any]]
    next_cursor: str | None = None


class PageReader:
    """A dependency: reads the page that the parameters ask for."""

    def __init__(self, resources: Resources, cursor: Cursor = None, limit: Limit = DEFAULT) -> None:
        self._ledger, self._cursor, self._limit = resources.ledger, cursor, limit

    def page(
        self,
        table: Literal["uploads", "labels", "decisions"],
        track_id: str | None,
        caller: Key,
    ) -> Page:
        """Return a page of what a key may read; of all tracks where ``track_id`` is None."""
        items, following = queries.records(
            *(self._ledger, table, self._cursor, self._limit),
            track_id=track_id,
            distributors=caller.distributors,
        )
        return Page(items=_shown(items, table, caller), next_cursor=following)


def _shown(items: list[dict[str, Any]], table: str, caller: Key) -> list[dict[str, Any]]:
    """Return records as a caller may read them; as they are where all may be read."""
    if not caller.distributors or table == "uploads":
        return items
    if table == "labels":
        shown = [label_of(caller, Label.model_validate(one)) for one in items]
        return [one.model_dump(mode="json", exclude_none=True) for one in shown]
    decisions = [decision_of(caller, TrackDecided.model_validate(one)) for one in items]
    return [one.model_dump(mode="json", exclude_none=True) for one in decisions]


Reader = Annotated[PageReader, Depends()]
