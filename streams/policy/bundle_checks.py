"""What can be wrong with the content of a bundle whose form is right.

Types of conditions, unknown features, rules that can never hold, rules that would punish on a
detector's score alone, missing signals that nobody thought of, expired overrides, and inline
tests that fail. Every fault says what to do.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from streams.policy.cases import NO_REVIEW, Case, expected_actions
from streams.policy.cel_syntax import CelSyntaxError
from streams.policy.conditions import Condition
from streams.policy.features import WrongSnapshot, flattened, snapshot
from streams.policy.overrides import Override
from streams.policy.rules import Rule
from streams.policy.satisfiability import reachable, reachable_alone

if TYPE_CHECKING:
    from streams.policy.bundle import Bundle

Path = tuple[str | int, ...]
MAX_TOGETHER = 8  # overrides of which every combination is tried


@dataclass(frozen=True)
class Fault:
    """Where something is wrong: a path in the file, a character of the text there, and what."""

    path: Path
    message: str
    offset: int | None = None


def faults_of(bundle: "Bundle", today: date | None = None) -> list[Fault]:
    """Return every fault; inline tests run only where there is no other."""
    faults = [*_ids(bundle), *_overrides(bundle, today)]
    for index, rule in enumerate(bundle.rules):
        faults += _rule(bundle, index, rule)
    return faults or list(failed_cases(bundle))


def _ids(bundle: "Bundle") -> Iterator[Fault]:
    ids_by_kind = {
        "rules": [rule.id for rule in bundle.rules],
        "agreements": [name.id for name in bundle.agreements],
        "overrides": [name.id for name in bundle.overrides],
    }
    for kind, ids in ids_by_kind.items():
        for index, name in enumerate(ids):
            if name in ids[:index]:
                yield Fault((kind, index, "id"), f"id {name!r} stands twice: rename one")


def _overrides(bundle: "Bundle", today: date | None) -> Iterator[Fault]:
    rules = {rule.id for rule in bundle.rules}
    for index, override in enumerate(bundle.overrides):
        at: Path = ("overrides", index)
        for name, value in override.params.items():
            known = bundle.params.get(name)
            if known is None:
                yield Fault((*at, "params", name), f"there is no parameter {name!r} under params:")
            elif isinstance(known, str | bool) is not isinstance(value, str | bool):
                yield Fault((*at, "params", name), f"params.{name} is {known!r}: keep its type")
        for place, rule_id in enumerate(override.off):
            if rule_id not in rules:
                yield Fault((*at, "off", place), f"there is no rule {rule_id!r}")
        if today is not None and override.expires < today:
            yield Fault(
                (*at, "expires"),
                f"it expired on {override.expires}: remove the override, or agree on a new day",
            )


def _rule(bundle: "Bundle", index: int, rule: Rule) -> Iterator[Fault]:
    at: Path = ("rules", index)
    if rule.severe and not rule.requires and len(_read_by(bundle, rule)) > MAX_TOGETHER:
        yield Fault(
            (*at, "when"),
            f"more than {MAX_TOGETHER} overrides change what this rule reads, and it punishes: "
            "join overrides, or add requires: human and a review queue",
        )
        return
    for variant, params in _variants(bundle, rule):
        try:
            condition = Condition(rule.when, params)
        except CelSyntaxError as error:
            yield Fault((*at, "when"), error.message, error.at)
            return
        yield from _condition(bundle, at, rule, condition, params, variant)


def _variants(
    bundle: "Bundle", rule: Rule
) -> Iterator[tuple[tuple[str, ...], dict[str, bool | float | str]]]:
    """Yield the parameters by which a rule may be evaluated: as they stand, and overridden.

    Where a rule would punish, every set of overrides counts that can apply together.
    """
    yield (), dict(bundle.params)
    changing = sorted(
        (override for override in bundle.overrides if override.params),
        key=lambda override: override.id,
    )
    for override in changing:
        yield (override.id,), bundle.params_under((override.id,))
    if rule.requires or not rule.severe:
        return
    read = _read_by(bundle, rule)
    for count in range(2, len(read) + 1):
        for some in itertools.combinations(read, count):
            if all(override.meets(two) for override, two in itertools.combinations(some, 2)):
                names = tuple(override.id for override in some)
                yield names, bundle.params_under(names)


def _read_by(bundle: "Bundle", rule: Rule) -> list[Override]:
    """Return the overrides that change a parameter which a rule reads, by id."""
    readers = [one for one in bundle.overrides
             if any(f"params.{name}" in rule.when for name in one.params)]  # fmt: skip
    return sorted(readers, key=lambda one: one.id)


def _condition(
    bundle: "Bundle",
    at: Path,
    rule: Rule,
    condition: Condition,
    params: dict[str, bool | float | str],
    variant: tuple[str, ...],
) -> Iterator[Fault]:
    under = f" (under override {' and '.join(map(repr, variant))})" if variant else ""
    policy = rule.on_missing or bundle.defaults.on_missing
    if not variant and condition.open_reads and policy is None:
        first = condition.open_reads[0]
        yield Fault(
            (*at, "when"),
            f"{first.name} may be missing: say on_missing: skip, match or review in the rule or "
            f"under defaults:, or ask {first.name} != null",
            first.at,
        )
    if rule.on_missing == "review" and rule.review is None:
        yield Fault((*at, "on_missing"), "review needs requires: human and a queue beside it")
    if rule.mode == "retired":
        return
    if not variant and not reachable(condition.tree, params, on_missing=policy):
        yield Fault(
            (*at, "when"), "this can never hold: correct the condition, or set mode: retired", 0
        )
    lonely = rule.severe and not rule.requires
    if lonely and reachable_alone(condition.tree, params, on_missing=policy):
        dimension = rule.severe[0]
        value = getattr(rule.actions, dimension)
        yield Fault(
            (*at, "actions", dimension),
            f"{value!r} would rest on a single detector score{under}: add requires: human and a "
            "review queue, or a second signal to the condition "
            '(declared.ai in ["All", "Partly"]; signals.independent >= 2; label.extent == "All" '
            '&& label.source != "detector"); a disclosure mismatch is none, and neither is '
            "somebody who says that there is no AI",
        )


def failed_cases(bundle: "Bundle") -> Iterator[Fault]:
    """Yield the inline tests that do not pass, with what came instead."""
    for index, case in enumerate(bundle.tests):
        yield from _case(bundle, index, case)


def _case(bundle: "Bundle", index: int, case: Case) -> Iterator[Fault]:
    from streams.policy.evaluate import evaluate  # it stands on Bundle

    at: Path = ("tests", index)
    try:
        values = snapshot(case.given)
    except WrongSnapshot as error:
        yield Fault(_given(at, case, error.detail), error.detail)
        return
    known = {one.id for one in bundle.overrides}
    for place, name in enumerate(case.overrides):
        if name not in known:
            yield Fault((*at, "overrides", place), f"there is no override {name!r}")
            return
    unknown = _unknown_rule(bundle, at, case)
    if unknown is not None:
        yield unknown
        return
    result = evaluate(values, bundle, overrides=tuple(sorted(case.overrides)), key=None)
    expect = case.expect
    actual: dict[str, Any] = dict(result.actions)
    actual["review"] = NO_REVIEW if result.review is None else result.review.queue
    actual["matched"] = sorted(hit.rule_id for hit in result.hits)
    actual["shadow"] = sorted(hit.rule_id for hit in result.shadow_hits)
    expected: dict[str, Any] = expected_actions(expect)
    expected["review"] = expect.review
    for name in ("matched", "shadow"):
        rules: tuple[str, ...] | None = getattr(expect, name)
        expected[name] = None if rules is None else sorted(rules)
    for name, value in expected.items():
        if value is not None and value != actual[name]:
            yield Fault(
                (*at, "expect", name),
                f"test {case.name!r}: {name} is {_listed(actual[name])}, expected "
                f"{_listed(value)}; rules that hold: {_listed(actual['matched'])}",
            )
    for name, value in expected_actions(expect.would_be).items():
        would_be = getattr(result.would_be, name)
        if would_be != value:
            yield Fault(
                (*at, "expect", "would_be", name),
                f"test {case.name!r}: {name} would be {would_be}, expected {value}",
            )


def _unknown_rule(bundle: "Bundle", at: Path, case: Case) -> Fault | None:
    rules = {rule.id for rule in bundle.rules}
    for name in ("matched", "shadow"):
        for place, rule_id in enumerate(getattr(case.expect, name) or ()):
            if rule_id not in rules:
                return Fault((*at, "expect", name, place), f"there is no rule {rule_id!r}")
    return None


def _listed(value: Iterable[str] | str) -> str:
    return value if isinstance(value, str) else f"[{', '.join(value)}]"


def _given(at: Path, case: Case, detail: str) -> Path:
    """Return where in ``given`` a wrong name or value stands."""
    for name in flattened(case.given):
        if name in detail.split()[0] or f"{name!r}" in detail:
            flat: Path = (*at, "given", name)
            return flat if name in case.given else (*at, "given", *name.split("."))
    return (*at, "given")
