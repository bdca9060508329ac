"""Checks of the content of a bundle whose form is right, and its inline tests.

Conditions have types, known features and an answer to missing signals, and can hold. No severe
rule rests on a detector's score alone. Every fault contains what to do.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import StringConstraints

from streams.contract.records import Territory
from streams.contract.records.rights import WORLDWIDE
from streams.contract.vocabulary import FACTUAL
from streams.policy.cel_syntax import CelSyntaxError
from streams.policy.conditions import Condition
from streams.policy.features import WrongSnapshot, flattened, snapshot
from streams.policy.rules import Override, Rule, RuleActions, Strict
from streams.policy.satisfiability import reachable, reachable_alone

if TYPE_CHECKING:
    from streams.policy.bundle import Bundle

Path = tuple[str | int, ...]
MAX_TOGETHER: Final = 8  # overrides of which every combination is tried
NO_REVIEW: Final = "none"  # as a review: no task is opened


class Expect(RuleActions):
    """The expected result; a dimension or field that is not named may be anything.

    ``review`` is a queue, or ``none``. ``matched`` are all rules that act, ``shadow`` all
    that are on trial and hold, in any order; ``would_be`` what those would change.
    """

    review: str | None = None
    matched: tuple[str, ...] | None = None
    shadow: tuple[str, ...] | None = None
    would_be: RuleActions = RuleActions()


class Case(Strict):
    """An inline test: a few features, flat or nested, and the expected result."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    given: dict[str, Any]  # prose: the key of a policy file
    territory: Territory = WORLDWIDE
    overrides: tuple[str, ...] = ()
    expect: Expect


@dataclass(frozen=True)
class Fault:
    """A fault: a path in the file, a character of the text there, and a message."""

    path: Path
    message: str
    offset: int | None = None


def faults_of(bundle: "Bundle", today: date | None = None) -> list[Fault]:
    """Return every fault but those that inline tests find."""
    faults = [*_ids(bundle), *_overrides(bundle, today)]
    for index, rule in enumerate(bundle.rules):
        faults += _rule(bundle, ("rules", index), rule)
        if today is not None:
            faults += _lifts(("rules", index), rule)
    return faults


def _ids(bundle: "Bundle") -> Iterator[Fault]:
    for kind in ("rules", "agreements", "overrides"):
        ids = [part.id for part in getattr(bundle, kind)]
        for index, name in enumerate(ids):
            if name in ids[:index]:
                yield Fault((kind, index, "id"), f"id {name!r} stands twice: rename one")


def _overrides(bundle: "Bundle", today: date | None) -> Iterator[Fault]:
    for index, override in enumerate(bundle.overrides):
        at: Path = ("overrides", index)
        for name, value in override.params.items():
            known = bundle.params.get(name)
            if known is None:
                yield Fault((*at, "params", name), f"there is no parameter {name!r} under params:")
            elif _kind(known) is not _kind(value):
                yield Fault((*at, "params", name), f"params.{name} is {known!r}: keep its type")
        yield from _unknown("rule", bundle.rules, override.off, (*at, "off"))
        if today is not None and override.expires < today:
            problem = f"it expired on {override.expires}"
            yield Fault((*at, "expires"), f"{problem}: remove the override, or agree on a new day")


def _lifts(at: Path, rule: Rule) -> Iterator[Fault]:
    """Yield a fault where a rule lifts what no rule can lift; a running policy may have that."""
    if FACTUAL in rule.lifts:
        place = (*at, "lifts", rule.lifts.index(FACTUAL))
        yield Fault(place, f"{FACTUAL!r} states a fact, and no rule lifts it: leave it out")


def _kind(value: object) -> type:
    return next((kind for kind in (bool, str) if isinstance(value, kind)), float)


def _unknown(
    what: str, known: Iterable[Rule | Override], names: Iterable[str], at: Path
) -> Iterator[Fault]:
    ids = {part.id for part in known}
    for place, name in enumerate(names):
        if name not in ids:
            yield Fault((*at, place), f"there is no {what} {name!r}")


