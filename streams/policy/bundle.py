"""A policy file, loaded: typed, checked against the built-in rules, and named by its digest.

Every fault of a file is reported at once, each with file, line, column and what to do. The
digest is SHA-256 over the content and not over the text: comments, layout and the order
of rules, agreements, overrides or tests do not change it, because they change no decision.
"""

import hashlib
import json
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from detector.errors import Fatal
from streams.contract.records import Identifier, PolicyRef, Territory
from streams.contract.records.rights import (
    WORLDWIDE,
    Party,
    RightsChanged,
    RightsConditions,
    RightsEntry,
    RightsSubject,
)
from streams.contract.translations import N_, translated
from streams.policy import rules, source_map
from streams.policy.bundle_checks import Case, Fault, failed_cases, faults_of
from streams.policy.conditions import Condition
from streams.policy.rules import Name, OnMissing, Override, Parameter, Rule, Sentence, Strict, fault

VERSION: Final = r"^\d+\.\d+\.\d+$"
_MEANT: Final = {
    rules.NAME: "a name of small letters, digits and hyphens, as in my-rule-2",
    VERSION: "a version of three numbers, as in 2.1.0",
    rules.MODE: "a mode: draft, shadow, canary 5%, live or retired",
    rules.REASON_CODE: "a reason code, as in R-MY-RULE",
    rules.SPAN: "a span of time: write 72h or 30d",
    r"^([A-Z]{2}|Worldwide)$": "a country's two letters, as in DE, or Worldwide",
}


class BundleError(Fatal):
    """A policy file cannot be used; each line is ``file:line:column: what to do``."""


class Defaults(Strict):
    """Values for rules that name none."""

    on_missing: OnMissing | None = None


class Agreement(Strict):
    """One licence agreement. Days are UTC, both ends included; no end is open-ended.

    The rights registry (``rights.changed``) prevails over an agreement of the same id.
    """

    id: Identifier
    grantee: Identifier
    generators: Annotated[tuple[Identifier, ...], Field(min_length=1)]
    valid_from: date
    valid_until: date | None = None
    territories: Annotated[tuple[Territory, ...], Field(min_length=1)] = (WORLDWIDE,)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise fault(("valid_until",), "the agreement ends before it starts: swap the days")
        return self

    def entry(self) -> RightsChanged:
        """Return it as an entry of the registry; its id is the agreement's."""
        return RightsChanged(
            entry_id=self.id,
            version=1,
            entry=RightsEntry(
                agreement_id=self.id,
                grantor=Party(party_id=self.grantee),
                grantee=self.grantee,
                subject=RightsSubject(wildcard=True),
                uses=("generate", "distribute_output"),
                permission="opt_in",
                conditions=RightsConditions(generator_ids=self.generators),
                territories=self.territories,
                valid_from=self.valid_from,
                valid_until=self.valid_until,
                verification="verified",
            ),
            changed_by="policy",
            changed_at=datetime.combine(self.valid_from, time(), UTC),
        )


class Redress(Strict):
    """How to object, for statements of reasons; ``{decision_id}`` is filled in."""

    internal_url: Sentence = "/artist/{decision_id}"
    days: Annotated[int, Field(ge=184, le=3_650)] = 184  # six months at least (DSA Article 20)
    out_of_court: Sentence = N_("a certified out-of-court dispute settlement body (Article 21 DSA)")
    out_of_court_de: Sentence = (
        "eine zertifizierte außergerichtliche Streitbeilegungsstelle (Artikel 21 DSA)"
    )
    terms_url: Annotated[str, StringConstraints(max_length=500)] = ""

    def body(self, language: str) -> str:
        """Return the body of out-of-court settlement, in words of a language."""
        return self.out_of_court_de if language == "de" else translated(language, self.out_of_court)


