"""What differs between two bundles, and whether a person alone may release the new one.

A change is restrictive where a rule that acts and restricts more than a badge is new, acts on
more tracks or under another condition, or where something that held it back is gone. Such a
change takes two people. What only relaxes, or is on trial, takes one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streams.contract.vocabulary import FACTUAL, STRICTNESS
from streams.policy.bundle import Bundle
from streams.policy.cel_syntax import names, parse
from streams.policy.cel_types import PARAMS
from streams.policy.evaluate import restricted
from streams.policy.rules import Rule


@dataclass(frozen=True)
class Change:
    """One difference, as a sentence, and whether it can restrict more than before."""

    what: str
    restrictive: bool


def changes(old: Bundle | None, new: Bundle) -> list[Change]:
    """Return the differences; without an old bundle everything is new."""
    before = {} if old is None else {rule.id: rule for rule in old.rules}
    after = {rule.id: rule for rule in new.rules}
    return [
        *_rules(before, after),
        *_defaults(old, new),
        *_params(old, new),
        *_overrides(old, new),
        *_agreements(old, new),
    ]


def needs_two(differences: Iterable[Change]) -> bool:
    """Whether any of the changes is restrictive."""
    return any(one.restrictive for one in differences)


def _defaults(old: Bundle | None, new: Bundle) -> Iterator[Change]:
    """What happens where a signal is missing, for the rules that leave it to the default."""
    was, now = old and old.defaults.on_missing, new.defaults.on_missing
    if old is not None and was != now:
        used = any(rule.on_missing is None and _acts(rule) for rule in new.rules)
        yield Change(f"~ defaults.on_missing: {was} -> {now}", used)


def _acts(rule: Rule) -> bool:
    """Whether a rule decides, now, what is restricted: it restricts, or keeps others from it."""
    return bool(reach_of(rule)) and (_restricts(rule) or bool(rule.lifts))


def reach_of(rule: Rule) -> float:
    """Return on which share of tracks a rule acts."""
    return 1.0 if rule.mode == "live" else (rule.canary or 0.0)


def _restricts(rule: Rule) -> bool:
    return restricted(rule.actions)


def _rules(before: dict[str, Rule], after: dict[str, Rule]) -> Iterator[Change]:
    for name in sorted(after.keys() - before.keys()):
        rule = after[name]
        yield Change(f"+ rule {name} ({rule.mode})", bool(reach_of(rule)) and _restricts(rule))
    for name in sorted(before.keys() - after.keys()):
        gone = before[name]
        yield Change(f"- rule {name} ({gone.mode})", bool(gone.lifts) and bool(reach_of(gone)))
    for name in sorted(before.keys() & after.keys()):
        was, now = before[name], after[name]
        if was != now:
            fields = [field for field, value in now if getattr(was, field) != value]
            yield Change(_sentence(name, was, now, fields), _more(was, now, fields))


def _sentence(name: str, was: Rule, now: Rule, fields: Iterable[str]) -> str:
    parts = []
    for field in fields:
        match field:
            case "mode" | "priority" | "version" | "ends_after" | "sample_to_review":
                parts.append(f"{field} {getattr(was, field)} -> {getattr(now, field)}")
            case "actions":
                parts += [
                    f"{dimension} {getattr(was.actions, dimension)} -> {value}"
                    for dimension, value in now.actions
                    if value != getattr(was.actions, dimension)
                ]
            case _:
                parts.append(field)
    return f"~ rule {name}: {', '.join(parts)}"


HARMLESS = frozenset(
    {"version", "public", "public_de", "internal", "clause", "category", "sample_to_review"}
    | {"reason_code", "review"}
)


def _more(was: Rule, now: Rule, fields: Iterable[str]) -> bool:
    """Whether a changed rule can restrict more than before."""
    changed = set(fields) - HARMLESS
    lifted = bool(was.lifts) and bool(reach_of(was))  # it may lift less than it did
    if lifted and (changed & {"when", "on_missing", "priority"} or set(was.lifts) - set(now.lifts)):
        return True
    if not reach_of(now) or not _restricts(now):
        return bool(was.lifts) and reach_of(now) < reach_of(was)
    if changed <= {"mode"}:
        return reach_of(now) > reach_of(was)
    if changed <= {"mode", "actions"}:
        stricter = any(
            order.index(getattr(now.actions, name)) > order.index(getattr(was.actions, name))
            for name, order in STRICTNESS.items()
            if name != FACTUAL
        )
        return stricter or reach_of(now) > reach_of(was)
    if changed <= {"requires", "finding"} and now.requires and not was.requires:
        return False
    return bool(changed)


def _params(old: Bundle | None, new: Bundle) -> Iterator[Change]:
    before = {} if old is None else old.params
    for name in sorted(before.keys() | new.params.keys()):
        was, now = before.get(name), new.params.get(name)
        if was != now:
            read = {
                one.name for rule in new.rules if _acts(rule) for one in names(parse(rule.when))
            }
            yield Change(f"~ params.{name}: {was} -> {now}", f"{PARAMS}{name}" in read)


def _overrides(old: Bundle | None, new: Bundle) -> Iterator[Change]:
    before = {} if old is None else {one.id: one for one in old.overrides}
    after = {one.id: one for one in new.overrides}
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        sign = "+" if was is None else "-" if now is None else "~"
        lost = (
            was is not None
            and bool(was.off)
            and (
                now is None
                or bool(set(was.off) - set(now.off))
                or now.scope != was.scope
                or now.expires < was.expires
            )
        )
        thresholds = any(one is not None and one.params for one in (was, now))
        lifting = {rule.id for rule in new.rules if rule.lifts and reach_of(rule)}
        closed = now is not None and bool(lifting & set(now.off))
        yield Change(f"{sign} override {name}", lost or thresholds or closed)


def _agreements(old: Bundle | None, new: Bundle) -> Iterator[Change]:
    before = {} if old is None else {one.id: one for one in old.agreements}
    after = {one.id: one for one in new.agreements}
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was != now:
            sign = "+" if was is None else "-" if now is None else "~"
            yield Change(f"{sign} agreement {name}", was is not None)
