"""Evaluation of a policy in every territory of a delivery.

For each territory: rights from the registry, a snapshot, the rules. Territories with the same
result are joined.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from streams.contract.records import Actions, RightsUsed, Term, TrackClassified
from streams.contract.records.rights import WORLDWIDE, RightsChanged
from streams.contract.vocabulary import STRICTNESS
from streams.policy.bundle import Bundle
from streams.policy.evaluate import Evaluation, evaluate
from streams.policy.facts import Facts
from streams.policy.features import features_of
from streams.policy.labels import Assertion, assertions_of, effective
from streams.policy.registry import folded, named_territories
from streams.policy.rights import Rights, rights_of
from streams.policy.schema import Value

MAX_TERRITORIES: Final = 300


@dataclass(frozen=True)
class ScopedEvaluation:
    """The result in some territories."""

    territories: tuple[str, ...]
    rights: Rights
    values: dict[str, Value]
    result: Evaluation
    overrides: tuple[str, ...]
    lapsed: frozenset[str]


@dataclass(frozen=True)
class TerritorialEvaluation:
    """The results: ``default`` holds outside of the territories of ``elsewhere``."""

    default: ScopedEvaluation
    elsewhere: tuple[ScopedEvaluation, ...]
    assertions: tuple[Assertion, ...]
    label: Assertion
    facts_digest: str | None
    reconsider_at: datetime | None
    terms: tuple[Term, ...]

    @property
    def everywhere(self) -> tuple[ScopedEvaluation, ...]:
        """All territories."""
        return (self.default, *self.elsewhere)

    @property
    def rights(self) -> tuple[RightsUsed, ...]:
        """The registry entries that any part of it rests on, each once."""
        used = {(one.purpose, one.entry_id, one.status): one
                for scoped in self.everywhere for one in scoped.rights.used}  # fmt: skip
        return tuple(used[key] for key in sorted(used))

    @property
    def overrides(self) -> tuple[str, ...]:
        """The overrides that apply anywhere."""
        return tuple(sorted({name for one in self.everywhere for name in one.overrides}))


def evaluate_territories(
    event: TrackClassified, facts: Facts, bundle: Bundle
) -> TerritorialEvaluation:
    """Return what a policy gives for a track in each territory, given the facts."""
    entries, assertions = _entries(event, facts, bundle), assertions_of(event, facts)
    dated = [*facts.edges, *(one.ends_at for one in bundle.overrides)]
    starts_at = _starts_at(event, facts, entries, dated)
    grouped: dict[Any, list[ScopedEvaluation]] = {}
    for territory in _territories(event, entries, bundle):
        rights = _as_found(rights_of(event, entries, territory, facts.at), facts.findings)
        scoped = _in(territory, event, facts, rights, bundle, assertions, starts_at)
        grouped.setdefault(_outcome(scoped), []).append(scoped)
    # The default is what holds worldwide, else in most territories; of equals the stricter.
    default, *elsewhere = groups = sorted(
        map(_joined, grouped.values()),
        key=lambda one: (
            WORLDWIDE not in one.territories,
            -len(one.territories),
            [-place for place in strictness_places(one.result.actions)],
        ),
    )
    terms = tuple(term for one in groups for term in _terms(one, starts_at))
    dated += [term.ends_at for term in terms if term.ends_at is not None]
    return TerritorialEvaluation(
        default=default,
        elsewhere=tuple(elsewhere),
        assertions=assertions,
        label=effective(assertions),
        facts_digest=_digest(facts, groups),
        reconsider_at=min((edge for edge in dated if edge > facts.at), default=None),
        terms=terms,
    )


def _entries(event: TrackClassified, facts: Facts, bundle: Bundle) -> tuple[RightsChanged, ...]:
    """Return the entries of the registry, and the bundle's agreements that are not there."""
    known = folded(one.entry.agreement_id for one in facts.entries if one.entry)
    claimed = folded(tool.agreement_id for tool in event.upload.declared.tools)
    named = [one for one in bundle.own_entries if one.entry_id.casefold() in claimed - known]
    return (*facts.entries, *named)


def _territories(
    event: TrackClassified, entries: Sequence[RightsChanged], bundle: Bundle
) -> Sequence[str]:
    delivered = event.upload.territories or (WORLDWIDE,)
    excluded = set(event.upload.excluded_territories or ())
    if WORLDWIDE not in delivered:
        kept = (one for one in dict.fromkeys(delivered) if one not in excluded)
        return tuple(kept)[:MAX_TERRITORIES] or (WORLDWIDE,)
    named = named_territories(entries)
    named |= {name for one in bundle.overrides for name in one.scope.territories}
    named |= {name for rule in bundle.running for name in rule.territories}
    return (WORLDWIDE, *sorted(named - excluded - {WORLDWIDE}))[:MAX_TERRITORIES]


