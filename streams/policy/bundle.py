"""A policy file, loaded: typed, checked against the house rules, and named by its digest.

Every fault of a file is reported at once, each with file, line and what to do. The
digest is SHA-256 over the content and not over the text: comments, layout and the order
of rules or agreements do not change it, because they change no decision.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from detector.errors import Fatal
from streams.policy import marked
from streams.policy.agreements import Agreement
from streams.policy.rules import Rule
from streams.policy.strict import MISPLACED, Strict, fault
from streams.records import PolicyRef


class BundleError(Fatal):
    """A policy file cannot be used; each line of the message is ``file:line: what to do``."""


class Bundle(Strict):
    """A policy: rules and the agreements that it recognises."""

    schema_version: Literal[1]
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    agreements: tuple[Agreement, ...] = ()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = {
            "rules": [rule.id for rule in self.rules],
            "agreements": [agreement.id for agreement in self.agreements],
        }
        for kind, given in ids.items():
            for index, one in enumerate(given):
                if one in given[:index]:
                    raise fault((kind, index, "id"), f"id {one!r} stands twice: rename one")
        return self

    @cached_property
    def ordered(self) -> tuple[Rule, ...]:
        """The rules in their one order: priority (high first), then id."""
        return tuple(sorted(self.rules, key=lambda rule: (-rule.priority, rule.id)))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the canonical content.

        Values that equal their default are left out, so that a key which a later release
        adds does not rename the policies written before it.
        """
        content: dict[str, Any] = self.model_dump(mode="json", exclude_defaults=True)
        for kind in ("rules", "agreements"):
            if kind in content:
                content[kind] = sorted(content[kind], key=lambda entry: str(entry["id"]))
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def ref(self) -> PolicyRef:
        """How records name this policy."""
        return PolicyRef(name=self.name, version=self.version, digest=self.digest)


def load(path: Path) -> Bundle:
    """Load a policy file.

    Raises:
        BundleError: it cannot be read, or its content is refused.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Bundle:
    """Parse the text of a policy file that is called ``name`` in errors.

    Raises:
        BundleError: naming every fault.
    """
    try:
        content = marked.read(text)
    except marked.NotPlain as error:
        raise BundleError(f"{name}:{error.line}: {error.message}") from error
    if not isinstance(content.data, dict):
        raise BundleError(f"{name}:1: a policy is a mapping with name, version and rules")
    try:
        return Bundle.model_validate(content.data)
    except ValidationError as error:
        # An item that is refused makes its list "too short" as well: one fault, not two.
        found = [one for one in error.errors(include_url=False) if not _follows(one)]
        faults = sorted({_placed(one, content) for one in found})
        raise BundleError("\n".join(f"{name}:{line}: {what}" for line, what in faults)) from error


def _follows(found: ErrorDetails) -> bool:
    return found["type"] == "too_short" and bool(found["input"])


def _placed(found: ErrorDetails, content: marked.Marked) -> tuple[int, str]:
    context = found.get("ctx", {})
    path = (*found["loc"], *(context["at"] if found["type"] == MISPLACED else ()))
    where = ".".join(str(part) for part in path)
    match found["type"]:
        case "too_short":
            what = f"{where} is empty: name at least one"
        case "missing":
            what = f"{where} is missing: add it"
        case "literal_error" | "enum":
            what = f"{where}: {found['input']!r} is not one of {context['expected']}"
        case "string_pattern_mismatch":
            what = f"{where}: {found['input']!r} does not match {context['pattern']}"
        case _:
            what = f"{where}: {found['msg']}" if where else found["msg"]
    return content.line(path), what
