"""The records of one decision: labels, consequences, a task, a statement, usage, credits.

A decision's id is a hash of what it rests on: upload, content, analysis, policy, the facts of
people and registries, known recordings. The superseded decision is part of it too, so that A,
then B, then A again are three decisions.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import orjson

from streams.contract import topics
from streams.contract.output import Output
from streams.contract.records import (
    Cause,
    Dimension,
    Label,
    ReviewRequested,
    RuleHit,
    TerritorialActions,
    TrackClassified,
    TrackDecided,
    TrackLabelled,
    stable_id,
)
from streams.contract.records.policy import PolicyShadowed, StatementWritten
from streams.contract.records.rights import WORLDWIDE, CreditsDerived, UsageAttributed
from streams.contract.vocabulary import STRICTNESS
from streams.policy import credits, reasons
from streams.policy.bundle import Bundle
from streams.policy.evaluate import ReviewNeed
from streams.policy.facts import Facts
from streams.policy.labels import effective, effective_artwork, labels_of
from streams.policy.mappings import mappings_of
from streams.policy.territories import (
    ScopedEvaluation,
    TerritorialEvaluation,
    evaluate_territories,
)

_TOPICS: Final = {topic.record: topic.name for topic in topics.TOPICS}


@dataclass(frozen=True)
class DecisionRecords:
    """The records of one decision, in the order in which they are published.

    ``elsewhere`` are the hits of rules that hold outside of the default territories alone.
    """

    labelled: TrackLabelled
    decided: TrackDecided
    requested: ReviewRequested | None = None
    shadowed: PolicyShadowed | None = None
    statement: StatementWritten | None = None
    usages: tuple[UsageAttributed, ...] = ()
    credits: CreditsDerived | None = None
    elsewhere: tuple[RuleHit, ...] = ()

    @property
    def hits(self) -> tuple[RuleHit, ...]:
        """The rules that act in any territory."""
        return (*self.decided.rules, *(hit for hit in self.elsewhere if hit.mode != "shadow"))

    def outputs(self) -> list[Output]:
        """Return the records with their topics."""
        before = (self.labelled, self.decided, self.requested, self.shadowed, self.statement)
        records = (*before, *self.usages, self.credits)
        return [Output(_TOPICS[type(one)], one) for one in records if one is not None]


def decide(
    event: TrackClassified,
    bundle: Bundle,
    facts: Facts | None = None,
    *,
    previous: TrackDecided | None = None,
    cause: Cause | None = None,
) -> DecisionRecords:
    """Decide about an analysed track, as of its upload where no facts are given.

    ``previous`` is the decision that this one supersedes, ``cause`` why it is decided again.
    """
    facts = Facts(at=event.uploaded_at) if facts is None else facts
    evaluation = evaluate_territories(event, facts, bundle)
    rests_on = (evaluation.facts_digest, _matches_digest(event), previous and previous.decision_id)
    context = (bundle.digest, *(one for one in rests_on if one))
    decision_id = stable_id(
        "dec", event.upload_id, event.content_sha256, event.analysis.analysis_id, *context
    )
    basis = _Basis(event, bundle, facts, evaluation, previous, decision_id)
    labels = labels_of(event, evaluation.assertions, evaluation.default.rights, context)
    statement = basis.statement()
    kept = previous.statement_id if previous and reasons.restricting(evaluation) else None
    statement_id = statement.statement_id if statement else kept
    decided = basis.decided(effective(labels), cause, statement_id)
    starts_at = min((one.starts_at for one in evaluation.terms), default=facts.at)
    before = previous.rights if previous else ()
    return DecisionRecords(
        labelled=basis.labelled(labels, decided),
        decided=decided,
        requested=basis.requested(),
        shadowed=basis.shadowed(),
        statement=statement,
        usages=tuple(credits.usage_of(event, evaluation, decision_id, starts_at, before)),
        credits=credits.credits_of(event, evaluation, decided.label, decision_id),
        elsewhere=tuple(basis.elsewhere),
    )


@dataclass(frozen=True)
class _Basis:
    """What one decision rests on; each method writes one of its records."""

    event: TrackClassified
    bundle: Bundle
    facts: Facts
    evaluation: TerritorialEvaluation
    previous: TrackDecided | None
    decision_id: str

    def labelled(self, labels: tuple[Label, ...], decided: TrackDecided) -> TrackLabelled:
        event, artwork = self.event, effective_artwork(labels)
        voice = bool(self.evaluation.default.values["declared.voice"])
        return TrackLabelled(
            upload_id=event.upload_id,
            track_id=event.track_id,
            content_sha256=event.content_sha256,
            analysis_id=event.analysis.analysis_id,
            model=event.analysis.model,
            policy=self.bundle.ref,
            labels=labels,
            effective=decided.label,
            artwork=artwork,
            mappings=mappings_of(decided.label, artwork, voice=voice),
        )

    def decided(self, label: Label, cause: Cause | None, statement_id: str | None) -> TrackDecided:
        event, facts, evaluation = self.event, self.facts, self.evaluation
        default, result, previous = evaluation.default, evaluation.default.result, self.previous
        return TrackDecided(
            decision_id=self.decision_id,
            upload_id=event.upload_id,
            track_id=event.track_id,
            content_sha256=event.content_sha256,
            uploaded_at=event.uploaded_at,
            analysis=event.analysis,
            label=label,
            actions=result.actions,
            rules=result.hits,
            reasons_public=result.reasons_public,
            review_task_id=stable_id("tsk", self.decision_id) if self.review() else None,
            automation=result.automation,
            model=event.analysis.model,
            policy=self.bundle.ref,
            territorial=tuple(
                TerritorialActions(
                    territories=one.territories,
                    actions=one.result.actions,
                    licensed=bool(one.values["label.licensed"]),
                )
                for one in evaluation.elsewhere
                if one.result.actions != result.actions
                or one.values["label.licensed"] != default.values["label.licensed"]
            ),
            terms=evaluation.terms,
            reasons_internal=result.reasons_internal,
            rights=evaluation.rights,
            verdict_id=facts.verdict and facts.verdict.verdict_id,
            appeal_id=facts.appeal and facts.appeal.appeal_id,
            overrides=evaluation.overrides,
            missing_signals=result.missing_signals,
            cause=cause,
            previous_decision_id=previous and previous.decision_id,
            changed_dimensions=_changed(previous, evaluation) if previous else (),
            statement_id=statement_id,
            facts_digest=evaluation.facts_digest,
            features={
                "values": {
                    name: list(value) if isinstance(value, tuple) else value
                    for name, value in default.values.items()
                    if value is not None
                },
                "off": sorted(facts.off),
                "lapsed": sorted(default.lapsed),
                "overrides": list(default.overrides),
                **self.places(),
            },
            reconsider_at=evaluation.reconsider_at,
            matches=event.matches,
        )

    @cached_property
    def elsewhere(self) -> dict[RuleHit, tuple[str, ...]]:
        """The hits of rules that hold outside of the default territories alone, with where."""
        default, *others = self.evaluation.everywhere
        there = {hit.rule_id for hit in _all_hits(default)}
        hits: dict[RuleHit, tuple[str, ...]] = {}
        for scope in others:
            for hit in _all_hits(scope):
                if hit.rule_id not in there:
                    hits[hit] = (*hits.get(hit, ()), *scope.territories)
        return hits

    def places(self) -> dict[str, Any]:
        """Return what the snapshot adds where rules depend on the territory.

        ``territory`` is the one that was evaluated, if not worldwide. ``elsewhere`` are the rules
        that hold outside of it alone, with the territories.
        """
        territory = self.evaluation.default.territories[0]
        elsewhere = {hit.rule_id: list(names) for hit, names in self.elsewhere.items()}
        return ({} if territory == WORLDWIDE else {"territory": territory}) | (
            {"elsewhere": elsewhere} if elsewhere else {}
        )

    def review(self) -> ReviewNeed | None:
        """Return the most urgent review that any territory needs."""
        needs = (scope.result.review for scope in self.evaluation.everywhere)
        return max(filter(None, needs), key=lambda need: need.priority, default=None)

    def requested(self) -> ReviewRequested | None:
        event, need = self.event, self.review()
        if need is None:
            return None
        return ReviewRequested(
            task_id=stable_id("tsk", self.decision_id),
            decision_id=self.decision_id,
            upload_id=event.upload_id,
            track_id=event.track_id,
            queue=need.queue,
            priority=need.priority,
            reason_codes=need.reason_codes,
            requested_for=event.uploaded_at,
            sample=need.sample,
            model=event.analysis.model,
            policy=self.bundle.ref,
        )

    def shadowed(self) -> PolicyShadowed | None:
        event, result = self.event, self.evaluation.default.result
        results = [one.result for one in self.evaluation.everywhere]
        hits = {hit.rule_id: hit for each in results for hit in each.shadow_hits}
        if not hits:
            return None
        changed = {name for each in results for name in each.actions.differences(each.would_be)}
        return PolicyShadowed(
            shadow_id=stable_id("shd", self.decision_id),
            decision_id=self.decision_id,
            upload_id=event.upload_id,
            track_id=event.track_id,
            policy=self.bundle.ref,
            rules=tuple(hits.values()),
            actions=result.actions,
            would_be=result.would_be,
            changed_dimensions=tuple(name for name in STRICTNESS if name in changed),
            would_review=any(each.would_review for each in results),
            distributor=event.upload.distributor,
        )

    def statement(self) -> StatementWritten | None:
        """Return a statement where one is owed that differs from the one before."""
        previous, evaluation = self.previous, self.evaluation
        if not reasons.restricting(evaluation):
            return None
        replaces = previous.statement_id if previous else None
        if previous and replaces and not _changed(previous, evaluation):
            rules = [hit.rule_id for hit in evaluation.default.result.hits]
            if rules == [hit.rule_id for hit in previous.rules]:
                return None
        basis = (self.event, evaluation, self.bundle, self.decision_id)
        return reasons.statement_of(*basis, replaces, decided_at=self.facts.at)


def _all_hits(scope: ScopedEvaluation) -> tuple[RuleHit, ...]:
    return (*scope.result.hits, *scope.result.shadow_hits)


def _matches_digest(event: TrackClassified) -> str | None:
    """Return what the matches hash to, None without any: other matches, another decision."""
    if not event.matches:
        return None
    content = [
        (one.match_class, one.bank, one.bank_kind, one.item_id, one.generator, one.licence)
        for one in event.matches
    ]
    return hashlib.sha256(orjson.dumps(content)).hexdigest()


def _changed(previous: TrackDecided, evaluation: TerritorialEvaluation) -> tuple[Dimension, ...]:
    """Return the dimensions in which anything changes anywhere."""
    before = {(t.dimension, t.value, t.territories) for t in previous.terms}
    after = {(t.dimension, t.value, t.territories) for t in evaluation.terms}
    changed = {dimension for dimension, _, _ in before ^ after}
    changed |= set(previous.actions.differences(evaluation.default.result.actions))
    return tuple(dimension for dimension in STRICTNESS if dimension in changed)