def _rule(bundle: "Bundle", at: Path, rule: Rule) -> Iterator[Fault]:
    overrides = sorted((one for one in bundle.overrides if one.params), key=lambda one: one.id)
    # Every set of overrides counts that can apply together: of a rule that punishes, each is
    # checked; of another one, until it can hold.
    read = [one for one in overrides if any(f"params.{name}" in rule.when for name in one.params)]
    if len(read) > MAX_TOGETHER and rule.severe:
        yield Fault(
            (*at, "when"),
            f"more than {MAX_TOGETHER} overrides change what this rule reads, and it "
            "punishes: join overrides, or add requires: human and a review queue",
        )
        return
    together = (
        some
        for count in range(2, len(read) + 1)
        for some in itertools.combinations(read, count)
        if all(one.meets(two) for one, two in itertools.combinations(some, 2))
    )
    alone: tuple[tuple[Override, ...], ...] = ((), *((one,) for one in overrides))
    can_hold = rule.mode == "retired" or len(read) > MAX_TOGETHER
    for variant in itertools.chain(alone, together):
        if variant not in alone and can_hold and not rule.severe:
            break
        names = tuple(override.id for override in variant)
        try:
            condition = Condition(rule.when, bundle.params_under(names))
        except CelSyntaxError as error:
            yield Fault((*at, "when"), error.message, error.at)
            return
        yield from _condition(bundle, at, rule, condition, names)
        can_hold = can_hold or reachable(condition, bundle.on_missing(rule))
    if not can_hold:
        message = "this can never hold: correct the condition, or set mode: retired"
        yield Fault((*at, "when"), message, 0)


def _condition(
    bundle: "Bundle", at: Path, rule: Rule, condition: Condition, variant: tuple[str, ...]
) -> Iterator[Fault]:
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
    if rule.severe and reachable_alone(condition, policy):
        dimension = rule.severe[0]
        under = f" (under override {' and '.join(map(repr, variant))})" if variant else ""
        yield Fault(
            (*at, "actions", dimension),
            f"{getattr(rule.actions, dimension)!r} would rest on a single detector score{under}: "
            "add requires: human and a review queue, or a second signal to the condition "
            '(declared.ai in ["All", "Partly"]; signals.independent >= 2; label.extent == "All" '
            '&& label.source != "detector"); a disclosure mismatch is none, and neither is '
            "a declaration or a registry entry without AI",
        )


def failed_cases(bundle: "Bundle") -> Iterator[Fault]:
    """Yield the inline tests that do not pass, with the actual result."""
    for index, case in enumerate(bundle.tests):
        yield from _case(bundle, ("tests", index), case)


def _case(bundle: "Bundle", at: Path, case: Case) -> Iterator[Fault]:
    from streams.policy.evaluate import evaluate  # it imports Bundle

    expect = case.expect
    try:
        values = snapshot(case.given)
    except WrongSnapshot as error:
        yield Fault(_given(at, case, error.detail), error.detail)
        return
    unknown = (
        *_unknown("override", bundle.overrides, case.overrides, (*at, "overrides")),
        *_unknown("rule", bundle.rules, expect.matched or (), (*at, "expect", "matched")),
        *_unknown("rule", bundle.rules, expect.shadow or (), (*at, "expect", "shadow")),
    )
    if unknown:
        yield unknown[0]
        return
    result = evaluate(
        *(values, bundle),
        key=None,
        territory=case.territory,
        overrides=tuple(sorted(case.overrides)),
    )
    actual: dict[str, Any] = {
        **dict(result.actions),
        "review": NO_REVIEW if result.review is None else result.review.queue,
        "matched": sorted(hit.rule_id for hit in result.hits),
        "shadow": sorted(hit.rule_id for hit in result.shadow_hits),
    }
    for name, value in actual.items():
        expected = getattr(expect, name) if name in expect.model_fields_set else None
        expected = sorted(expected) if isinstance(expected, tuple) else expected
        if expected is not None and value != expected:
            yield Fault(
                (*at, "expect", name),
                f"test {case.name!r}: {name} is {_listed(value)}, expected "
                f"{_listed(expected)}; rules that hold: {_listed(actual['matched'])}",
            )
    for name, value in expect.would_be:
        would_be = getattr(result.would_be, name)
        if name in expect.would_be.model_fields_set and would_be != value:
            yield Fault(
                (*at, "expect", "would_be", name),
                f"test {case.name!r}: {name} would be {would_be}, expected {value}",
            )


def _listed(value: Iterable[str] | str) -> str:
    return value if isinstance(value, str) else f"[{', '.join(value)}]"


def _given(at: Path, case: Case, detail: str) -> Path:
    """Return where in ``given`` a wrong name or value is."""
    for name in flattened(case.given):
        if name in detail.split()[0] or f"{name!r}" in detail:
            return (*at, "given", *((name,) if name in case.given else name.split(".")))
    return (*at, "given")