class Bundle(Strict):
    """A policy: rules, thresholds, exceptions, and the tests that it must pass."""

    schema_version: Literal[2]
    name: Name
    version: Annotated[str, StringConstraints(pattern=VERSION)]
    defaults: Defaults = Defaults()
    params: dict[str, Parameter] = Field(default_factory=dict)
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    overrides: tuple[Override, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    redress: Redress = Redress()
    tests: tuple[Case, ...] = ()

    @cached_property
    def running(self) -> tuple[Rule, ...]:
        """The rules that are evaluated, by priority (high first), then id."""
        evaluated = (rule for rule in self.rules if rule.mode not in ("draft", "retired"))
        return tuple(sorted(evaluated, key=lambda rule: (-rule.priority, rule.id)))

    @cached_property
    def _compiled(self) -> dict[tuple[str, ...], dict[str, Condition]]:
        return {}

    def conditions(self, overrides: tuple[str, ...] = ()) -> dict[str, Condition]:
        """Return the compiled conditions of running rules, by id, under some overrides."""
        if overrides not in self._compiled:
            params = self.params_under(overrides)
            compiled = {rule.id: Condition(rule.when, params) for rule in self.running}
            self._compiled[overrides] = compiled
        return self._compiled[overrides]

    @cached_property
    def own_entries(self) -> tuple[RightsChanged, ...]:
        """The agreements of the file, as entries of the registry."""
        return tuple(one.entry() for one in self.agreements)

    def params_under(self, overrides: tuple[str, ...]) -> dict[str, bool | float | str]:
        """Return the parameters under some overrides; later ids prevail."""
        params = dict(self.params)
        for override in sorted(self.overrides, key=lambda override: override.id):
            if override.id in overrides:
                params |= override.params
        return params

    def on_missing(self, rule: Rule) -> OnMissing:
        """Return what a rule does about missing features."""
        return rule.on_missing or self.defaults.on_missing or "skip"

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the canonical content.

        Values that equal their default are left out, so that a key which a later release
        adds does not rename the policies written before it. Tests decide nothing.
        """
        content: dict[str, Any] = self.model_dump(
            mode="json", exclude_defaults=True, exclude={"tests"}
        )
        for kind in ("rules", "agreements", "overrides"):
            if kind in content:
                content[kind] = sorted(content[kind], key=lambda entry: str(entry["id"]))
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def ref(self) -> PolicyRef:
        """How records name this policy."""
        return PolicyRef(name=self.name, version=self.version, digest=self.digest)


def load(path: Path, today: date | None = None) -> Bundle:
    """Load a policy file; with ``today``, overrides that have expired by then are faults.

    Without it they do not apply any more, and the rest does: a worker must not die of a date.

    Raises:
        BundleError: it cannot be read, or its content is refused.
    """
    return parse(read(path), str(path), today)


def read(path: Path) -> str:
    """Return the text of a policy file.

    Raises:
        BundleError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: cannot be read as UTF-8 text ({error})") from error


def parse(text: str, name: str, today: date | None = None, *, tests: bool = True) -> Bundle:
    """Parse the text of a policy file that is called ``name`` in errors.

    The inline tests run where there is no other fault; not with ``tests`` false.

    Raises:
        BundleError: naming every fault.
    """
    try:
        content = source_map.read(text)
    except source_map.YamlSubsetError as error:
        raise BundleError(f"{name}:{error.line}:{error.column}: {error.message}") from error
    if not isinstance(content.data, dict):
        raise BundleError(f"{name}:1:1: a policy is a mapping with name, version and rules")
    try:
        bundle = Bundle.model_validate(content.data)
    except ValidationError as error:
        # An item that is refused makes its list "too short" as well: one fault, not two.
        errors = [item for item in error.errors(include_url=False)
                  if item["type"] != "too_short" or not item["input"]]  # fmt: skip
        raise BundleError(_lines(name, [_placed(item, content) for item in errors])) from error
    faults = faults_of(bundle, today)
    if tests and not faults:
        faults = list(failed_cases(bundle))
    if faults:
        raise BundleError(_lines(name, [_at(item, content) for item in faults]))
    return bundle


def _lines(name: str, faults: list[tuple[int, int, str]]) -> str:
    return "\n".join(
        f"{name}:{line}:{column}: {what}" for line, column, what in sorted(set(faults))
    )


def _at(problem: Fault, content: source_map.SourceMap) -> tuple[int, int, str]:
    where = ".".join(map(str, problem.path))
    what = f"{where}: {problem.message}" if where else problem.message
    return *content.place(problem.path, problem.offset), what


def _placed(error: ErrorDetails, content: source_map.SourceMap) -> tuple[int, int, str]:
    context = error.get("ctx", {})
    path = (*error["loc"], *(context["at"] if error["type"] == rules.MISPLACED else ()))
    if path and path[-1] in ("bool", "float", "str") and path not in content.positions:
        path = path[:-1]  # a branch of a union is no place in a file
    where, value = ".".join(map(str, path)), repr(error["input"])
    match error["type"]:
        case "too_short":
            what = f"{where} is empty: name at least one"
        case "missing":
            what = f"{where} is missing: add it"
        case "literal_error" | "enum":
            what = f"{where}: {value} is not one of {context['expected']}"
        case "string_pattern_mismatch":
            pattern = context["pattern"]
            what = f"{where}: {value} is not {_MEANT.get(pattern, f'text that matches {pattern}')}"
        case "string_type" if where == "version":
            what = f"{where}: {value} is not {_MEANT[VERSION]}"
        case "string_type":
            what = f"{where}: {value} is no text: put it into quotes"
        case "date_from_datetime_parsing" | "date_parsing" | "date_type":
            what = f"{where}: {value} is no day: write it as 2027-01-31"
        case _:
            what = f"{where}: {error['msg']}" if where else error["msg"]
    return *content.place(path), what
