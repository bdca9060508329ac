"""The reference pages of policies and of rights files, from the types that read them."""

import types
import typing
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from streams.contract.field_texts import TEXTS
from streams.contract.records.rights import GeneratorEntry, GeneratorLicence, RightsEntry
from streams.contract.vocabulary import DIMENSIONS, FINDING_WORDS
from streams.policy.bundle import Agreement, Bundle, Redress
from streams.policy.rights import MAKES
from streams.policy.rules import Override, Rule, Scope
from streams.policy.schema import FEATURES
from streams.services.agreement_files import ENTRY, GENERATOR

Rows = Iterator[tuple[str, ...]]

RULE: Final = {
    "id": "its name, once in the file",
    "version": "a whole number; raise it with every change",
    "mode": "`draft`, `shadow` (on trial), `canary 5%`, `live`, `retired`",
    "priority": "0 to 1000; orders hits and public reasons",
    "when": "the condition, in CEL over the features above",
    "on_missing": "what a feature that is not known leads to; else `defaults.on_missing`",
    "actions": "what it does, by dimension",
    "lifts": "dimensions in which it cancels the actions of rules with a lower priority",
    "territories": "countries in which it applies; without any, everywhere",
    "despite_licence": "holds for licensed tracks as well",
    "ends_after": "`14d` or `48h`: its actions end then",
    "reason_code": "`R-` and capitals, in events and statements",
    "public": "the reason for the public, in English",
    "public_de": "the same in German",
    "internal": "the reason for people at the platform",
    "clause": "the clause of the terms that it rests on",
    "category": "of the statement of reasons",
    "requires": "`human`: a person confirms before a severe action takes effect",
    "finding": "the finding by a person that confirms it",
    "review": "`queue` and `priority` of the review task; needs `requires: human`",
    "sample_to_review": "0 to 1: this share of the affected tracks goes to reviewers",
}
OVERRIDE: Final = {
    "id": "its name, once in the file",
    "scope": "`territories`, `distributors`, `agreements`: what is named must all fit",
    "params": "parameters with other values",
    "off": "ids of rules that do not hold",
    "expires": "its last day (UTC)",
    "why": "a sentence",
}
BUNDLE: Final = {
    "schema_version": "2",
    "name": "of the policy",
    "version": "`1.2.3`; the highest one counts",
    "defaults": "`on_missing` for rules without their own",
    "params": "named values for conditions: `params.NAME`",
    "rules": "at least one",
    "overrides": "exceptions with an end",
    "agreements": "licences of generators that the file itself brings: {agreement}",
    "redress": "how to object, for statements of reasons: {redress}",
    "tests": "what the policy must answer; `lint` and `publish` run them",
}
COLUMNS: Final = {  # of a column; others have the sentence of their field
    "entry_id": "id of the entry; none: made of agreement, grantor, subject and uses",
    "agreement_id": "id of the agreement; deliveries name it",
    "grantor": "id of the party that grants",
    "grantor_name": "its name",
    "grantee": "who may use it",
    "permission": "what is granted",
    "valid_until": "last day (UTC); none: no end",
    "verification": "whether the entry was verified; a disputed one grants nothing",
    "source": "where the entry comes from",
    "extent": "what the registrant states of the recordings",
    "use_description": "in words",
    "territories": "countries of two letters, or `Worldwide`",
    "isrcs": "recordings",
    "iswcs": "works",
    "artists": "names of artists",
    "approval_required": "each use needs an approval",
    "revoked_at": "when it ends early, with time and zone",
    "compensation_model": "on what basis usage is attributed",
    "compensation_basis": "id of that basis; none: `agreement`",
    "generator_id": "id of the generator; its presence makes the row one of a generator",
    "status": "of its licence",
    "versions": "versions that the licence is about; none: all",
}


