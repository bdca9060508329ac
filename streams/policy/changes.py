"""What differs between two bundles, and whether one person alone may release the new one.

A change is restrictive where a rule that restricts more than a badge is new, or acts on more
tracks or under another condition. So is the end of something that held it back. Such a change
takes two people. A change that only relaxes, or is on trial, takes one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from streams.contract.records.rights import WORLDWIDE
from streams.contract.vocabulary import FACTUAL, STRICTNESS
from streams.policy.bundle import Bundle
from streams.policy.cel_syntax import names, parse
from streams.policy.cel_types import PARAMS
from streams.policy.evaluate import restricted
from streams.policy.rules import Rule

HARMLESS: Final = frozenset(
    {"version", "public", "public_de", "internal", "clause", "category", "sample_to_review"}
    | {"reason_code", "review"}
)


@dataclass(frozen=True)
class Change:
    """One difference, as a sentence, and whether it can restrict more than before."""

    what: str
    restrictive: bool


def changes(old: Bundle | None, new: Bundle) -> list[Change]:
    """Return the differences; without an old bundle everything is new."""
    parts = (_rules, _defaults, _params, _overrides, _agreements)
    return [change for part in parts for change in part(old, new)]


def needs_two(differences: Iterable[Change]) -> bool:
    """Whether any of the changes is restrictive."""
    return any(one.restrictive for one in differences)


def _reach(rule: Rule) -> float:
    """Return on which share of tracks a rule acts."""
    return 1.0 if rule.mode == "live" else (rule.canary or 0.0)


def _acts(rule: Rule) -> bool:
    """Whether a rule decides what is restricted: it restricts, or lifts restrictions."""
    return bool(_reach(rule)) and (restricted(rule.actions) or bool(rule.lifts))


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the names whose values differ, with both; None is a value that is not there."""
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield name, old.get(name), new.get(name)


def _parts(bundle: Bundle | None, kind: str) -> dict[str, Any]:
    return {} if bundle is None else {part.id: part for part in getattr(bundle, kind)}


def _sign(was: object, now: object) -> str:
    return "+" if was is None else "-" if now is None else "~"


def _rules(old: Bundle | None, new: Bundle) -> Iterator[Change]:
    differing = _differing(_parts(old, "rules"), _parts(new, "rules"))
    added_gone_changed = sorted(differing, key=lambda one: "+-~".index(_sign(*one[1:])))
    for name, was, now in added_gone_changed:
        if was is None:
            restrictive = bool(_reach(now)) and restricted(now.actions)
            yield Change(f"+ rule {name} ({now.mode})", restrictive)
        elif now is None:
            yield Change(f"- rule {name} ({was.mode})", bool(was.lifts) and bool(_reach(was)))
        else:
            fields = [field for field, value in now if getattr(was, field) != value]
            yield Change(_sentence(name, was, now, fields), _more(was, now, fields))


def _defaults(old: Bundle | None, new: Bundle) -> Iterator[Change]:
    """What happens where a signal is missing, for the rules that leave it to the default."""
    was, now = old and old.defaults.on_missing, new.defaults.on_missing
    if old is not None and was != now:
        used = any(rule.on_missing is None and _acts(rule) for rule in new.rules)
        yield Change(f"~ defaults.on_missing: {was} -> {now}", used)


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


def _more(was: Rule, now: Rule, fields: Iterable[str]) -> bool:
    """Whether a changed rule can restrict more than before."""
    changed = set(fields) - HARMLESS
    lifted = bool(was.lifts) and bool(_reach(was))  # it may lift less than before
    fewer_lifts = set(was.lifts) - set(now.lifts) or not _within(was, now)
    if lifted and (changed & {"when", "on_missing", "priority"} or fewer_lifts):
        return True
    if not _reach(now) or not restricted(now.actions):
        return bool(was.lifts) and _reach(now) < _reach(was)
    if changed <= {"mode", "actions"}:
        stricter = any(
            order.index(getattr(now.actions, name)) > order.index(getattr(was.actions, name))
            for name, order in STRICTNESS.items()
            if name != FACTUAL
        )
        return stricter or _reach(now) > _reach(was)
    if changed == {"territories"}:
        return not _within(now, was)
    if changed <= {"requires", "finding"} and now.requires and not was.requires:
        return False
    return bool(changed)


def _within(rule: Rule, other: Rule) -> bool:
    """Whether a rule applies nowhere where another one does not."""
    places = rule.territories or (WORLDWIDE,)
    return not other.territories or all(map(other.is_for, places))


def _params(old: Bundle | None, new: Bundle) -> Iterator[Change]:
    read = {one.name for rule in new.rules if _acts(rule) for one in names(parse(rule.when))}
    for name, was, now in _differing({} if old is None else old.params, new.params):
        yield Change(f"~ params.{name}: {was} -> {now}", f"{PARAMS}{name}" in read)


def _overrides(old: Bundle | None, new: Bundle) -> Iterator[Change]:
    lifting = {rule.id for rule in new.rules if rule.lifts and _reach(rule)}
    for name, was, now in _differing(_parts(old, "overrides"), _parts(new, "overrides")):
        lost = bool(was and was.off) and (
            now is None
            or bool(set(was.off) - set(now.off))
            or now.scope != was.scope
            or now.expires < was.expires
        )
        thresholds = any(one is not None and one.params for one in (was, now))
        closed = now is not None and bool(lifting & set(now.off))
        yield Change(f"{_sign(was, now)} override {name}", lost or thresholds or closed)


def _agreements(old: Bundle | None, new: Bundle) -> Iterator[Change]:
    for name, was, now in _differing(_parts(old, "agreements"), _parts(new, "agreements")):
        yield Change(f"{_sign(was, now)} agreement {name}", was is not None)
