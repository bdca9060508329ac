"""From an analysis and the facts around it to labels and consequences, territory by territory.

``judge`` is pure. It resolves what the registry says in each territory, takes a snapshot,
evaluates the bundle, and joins territories in which the same follows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from streams.contract.records import Actions, Label, RightsUsed, Term, TrackClassified
from streams.contract.records.rights import WORLDWIDE, RightsChanged
from streams.contract.vocabulary import STRICTNESS
from streams.policy.bundle import Bundle
from streams.policy.evaluate import Evaluation, evaluate
from streams.policy.facts import Facts, used_of
from streams.policy.features import features_of
from streams.policy.labels import effective, effective_artwork, labels_of
from streams.policy.registry import named_territories
from streams.policy.rights import Rights, rights_of
from streams.policy.rules import NEUTRAL
from streams.policy.schema import Value

MAX_TERRITORIES: Final = 300


@dataclass(frozen=True)
class Scoped:
    """What follows in some territories."""

    territories: tuple[str, ...]
    rights: Rights
    values: dict[str, Value]
    said: Evaluation
    overrides: tuple[str, ...]
    lapsed: frozenset[str]
    labels: tuple[Label, ...]
    label: Label


@dataclass(frozen=True)
class Judgement:
    """All that follows: ``default`` holds wherever ``elsewhere`` says nothing else."""

    default: Scoped
    elsewhere: tuple[Scoped, ...]
    facts_digest: str | None
    reconsider_at: datetime | None
    terms: tuple[Term, ...]

    @property
    def everywhere(self) -> tuple[Scoped, ...]:
        """All territories."""
        return (self.default, *self.elsewhere)

    @property
    def rights(self) -> tuple[RightsUsed, ...]:
        """The registry entries that any part of it rests on, each once."""
        found = {(one.purpose, one.entry_id, one.status): one
                 for scoped in self.everywhere for one in scoped.rights.used}  # fmt: skip
        return tuple(found[key] for key in sorted(found))

    @property
    def overrides(self) -> tuple[str, ...]:
        """The overrides that apply anywhere."""
        return tuple(sorted({name for one in self.everywhere for name in one.overrides}))


def judge(event: TrackClassified, facts: Facts, bundle: Bundle) -> Judgement:
    """Return labels and consequences of a track under a policy, given the facts."""
    entries = _entries(event, facts, bundle)
    grouped: dict[Any, list[Scoped]] = {}
    for territory in _territories(event, entries, bundle):
        scoped = _in(territory, event, facts, entries, bundle)
        grouped.setdefault(_outcome(scoped), []).append(scoped)
    groups = [_joined(same) for same in grouped.values()]
    # The default is what holds worldwide, else in most territories; of equals the stricter.
    groups.sort(key=lambda one: (WORLDWIDE not in one.territories, -len(one.territories),
                                 [-place for place in _places(one.said.actions)]))  # fmt: skip
    default, elsewhere = groups[0], tuple(groups[1:])
    starts_at = _starts_at(event, facts, entries, bundle)
    terms = tuple(term for one in groups for term in _terms(one, starts_at))
    edges = [
        *facts.edges,
        *(one.ends_at for one in bundle.overrides),
        *(term.ends_at for term in terms if term.ends_at is not None),
    ]
    return Judgement(
        default=default,
        elsewhere=elsewhere,
        facts_digest=_digest(facts, groups),
        reconsider_at=min((edge for edge in edges if edge > facts.at), default=None),
        terms=terms,
    )


def _entries(event: TrackClassified, facts: Facts, bundle: Bundle) -> tuple[RightsChanged, ...]:
    """Return the entries of the registry, and the bundle's agreements that are not there."""
    if not bundle.agreements or not event.upload.declared.tools:
        return facts.entries
    known = {one.entry.agreement_id.casefold() for one in facts.entries if one.entry}
    own = [one for one in bundle.own_entries if one.entry_id.casefold() not in known]
    claimed = {(tool.agreement_id or "").casefold() for tool in event.upload.declared.tools}
    mine = [one for one in own if one.entry_id.casefold() in claimed]
    return (*facts.entries, *mine)


def _territories(
    event: TrackClassified, entries: Sequence[RightsChanged], bundle: Bundle
) -> Sequence[str]:
    delivered = event.upload.territories or (WORLDWIDE,)
    if WORLDWIDE not in delivered:
        return tuple(dict.fromkeys(delivered))[:MAX_TERRITORIES]
    named = named_territories(entries)
    named |= {name for one in bundle.overrides for name in one.scope.territories}
    return (WORLDWIDE, *sorted(named - {WORLDWIDE}))[:MAX_TERRITORIES]


