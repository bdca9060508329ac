"""Files of agreements: JSONL as the registry's own records, or CSV with one row an entry.

CSV columns are the entry's fields; lists are separated by ``;``: ``agreement_id, grantor,
grantor_name, grantee, isrcs, iswcs, artists, artist_isnis, voices, catalogue_dpid, wildcard,
uses, permission, generator_ids, generator_versions, products, max_volume, approval_required,
territories, valid_from, valid_until, revoked_at, grace_days, compensation_model,
compensation_basis, credit_requirements, verification, source, extent, use_description, entry_id``.
A row with ``generator_id`` is a generator: ``generator_id, vendor, product, aliases, status,
versions, territories, valid_from, valid_until, agreement_id, entry_id``; several rows of one are
its licences, and the first that fits a track speaks.

What is not understood is refused and never left out: a lost column is a lost condition.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from detector.errors import BadInput
from streams.contract.records.rights import (
    GeneratorEntry,
    RightsChanged,
    RightsEntry,
    generator_entry_id,
    rights_entry_id,
)
from streams.policy.registry import Registry

Given = tuple[str | None, RightsEntry | GeneratorEntry]
Kind = TypeVar("Kind", RightsEntry, GeneratorEntry)
LISTS: Final = ("isrcs", "iswcs", "artists", "artist_isnis", "voices")
COLUMNS: Final = frozenset(
    {
        *LISTS,
        *("agreement_id", "grantor", "grantor_name", "grantee", "catalogue_dpid", "wildcard"),
        *("uses", "permission", "generator_ids", "generator_versions", "products", "max_volume"),
        *("approval_required", "territories", "valid_from", "valid_until", "revoked_at"),
        *("grace_days", "compensation_model", "compensation_basis", "credit_requirements"),
        *("verification", "source", "extent", "use_description", "entry_id"),
        *("generator_id", "vendor", "product", "aliases", "status", "versions"),
    }
)
YES: Final = ("1", "true", "yes")
NO: Final = ("", "0", "false", "no")


class WrongRights(BadInput):
    """A line of a file is no entry; the message says which and why."""

    def __init__(self, detail: str) -> None:
        super().__init__("wrong_rights", detail)


def read(path: Path) -> Iterator[Given]:
    """Yield the entries of a file, each with its id where it brings one.

    Raises:
        WrongRights: naming file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongRights(f"{path}: cannot be read ({error})") from error
    lines = _csv(text, path) if path.suffix.casefold() == ".csv" else _jsonl(text, path)
    for number, fields in lines:
        try:
            yield _given(fields)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise WrongRights(f"{path}:{number}: {where}: {fault['msg']}") from error
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            detail = str(error) if isinstance(error, ValueError) else repr(error)
            raise WrongRights(f"{path}:{number}: {detail}") from error


def versioned(
    rows: Iterable[Given], known: Registry, by: str, now: datetime
) -> list[RightsChanged]:
    """Return what is new or differs, in its next version; what the registry has is left out."""
    stands = {one.entry_id: one for one in known}
    changes = []
    for given_id, content in rows:
        is_entry = isinstance(content, RightsEntry)
        entry_id = given_id or (
            rights_entry_id(content) if isinstance(content, RightsEntry)
            else generator_entry_id(content.generator_id)
        )  # fmt: skip
        before = stands.get(entry_id)
        if before is not None and content in (before.entry, before.generator):
            continue
        changed = RightsChanged(
            entry_id=entry_id,
            version=1 if before is None else before.version + 1,
            entry=content if is_entry else None,
            generator=None if is_entry else content,
            changed_by=by,
            changed_at=now,
        )
        stands[entry_id] = changed
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
    entry_id = fields.get("entry_id")
    if fields.get("entry") is not None:
        return entry_id, _all_of(RightsEntry, fields["entry"])
    if fields.get("generator") is not None:
        return entry_id, _all_of(GeneratorEntry, fields["generator"])
    rest = {name: value for name, value in fields.items() if name != "entry_id"}
    if "generator_id" in rest:
        return entry_id, _all_of(GeneratorEntry, rest)
    return entry_id, _all_of(RightsEntry, rest)


