"""Files of agreements: JSONL as the registry's own records, or CSV with one row an entry.

The columns of CSV are those of ``ENTRY`` or, with a ``generator_id``, those of ``GENERATOR``; ``;``
separates the values of a list. Unknown fields and columns are refused: a lost column would be a
lost condition. Rows of one generator are its licences; the first that fits a track counts.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import ValidationError

from detector.errors import SingleReason
from streams.contract.records import faults
from streams.contract.records.rights import (
    GeneratorEntry,
    RightsChanged,
    RightsEntry,
    generator_entry_id,
    rights_entry_id,
)
from streams.policy.registry import Registry

Given = tuple[str | None, RightsEntry | GeneratorEntry]
YES: Final = ("1", "true", "yes")
NO: Final = ("", "0", "false", "no")


def _text(_: str, text: str) -> str:
    return text


def _list(_: str, text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _flag(column: str, text: str) -> bool:
    if text.casefold() not in (*YES, *NO):
        raise ValueError(f"{column} is yes or no, not {text!r}")
    return text.casefold() in YES


Columns = Mapping[str, tuple[str, Callable[[str, str], Any]]]
"""The field of each column, with the function that reads a cell."""


def _columns(part: str, read_cell: Callable[[str, str], Any], *names: str) -> Columns:
    return {name: (part + name, read_cell) for name in names}


DATES: Final = ("valid_from", "valid_until")
ENTRY: Final[Columns] = {
    **_columns("", _text, "entry_id", "agreement_id", "grantee", "permission", *DATES),
    **_columns("", _text, "verification", "source", "extent", "use_description"),
    **_columns("", _list, "uses", "territories", "credit_requirements"),
    "grantor": ("grantor.party_id", _text),
    "grantor_name": ("grantor.name", _text),
    **_columns("subject.", _list, "isrcs", "iswcs", "artists", "artist_isnis", "voices"),
    **_columns("subject.", _text, "catalogue_dpid"),
    **_columns("subject.", _flag, "wildcard"),
    **_columns("conditions.", _list, "generator_ids", "generator_versions", "products"),
    **_columns("conditions.", _text, "max_volume"),
    **_columns("conditions.", _flag, "approval_required"),
    "revoked_at": ("revocation.effective_at", _text),
    "grace_days": ("revocation.grace_days", _text),
    "compensation_model": ("compensation.model", _text),
    "compensation_basis": ("compensation.basis", _text),
}
GENERATOR: Final[Columns] = {
    **_columns("", _text, "entry_id", "generator_id", "vendor", "product"),
    **_columns("", _list, "aliases"),
    **_columns("licence.", _text, "status", "agreement_id", *DATES),
    **_columns("licence.", _list, "versions", "territories"),
}
COLUMNS: Final = ENTRY.keys() | GENERATOR.keys()


EXAMPLE: Final = {
    "agreement_id": "AGR-1",
    "grantor": "label-1",
    "grantor_name": "A label",
    "grantee": "Platform",
    "wildcard": "yes",
    "uses": "generate;distribute_output",
    "permission": "opt_in",
    "generator_ids": "Songmaker",
    "territories": "DE;NO",
    "valid_from": "2026-01-01",
    "verification": "verified",
}


def template() -> str:
    """Return a sheet of agreements: its columns and one example."""
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, ENTRY, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerow(EXAMPLE)
    return sheet.getvalue().removesuffix("\n")


class WrongRights(SingleReason, reason="wrong_rights"):
    """A line of a file is no entry; the message contains its number and the reason."""


def read(path: Path) -> Iterator[Given]:
    """Yield the entries of a file, with the ids that it has; raise WrongRights with the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongRights(f"{path}: cannot be read ({error})") from error
    lines = _csv(text, path) if path.suffix.casefold() == ".csv" else _jsonl(text, path)
    for number, fields in lines:
        try:
            yield _given(fields)
        except ValidationError as error:
            raise WrongRights(f"{path}:{number}: {faults(error)[0]}") from error
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            detail = str(error) if isinstance(error, ValueError) else repr(error)
            raise WrongRights(f"{path}:{number}: {detail}") from error