def _in(
    territory: str,
    event: TrackClassified,
    facts: Facts,
    rights: Rights,
    bundle: Bundle,
    assertions: tuple[Assertion, ...],
    starts_at: datetime,
) -> ScopedEvaluation:
    claimed = [tool.agreement_id for tool in event.upload.declared.tools]
    delivery = (territory, event.upload.distributor, claimed, facts.at)
    overrides = tuple(sorted(one.id for one in bundle.overrides if one.holds(*delivery)))
    values = features_of(event, facts, rights, assertions)
    rules = partial(
        evaluate,
        *(values, bundle),
        key=event.track_id,
        territory=territory,
        overrides=overrides,
        off=facts.off,
    )
    result = rules()
    lapsed = frozenset(
        one.rule.id
        for one in result.consequences
        if one.rule.span is not None and starts_at + one.rule.span <= facts.at
    )
    if lapsed:
        result = rules(lapsed=lapsed)
    return ScopedEvaluation((territory,), rights, values, result, overrides, lapsed)


def _as_found(rights: Rights, findings: Iterable[str]) -> Rights:
    """Return the rights as corrected by a reviewer who has seen the contract."""
    if "licensed" in findings and not rights.licensed:
        return replace(rights, licensed=True, agreement="in_force")
    if "unlicensed" in findings and rights.licensed:
        return replace(rights, licensed=False, agreement="disputed", agreement_id=None, covering=())
    return rights


def _starts_at(
    event: TrackClassified,
    facts: Facts,
    entries: Iterable[RightsChanged],
    dated: Iterable[datetime],
) -> datetime:
    """Return when the newest of the facts came to be; independent of the time of evaluation.

    A fact with a date begins or ends on that date, not when it was recorded.
    """
    moments = [event.uploaded_at, *(edge for edge in dated if edge <= facts.at)]
    moments += [one.changed_at for one in entries if one.changed_at <= facts.at]
    moments += [facts.verdict.decided_at] if facts.verdict else []
    moments += [facts.appeal.changed_at] if facts.appeal else []
    return max(moments)


def _outcome(scoped: ScopedEvaluation) -> Any:
    """Return what must be equal for territories to be joined."""
    result = scoped.result
    return (
        result.actions,
        result.would_be,
        tuple((hit.rule_id, hit.mode, hit.pending) for hit in (*result.hits, *result.shadow_hits)),
        result.review,
        scoped.overrides,
        scoped.lapsed,
        scoped.rights.licensed,
        scoped.rights.agreement_id,
    )


def _joined(same: Sequence[ScopedEvaluation]) -> ScopedEvaluation:
    names = sorted(name for one in same for name in one.territories)
    used = {(one.purpose, one.entry_id): one for scoped in same for one in scoped.rights.used}
    return replace(
        same[0],
        territories=(WORLDWIDE,) if WORLDWIDE in names else tuple(names),
        rights=replace(same[0].rights, used=tuple(used[key] for key in sorted(used))),
    )


def strictness_places(actions: Actions) -> list[int]:
    """Return how strict each action is: its place in the order of its dimension."""
    return [order.index(getattr(actions, name)) for name, order in STRICTNESS.items()]


def _terms(scoped: ScopedEvaluation, starts_at: datetime) -> Iterable[Term]:
    for dimension, value in scoped.result.actions:
        rule = scoped.result.behind(dimension)
        if rule is not None:
            yield Term(
                dimension=dimension,
                value=value,
                territories=scoped.territories,
                starts_at=starts_at,
                ends_at=None if rule.span is None else starts_at + rule.span,
                automation=scoped.result.automation,
                rule_id=rule.id,
                reason_code=rule.reason_code,
            )


def _digest(facts: Facts, groups: Sequence[ScopedEvaluation]) -> str | None:
    more = [
        [
            list(one.territories),
            [[use.purpose, use.entry_id, use.version, use.status] for use in one.rights.used],
            [list(one.overrides), sorted(one.lapsed), sorted(one.result.switched_off)],
        ]
        for one in sorted(groups, key=lambda one: one.territories)
        if one.rights.used or one.overrides or one.lapsed or one.result.switched_off
    ]
    return facts.digest(more)