def _all_of(kind: type[Kind], fields: Any) -> Kind:
    """Refuse what the registry does not know, however deep: a misspelt field is lost."""
    read_as = kind.model_validate(fields)
    _nothing_lost(fields, read_as)
    return read_as


def _nothing_lost(source: Any, read_as: Any, where: str = "") -> None:
    if isinstance(read_as, BaseModel) and isinstance(source, Mapping):
        known = type(read_as).model_fields
        unknown = sorted(set(source) - known.keys())
        if unknown:
            raise ValueError(f"unknown field {where + unknown[0]!r}; known: {', '.join(known)}")
        for name, value in source.items():
            _nothing_lost(value, getattr(read_as, name), f"{where}{name}.")
    elif isinstance(read_as, tuple) and isinstance(source, list):
        for left, right in zip(source, read_as, strict=True):
            _nothing_lost(left, right, where)


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
            fields = _generator(cells) if cells.get("generator_id") else _entry(cells)
        except ValueError as error:
            raise WrongRights(f"{path}:{number}: {error}") from error
        if cells.get("generator_id"):
            name = cells.get("entry_id") or cells["generator_id"].casefold()
            first = generators.setdefault(name, (number, fields))[1]
            if first is not fields:
                first["licences"] += fields["licences"]
                first["aliases"] += [
                    one for one in fields["aliases"] if one not in first["aliases"]
                ]
            continue
        # Two rows of one entry would be two versions of it, and only the last would count.
        same = cells.get("entry_id") or repr(
            [fields[name] for name in ("subject", "uses", "grantor")]
        )
        same += cells.get("agreement_id", "")
        if same in entries:
            raise WrongRights(
                f"{path}:{number}: the same entry as in line {entries[same]}: join the rows, or "
                "give each an entry_id"
            )
        entries[same] = number
        yield number, fields
    yield from generators.values()


def _flag(name: str, text: str) -> bool:
    if text.casefold() not in (*YES, *NO):
        raise ValueError(f"{name} is yes or no, not {text!r}")
    return text.casefold() in YES


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _entry(cells: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: cells[name]
        for name in (
            *("agreement_id", "grantee", "permission", "valid_from", "valid_until"),
            *("verification", "source", "entry_id", "use_description", "extent"),
        )
        if cells.get(name)
    }
    fields["grantor"] = {
        "party_id": cells.get("grantor", ""),
        "name": cells.get("grantor_name") or None,
    }
    subject: dict[str, Any] = {name: _list(cells.get(name, "")) for name in LISTS}
    subject["catalogue_dpid"] = cells.get("catalogue_dpid") or None
    subject["wildcard"] = _flag("wildcard", cells.get("wildcard", ""))
    fields["subject"] = subject
    fields["uses"] = _list(cells.get("uses", ""))
    fields["conditions"] = {
        **{
            name: _list(cells.get(name, ""))
            for name in ("generator_ids", "generator_versions", "products")
        },
        "max_volume": cells.get("max_volume") or None,
        "approval_required": _flag("approval_required", cells.get("approval_required", "")),
    }
    if cells.get("revoked_at"):
        fields["revocation"] = {
            "effective_at": cells["revoked_at"],
            "grace_days": cells.get("grace_days") or 0,
        }
    if cells.get("territories"):
        fields["territories"] = _list(cells["territories"])
    if cells.get("compensation_model"):
        fields["compensation"] = {
            "model": cells["compensation_model"],
            "basis": cells.get("compensation_basis") or "agreement",
        }
    fields["credit_requirements"] = _list(cells.get("credit_requirements", ""))
    return fields


def _generator(cells: Mapping[str, str]) -> dict[str, Any]:
    licence: dict[str, Any] = {
        name: cells[name]
        for name in ("status", "valid_from", "valid_until", "agreement_id")
        if cells.get(name)
    }
    licence["versions"] = _list(cells.get("versions", ""))
    if cells.get("territories"):
        licence["territories"] = _list(cells["territories"])
    return {
        "generator_id": cells["generator_id"],
        "vendor": cells.get("vendor") or None,
        "product": cells.get("product") or None,
        "aliases": _list(cells.get("aliases", "")),
        "licences": [licence],
        **({"entry_id": cells["entry_id"]} if cells.get("entry_id") else {}),
    }
