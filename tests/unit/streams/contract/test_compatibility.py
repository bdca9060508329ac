"""What breaks those who rely on a record, and what does not."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from streams.contract.compatibility import breaks
from streams.contract.records import Extent


class Inner(BaseModel):
    """A part."""

    word: Literal["a", "b"] = "a"


class Old(BaseModel):
    """As it was published."""

    name: Annotated[str, Field(min_length=1, max_length=10, pattern="^x")]
    count: Annotated[int, Field(ge=0, le=9)]
    share: float | None = None
    extent: Extent
    inner: Inner = Inner()
    parts: tuple[Inner, ...] = ()
    ids: dict[str, str] = {}
    version: Literal[1] = 1


def changed(**fields: Any) -> dict[str, Any]:
    made: type[BaseModel] = create_model("New", __base__=Old, **fields)
    return made.model_json_schema()


def without(name: str) -> dict[str, Any]:
    fields = {key: (info.annotation, info) for key, info in Old.model_fields.items() if key != name}
    made: type[BaseModel] = create_model("New", **fields)  # type: ignore[call-overload]
    schema_without: dict[str, Any] = made.model_json_schema()
    return schema_without


class Wider(BaseModel):
    """A part that has grown."""

    word: Literal["a", "b", "c"] = "a"
    more: int = 0


class Narrower(BaseModel):
    """A part that has shrunk."""

    word: Literal["a"] = "a"


@pytest.mark.parametrize(
    "new",
    [
        changed(),
        changed(more=(str | None, None)),
        changed(more=(list[int], [])),
        changed(inner=(Wider, Wider()), parts=(tuple[Wider, ...], ())),
        changed(name=(Annotated[str, Field(min_length=0, max_length=11)], ...)),
        changed(count=(Annotated[int, Field(ge=-1)], ...)),
        changed(count=(int | None, ...)),
        changed(version=(Literal[1, 2], 2)),
    ],
)
def test_what_only_grows_breaks_nothing(new: dict[str, Any]) -> None:
    assert breaks(Old.model_json_schema(), new) == []


@pytest.mark.parametrize(
    ("new", "sentences"),
    [
        (without("share"), ["share: the field is gone"]),
        (changed(more=(str, ...)), ["more: it is needed now, and events lie there without it"]),
        (
            changed(extent=(Extent, Extent.ALL)),
            ["extent: it may be missing now, and older readers need it"],
        ),
        (changed(inner=(Narrower, Narrower())), ["inner.word: 'b' is no longer taken"]),
        (changed(parts=(tuple[Narrower, ...], ())), ["parts[].word: 'b' is no longer taken"]),
        (changed(version=(Literal[2], 2)), ["version: 1 is no longer taken"]),
        (
            changed(share=(str | None, None)),
            [
                "share: number is no longer taken",
                "share: string is new, and older readers refuse it",
            ],
        ),
        (changed(share=(float, 0.0)), ["share: null is no longer taken"]),
        (
            changed(share=(float | str | None, None)),
            ["share: string is new, and older readers refuse it"],
        ),
        (
            changed(name=(Annotated[str, Field(min_length=2, max_length=9, pattern="^y")], ...)),
            [
                "name: minLength is 2 now, and was 1",
                "name: maxLength is 9 now, and was 10",
                "name: pattern is '^y' now, and was '^x'",
            ],
        ),
        (
            changed(count=(Annotated[int, Field(ge=1, le=8)], ...)),
            ["count: minimum is 1 now, and was 0", "count: maximum is 8 now, and was 9"],
        ),
        (changed(name=(Literal["x", "xx"], ...)), ["name: only 'x', 'xx' is taken now"]),
        (
            changed(ids=(dict[str, int], {})),
            [
                "ids.*: string is no longer taken",
                "ids.*: integer is new, and older readers refuse it",
            ],
        ),
        (
            changed(__config__=None) | {"additionalProperties": False},
            ["the record: unknown fields are no longer tolerated"],
        ),
    ],
)
def test_what_breaks_is_named(new: dict[str, Any], sentences: list[str]) -> None:
    assert breaks(Old.model_json_schema(), new) == sentences


def test_a_new_version_need_only_read_the_old_one() -> None:
    new = changed(extent=(Extent, Extent.ALL), version=(Literal[1, 2], 2))
    assert breaks(Old.model_json_schema(), new, same_version=False) == []
    stricter = changed(more=(str, ...))
    assert breaks(Old.model_json_schema(), stricter, same_version=False) != []