def _in(
    territory: str,
    event: TrackClassified,
    facts: Facts,
    entries: Sequence[RightsChanged],
    bundle: Bundle,
) -> Scoped:
    rights = rights_of(event, entries, territory, facts.at)
    rights = _as_found(rights, facts.findings)
    claimed = [tool.agreement_id for tool in event.upload.declared.tools if tool.agreement_id]
    overrides = tuple(
        sorted(
            one.id
            for one in bundle.overrides
            if one.holds(territory, event.upload.distributor, claimed, facts.at)
        )
    )
    labels = labels_of(event, facts, rights)
    label, artwork = effective(labels), effective_artwork(labels)
    values = features_of(event, facts, rights, labels, label, artwork)
    key = event.track_id
    said = evaluate(values, bundle, key=key, overrides=overrides, off=facts.off)
    lapsed = _lapsed(said, _starts_at(event, facts, entries, bundle), facts.at)
    if lapsed:
        said = evaluate(values, bundle, key=key, overrides=overrides, off=facts.off, lapsed=lapsed)
    return Scoped((territory,), rights, values, said, overrides, lapsed, labels, label)


def _as_found(rights: Rights, findings: Iterable[str]) -> Rights:
    """A person who has seen the contract knows more than the registry."""
    if "licensed" in findings and not rights.licensed:
        return Rights(**{**_plain(rights), "licensed": True, "agreement": "in_force"})
    if "unlicensed" in findings and rights.licensed:
        return Rights(
            **{**_plain(rights), "licensed": False, "agreement": "disputed", "agreement_id": None,
               "covering": ()}
        )  # fmt: skip
    return rights


def _plain(rights: Rights) -> dict[str, Any]:
    return {name: getattr(rights, name) for name in Rights.__dataclass_fields__}


def _starts_at(
    event: TrackClassified, facts: Facts, entries: Sequence[RightsChanged], bundle: Bundle
) -> datetime:
    """Return when the newest of the facts came to be: the same whenever it is asked.

    What ended or began by its date did so then, and not when it was written down.
    """
    moments = [event.uploaded_at]
    dated = (*facts.edges, *(one.ends_at for one in bundle.overrides))
    moments += [edge for edge in dated if event.uploaded_at < edge <= facts.at]
    if facts.verdict is not None:
        moments.append(facts.verdict.decided_at)
    if facts.appeal is not None:
        moments.append(facts.appeal.changed_at)
    moments += [one.changed_at for one in entries if one.changed_at <= facts.at]
    return max(moments)


def _lapsed(said: Evaluation, starts_at: datetime, at: datetime) -> frozenset[str]:
    return frozenset(
        one.rule.id
        for one in said.consequences
        if one.rule.span is not None and starts_at + one.rule.span <= at
    )


def _outcome(scoped: Scoped) -> Any:
    """What must be the same for territories to be told together."""
    said = scoped.said
    return (
        said.actions,
        said.would_be,
        tuple((hit.rule_id, hit.mode, hit.pending) for hit in (*said.hits, *said.shadow_hits)),
        said.review,
        scoped.overrides,
        scoped.lapsed,
        scoped.rights.licensed,
        scoped.rights.agreement_id,
    )


def _joined(same: Sequence[Scoped]) -> Scoped:
    first = same[0]
    if len(same) == 1:
        return first
    names = tuple(name for one in same for name in one.territories)
    names = (WORLDWIDE,) if WORLDWIDE in names else tuple(sorted(names))
    used = {(one.purpose, one.entry_id): one for scoped in same for one in scoped.rights.used}
    rights = Rights(**{**_plain(first.rights), "used": tuple(used[key] for key in sorted(used))})
    return Scoped(
        names, rights, first.values, first.said, first.overrides, first.lapsed, first.labels,
        first.label,
    )  # fmt: skip


def _places(actions: Actions) -> list[int]:
    return [order.index(getattr(actions, name)) for name, order in STRICTNESS.items()]


def _terms(scoped: Scoped, starts_at: datetime) -> Iterable[Term]:
    for dimension, value in scoped.said.actions:
        rule = scoped.said.behind(dimension)
        if value == getattr(NEUTRAL, dimension) or rule is None:
            continue
        yield Term(
            dimension=dimension,
            value=value,
            territories=scoped.territories,
            starts_at=starts_at,
            ends_at=None if rule.span is None else starts_at + rule.span,
            automation=scoped.said.automation,
            rule_id=rule.id,
            reason_code=rule.reason_code,
        )


def _digest(facts: Facts, groups: Sequence[Scoped]) -> str | None:
    more = [
        [
            list(one.territories),
            used_of(one.rights.used),
            [list(one.overrides), sorted(one.lapsed), sorted(one.said.closed)],
        ]
        for one in sorted(groups, key=lambda one: one.territories)
        if one.rights.used or one.overrides or one.lapsed or one.said.closed
    ]
    return facts.digest(more)
