"""The contract of the topics: published, complete, and never broken for those who rely on it."""

from pathlib import Path
from typing import Any, Literal

import orjson
import pytest

from streams.contract import json_schemas, topics
from streams.contract.compatibility import ADVICE
from streams.contract.json_schemas import ContractBreaks
from streams.contract.records import TrackDecided, TrackLabelled, parse
from streams.contract.vocabulary import FORMER, Outcome
from tests.support.paths import GOLDEN

RELEASED = sorted((GOLDEN / "released").glob("*.jsonl"))


BY_NAME = {record.__name__: record for record in topics.RECORDS.values()}


def test_no_change_breaks_what_is_published() -> None:
    faults = json_schemas.broken()
    assert not faults, "\n  ".join(["the records break the contract:", *faults]) + f"\n{ADVICE}"


def test_the_published_contract_is_the_one_of_the_records() -> None:
    published = {path.name: path.read_bytes() for path in json_schemas.PUBLISHED.iterdir()}
    generated = json_schemas.files()
    advice = (
        "the records have changed: write it with `earmark schemas --out streams/contract/schemas`"
    )
    assert generated == {name: published.get(name) for name in generated}, advice


def test_unknown_fields_are_tolerated_everywhere() -> None:
    for topic in topics.RECORDS:
        text = orjson.dumps(json_schemas.schema(topic))
        assert b'"additionalProperties":false' not in text


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
    if then in tuple(FORMER):
        return now in (then, Outcome(then))  # in an analysis, its word of today
    return bool(now == then)


def test_there_is_a_release_to_look_back_to() -> None:
    assert RELEASED
    for path in RELEASED:
        assert {name for release, name, _ in lines() if release == path.stem} <= BY_NAME.keys()


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