def policy(table: Any) -> str:
    """Return the body of the page of policies; ``table`` makes one of a header and rows.

    Raises:
        KeyError: a key of a policy file has no meaning here.
    """
    parts = (
        "## Features\n\nConditions ask for these. One that may be missing needs `on_missing`.",
        table(("feature", "type", "values", "meaning"), _features()),
        "## Actions\n\nOver all rules that hold, the strictest value of each dimension wins. "
        "A value with a star takes a person or a second signal.",
        table(("dimension", "value, from lenient to strict", "does"), _actions()),
        "## Keys of the file",
        table(("key", "meaning"), _keys(Bundle, BUNDLE)),
        "## Keys of a rule",
        table(("key", "values", "meaning"), _typed(Rule, RULE)),
        "## Keys of an override",
        table(("key", "meaning"), _keys(Override, OVERRIDE)),
        "## Findings\n\nWhat a person may find beside the extent (`finding`, `review.findings`).",
        table(("finding", "meaning"), ((f"`{k}`", v) for k, v in FINDING_WORDS.items())),
    )
    return "\n\n".join(parts)


def rights_files(table: Any) -> str:
    """Return the body of the page of rights files."""
    needed = [
        name
        for name, (place, _) in ENTRY.items()
        if place.partition(".")[0] in ("grantor", name)  # no other part is needed itself
        and (field := _field(RightsEntry, place)) is not None
        and field.is_required()
    ]
    uses = " or ".join(f"`{use}`" for use in sorted(MAKES))
    return "\n\n".join(
        (
            "## Columns of an agreement\n\nA row needs "
            + ", ".join(f"`{name}`" for name in needed)
            + ", and something that it is about: "
            + ", ".join(f"`{n}`" for n, (place, _) in ENTRY.items() if place.startswith("subject."))
            + f". A track is licensed by an entry whose `uses` have {uses}.",
            table(("column", "values", "meaning"), _columns(ENTRY, RightsEntry)),
            "## Columns of a generator\n\nRows of the same generator are licences of one entry; "
            "the first one that fits counts.",
            table(("column", "values", "meaning"), _columns(GENERATOR, GeneratorEntry)),
        )
    )


def _features() -> Rows:
    for name, feature in FEATURES.items():
        kind = f"{feature.kind}, may be missing" if feature.missing else str(feature.kind)
        yield f"`{name}`", kind, _listed(feature.values), feature.meaning


def _actions() -> Rows:
    for name, dimension in DIMENSIONS.items():
        for action in sorted(dimension.actions, key=lambda one: one.strictness):
            star = " \\*" if dimension.severe and action.name == dimension.names[-1] else ""
            yield f"`{name}`", f"`{action.name}`{star}", action.words or "nothing"


def _keys(kind: type[BaseModel], meanings: Mapping[str, str]) -> Rows:
    names = {
        "agreement": _listed(Agreement.model_fields),
        "redress": _listed(Redress.model_fields),
        "scope": _listed(Scope.model_fields),
    }
    for name in kind.model_fields:
        yield f"`{name}`", meanings[name].format(**names)


def _typed(kind: type[BaseModel], meanings: Mapping[str, str]) -> Rows:
    for name, field in kind.model_fields.items():
        needed = " (needed)" if field.is_required() else ""
        yield f"`{name}`{needed}", _values(field.annotation), meanings[name]


def _columns(columns: Mapping[str, tuple[str, Any]], kind: type[BaseModel]) -> Rows:
    for name, (place, _) in columns.items():
        field = _field(kind, place)
        meaning = COLUMNS.get(name) or TEXTS[name]
        yield f"`{name}`", _values(str if field is None else field.annotation), meaning


def _field(kind: type[BaseModel], place: str) -> FieldInfo | None:
    """Return a field of a record, or of a part of it; None: the file's own."""
    part, _, name = place.rpartition(".")
    if part == "licence":
        return GeneratorLicence.model_fields[name]
    if part:
        (kind,) = _members(kind.model_fields[part].annotation)
    return kind.model_fields.get(name)


def _members(annotation: Any) -> tuple[Any, ...]:
    """Return the types that an annotation joins, without None."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return tuple(one for one in typing.get_args(annotation) if one is not type(None))
    return (annotation,)


def _values(annotation: Any) -> str:
    """Return the values that an annotation admits, in Markdown."""
    (kind,) = _members(annotation)
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) is typing.Literal:
        return _listed(typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        inner = _values(typing.get_args(kind)[0])
        return f"list: {inner}" if inner.startswith("`") else "list"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _listed(kind)
    names = {bool: "yes or no", date: "day", datetime: "time", int: "number", float: "number"}
    return names.get(kind, "")


def _listed(values: Any) -> str:
    return " ".join(f"`{value}`" for value in values)
