"""Parameters of long lists: a cursor (``streams.store.cursors``) and a limit; ids in paths."""

from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import BaseModel

DEFAULT: Final = 50
Cursor = Annotated[str | None, Query(max_length=1_000, description="from the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]
Id = Annotated[str, Path(min_length=1, max_length=256)]


class Page(BaseModel):
    """A page of records, latest first."""

    items: list[dict[str, Any]]
    next_cursor: str | None = None
