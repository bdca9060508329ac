"""Files of agreements: JSONL as the registry's own records, or CSV with one row an entry.

CSV columns are the entry's fields; lists are separated by ``;``: ``agreement_id, grantor,
grantor_name, grantee, isrcs, iswcs, artists, artist_isnis, voices, catalogue_dpid, wildcard,
uses, permission, generator_ids, generator_versions, territories, valid_from, valid_until,
compensation_model, compensation_basis, credit_requirements, verification, source``. A row with
``generator_id`` is a generator: ``generator_id, vendor, product, aliases, status, versions,
territories, valid_from, valid_until, agreement_id``.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import ValidationError

from detector.errors import BadInput
from streams.policy.registry import Registry
from streams.records.rights import (
    GeneratorEntry,
    RightsChanged,
    RightsEntry,
    generator_entry_id,
    rights_entry_id,
)

Given = tuple[str | None, RightsEntry | GeneratorEntry]
LISTS: Final = ("isrcs", "iswcs", "artists", "artist_isnis", "voices")


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
    lines = _csv(text) if path.suffix.casefold() == ".csv" else _jsonl(text, path)
    for number, fields in lines:
        try:
            yield _given(fields)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise WrongRights(f"{path}:{number}: {where}: {fault['msg']}") from error
        except (KeyError, ValueError, TypeError) as error:
            raise WrongRights(f"{path}:{number}: {error!r}") from error


def versioned(
    given: Iterable[Given], known: Registry, by: str, now: datetime
) -> list[RightsChanged]:
    """Return what is new or differs, in its next version; what the registry has is left out."""
    stands = {one.entry_id: one for one in known}
    found = []
    for given_id, content in given:
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
        found.append(changed)
    return found


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
    if "entry" in fields:
        return fields.get("entry_id"), RightsEntry.model_validate(
            _known(RightsEntry, fields["entry"])
        )
    if "generator" in fields:
        return fields.get("entry_id"), GeneratorEntry.model_validate(fields["generator"])
    entry_id = fields.get("entry_id")
    rest = {name: value for name, value in fields.items() if name != "entry_id"}
    if "generator_id" in rest:
        return entry_id, GeneratorEntry.model_validate(_known(GeneratorEntry, rest))
    return entry_id, RightsEntry.model_validate(_known(RightsEntry, rest))


def _known(kind: type[RightsEntry] | type[GeneratorEntry], fields: Any) -> Any:
    """Refuse what the registry does not know: a misspelt field is a lost condition."""
    unknown = sorted(set(fields) - kind.model_fields.keys())
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; known: {', '.join(kind.model_fields)}")
    return fields


def _csv(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    rows = csv.DictReader(text.splitlines())
    for row in rows:
        said = {name.strip(): (value or "").strip() for name, value in row.items() if name}
        fields = _generator(said) if said.get("generator_id") else _entry(said)
        yield rows.line_num, fields


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _entry(said: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        name: said[name]
        for name in (
            *("agreement_id", "grantee", "permission", "valid_from", "valid_until"),
            *("verification", "source", "entry_id", "use_description", "extent"),
        )
        if said.get(name)
    }
    fields["grantor"] = {
        "party_id": said.get("grantor", ""),
        "name": said.get("grantor_name") or None,
    }
    subject: dict[str, Any] = {name: _list(said.get(name, "")) for name in LISTS}
    subject["catalogue_dpid"] = said.get("catalogue_dpid") or None
    subject["wildcard"] = said.get("wildcard", "").casefold() in ("1", "true", "yes")
    fields["subject"] = subject
    fields["uses"] = _list(said.get("uses", ""))
    fields["conditions"] = {
        name: _list(said.get(name, "")) for name in ("generator_ids", "generator_versions")
    }
    if said.get("territories"):
        fields["territories"] = _list(said["territories"])
    if said.get("compensation_model"):
        fields["compensation"] = {
            "model": said["compensation_model"],
            "basis": said.get("compensation_basis") or "agreement",
        }
    fields["credit_requirements"] = _list(said.get("credit_requirements", ""))
    return fields


def _generator(said: Mapping[str, str]) -> dict[str, Any]:
    licence: dict[str, Any] = {
        name: said[name]
        for name in ("status", "valid_from", "valid_until", "agreement_id")
        if said.get(name)
    }
    licence["versions"] = _list(said.get("versions", ""))
    if said.get("territories"):
        licence["territories"] = _list(said["territories"])
    return {
        "generator_id": said["generator_id"],
        "vendor": said.get("vendor") or None,
        "product": said.get("product") or None,
        "aliases": _list(said.get("aliases", "")),
        "licences": [licence],
        **({"entry_id": said["entry_id"]} if said.get("entry_id") else {}),
    }