def versioned(
    rows: Iterable[Given], known: Registry, by: str, now: datetime
) -> list[RightsChanged]:
    """Return what is new or differs, in its next version; what the registry has is left out."""
    current = {change.entry_id: change for change in known}
    changes = []
    for given_id, content in rows:
        entry, generator = None, None
        if isinstance(content, RightsEntry):
            entry, entry_id = content, given_id or rights_entry_id(content)
        else:
            generator, entry_id = content, given_id or generator_entry_id(content.generator_id)
        before = current.get(entry_id)
        if before is not None and content in (before.entry, before.generator):
            continue
        changed = RightsChanged(
            entry_id=entry_id,
            version=1 if before is None else before.version + 1,
            entry=entry,
            generator=generator,
            changed_by=by,
            changed_at=now,
        )
        current[entry_id] = changed
        changes.append(changed)
    return changes


def _jsonl(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                fields = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise WrongRights(f"{path}:{number}: no JSON: {error}") from error
            if not isinstance(fields, dict):
                raise WrongRights(f"{path}:{number}: a line is one JSON object")
            yield number, fields


def _given(fields: Mapping[str, Any]) -> Given:
    """Read a record of the topic, a bare entry or a bare generator."""
    rest = {name: value for name, value in fields.items() if name != "entry_id"}
    content = fields.get("entry") or fields.get("generator") or rest
    kind = GeneratorEntry if "generator_id" in content else RightsEntry
    return fields.get("entry_id"), kind.model_validate(content, extra="forbid")


def _csv(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    rows = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(rows, [])]
    unknown = sorted(set(header) - COLUMNS)
    if unknown or len(set(header)) < len(header):
        what = f"unknown column {unknown[0]!r}" if unknown else "a column stands twice"
        raise WrongRights(f"{path}:1: {what}; known: {', '.join(sorted(COLUMNS))}")
    entries: dict[str, int] = {}
    generators: dict[str, tuple[int, dict[str, Any]]] = {}
    for row in rows:
        number = rows.line_num
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            raise WrongRights(f"{path}:{number}: {len(row)} cells, and {len(header)} columns")
        cells = {name: cell.strip() for name, cell in zip(header, row, strict=True)}
        try:
            is_generator = bool(cells.get("generator_id"))
            fields = _fields(cells, GENERATOR) if is_generator else _entry(cells)
        except ValueError as error:
            raise WrongRights(f"{path}:{number}: {error}") from error
        if is_generator:
            licence = fields.pop("licence", {})
            name = fields.get("entry_id") or fields["generator_id"].casefold()
            first = generators.setdefault(name, (number, fields))[1]
            first.setdefault("licences", []).append(licence)
            aliases = first.get("aliases", []) + fields.get("aliases", [])
            first["aliases"] = list(dict.fromkeys(aliases))
            continue
        # Two rows of one entry would be two versions of it, and only the last would count.
        subject = [fields.get(name) for name in ("subject", "uses", "grantor")]
        same = (fields.get("entry_id") or repr(subject)) + fields.get("agreement_id", "")
        if same in entries:
            raise WrongRights(
                f"{path}:{number}: the same entry as in line {entries[same]}: join the rows, or "
                "give each an entry_id"
            )
        entries[same] = number
        yield number, fields
    yield from generators.values()


def _fields(cells: Mapping[str, str], columns: Columns) -> dict[str, Any]:
    """Return the fields that a row has values for, those of a part in a mapping of their own."""
    fields: dict[str, Any] = {}
    for column, (place, read_cell) in columns.items():
        part, _, name = place.rpartition(".")
        if value := read_cell(column, cells.get(column, "")):
            (fields.setdefault(part, {}) if part else fields)[name] = value
    return fields


def _entry(cells: Mapping[str, str]) -> dict[str, Any]:
    fields = _fields(cells, ENTRY)
    if not cells.get("revoked_at"):
        fields.pop("revocation", None)
    if not cells.get("compensation_model"):
        fields.pop("compensation", None)
    else:
        fields["compensation"].setdefault("basis", "agreement")
    return fields
