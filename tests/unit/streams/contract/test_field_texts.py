"""Every field of the published schemas has a sentence, and no sentence is without a field."""

from collections.abc import Iterator
from typing import Any

from streams.contract import field_texts
from streams.contract.json_schemas import schema
from streams.contract.topics import RECORDS


def fields() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for topic in RECORDS:
        published = schema(topic)
        for name, part in ((published["title"], published), *published.get("$defs", {}).items()):
            for field, value in part.get("properties", {}).items():
                yield name, field, value


def test_each_field_is_described_and_each_description_is_of_a_field() -> None:
    described = {f"{record}.{field}": value.get("description") for record, field, value in fields()}
    assert [name for name, text in described.items() if not text] == []
    assert field_texts.OF_RECORD.keys() <= described.keys()
    used = {name.partition(".")[2] for name in described.keys() - field_texts.OF_RECORD.keys()}
    assert sorted(field_texts.TEXTS.keys() - used) == []
    assert described["TrackDecided.uploaded_at"] == field_texts.TEXTS["uploaded_at"]
