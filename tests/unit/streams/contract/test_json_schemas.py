"""The contract of the topics: published, complete, and never broken for those who rely on it."""

from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import pytest
from pydantic import BaseModel, Field, create_model

from streams.contract import json_schemas, topics
from streams.contract.compatibility import ADVICE, breaks
from streams.contract.json_schemas import ContractBreaks
from streams.contract.records import Extent, TrackDecided, TrackLabelled, parse
from tests.support.paths import GOLDEN

RELEASED = sorted((GOLDEN / "released").glob("*.jsonl"))
BY_NAME = {record.__name__: record for record in topics.RECORDS.values()}


def test_no_change_breaks_what_is_published() -> None:
    faults = json_schemas.broken()
    assert not faults, "\n  ".join(["the records break the contract:", *faults]) + f"\n{ADVICE}"


@pytest.mark.parametrize("name", sorted(json_schemas.files()))
def test_the_published_contract_is_the_one_of_the_records(name: str) -> None:
    path = json_schemas.PUBLISHED / name
    advice = (
        "the records have changed: write it with `earmark schemas --out streams/contract/schemas`"
    )
    assert path.exists(), advice
    assert path.read_bytes() == json_schemas.files()[name], advice


def test_unknown_fields_are_tolerated_everywhere() -> None:
    for topic in topics.RECORDS:
        text = orjson.dumps(json_schemas.schema(topic))
        assert b'"additionalProperties":false' not in text


# --- yesterday's events ------------------------------------------------------------------------


def lines() -> list[tuple[str, str, bytes]]:
    return [
        (path.stem, name.decode(), text)
        for path in RELEASED
        for name, text in (line.split(b" ", 1) for line in path.read_bytes().splitlines())
    ]


@pytest.mark.parametrize(("release", "name", "text"), lines())
def test_events_of_every_release_are_still_read(release: str, name: str, text: bytes) -> None:
    """These files never change; at a release, ``golden/records.jsonl`` is copied among them."""
    read = parse(BY_NAME[name], text)
    assert holds(orjson.loads(read.to_bytes()), orjson.loads(text))


def holds(now: Any, then: Any) -> bool:
    """Whether the new value contains the whole old one."""
    if isinstance(then, dict):
        return all(key in now and holds(now[key], value) for key, value in then.items())
    if isinstance(then, list):
        return len(now) == len(then) and all(map(holds, now, then))
    return bool(now == then)


def test_there_is_a_release_to_look_back_to() -> None:
    assert RELEASED
    for path in RELEASED:
        assert {name for release, name, _ in lines() if release == path.stem} <= BY_NAME.keys()


# --- what breaks and what does not -------------------------------------------------------------


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


def test_a_breaking_contract_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    json_schemas.write(tmp_path)

    class TrackDecided2(TrackDecided):
        urgent: bool

    monkeypatch.setitem(topics.RECORDS, topics.DECIDED, TrackDecided2)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ContractBreaks, match=r"tracks\.decided\.v1 .*urgent: it is needed now"):
        json_schemas.write(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_versions_lie_side_by_side_and_the_old_one_is_still_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    json_schemas.write(tmp_path)

    class Later(TrackLabelled):
        schema_version: Literal[1, 2] = 2  # type: ignore[assignment]

    monkeypatch.setitem(topics.RECORDS, topics.LABELLED, Later)
    json_schemas.write(tmp_path)
    names = {path.name for path in tmp_path.glob("tracks.labelled.*")}
    assert names == {"tracks.labelled.v1.json", "tracks.labelled.v2.json"}

    class OnlyLater(TrackLabelled):
        schema_version: Literal[2] = 2  # type: ignore[assignment]

    monkeypatch.setitem(topics.RECORDS, topics.LABELLED, OnlyLater)
    assert json_schemas.broken(tmp_path)[0] == (
        "tracks.labelled.v1 (OnlyLater): schema_version: 1 is no longer taken"
    )
