"""All that one decision says: labels, consequences, a task, a statement, usage, credits.

Pure: the same analysis, facts, policy and superseded decision give the same records with the
same ids. The id of a decision is made of what it rests on: upload, content, analysis, policy,
where people or registries have spoken the digest of that, and of the known recordings that it
is; a decision that supersedes another also has that one in its id, so that A, then B, then A
again are three decisions.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streams.contract import topics
from streams.contract.output import Output
from streams.contract.records import (
    Cause,
    Dimension,
    Label,
    ReviewRequested,
    TerritorialActions,
    TrackClassified,
    TrackDecided,
    TrackLabelled,
    stable_id,
)
from streams.contract.records.credits import CreditsDerived, UsageAttributed
from streams.contract.records.policy import PolicyShadowed, StatementWritten
from streams.contract.vocabulary import STRICTNESS
from streams.policy import credits, reasons
from streams.policy.bundle import Bundle
from streams.policy.facts import Facts
from streams.policy.judge import Judgement, Scoped, judge
from streams.policy.known_recordings import matches_digest
from streams.policy.labels import effective, effective_artwork, labels_of
from streams.policy.mappings import mappings_of


@dataclass(frozen=True)
class Decided:
    """The records of one decision, in the order in which they are told."""

    labelled: TrackLabelled
    decided: TrackDecided
    requested: ReviewRequested | None = None
    shadowed: PolicyShadowed | None = None
    statement: StatementWritten | None = None
    usages: tuple[UsageAttributed, ...] = ()
    credits: CreditsDerived | None = None

    def outputs(self) -> list[Output]:
        """Return the records with their topics."""
        told: list[tuple[str, Any]] = [
            (topics.LABELLED, self.labelled),
            (topics.DECIDED, self.decided),
            (topics.REVIEWS_REQUESTED, self.requested),
            (topics.POLICIES_SHADOWED, self.shadowed),
            (topics.STATEMENTS_WRITTEN, self.statement),
            *((topics.USAGE_ATTRIBUTED, usage) for usage in self.usages),
            (topics.CREDITS_DERIVED, self.credits),
        ]
        return [Output(topic, record) for topic, record in told if record is not None]


def decide_all(
    event: TrackClassified,
    bundle: Bundle,
    facts: Facts | None = None,
    *,
    previous: TrackDecided | None = None,
    cause: Cause | None = None,
) -> Decided:
    """Decide about a track.

    Args:
        event: the analysis with its upload.
        bundle: the policy.
        facts: what people and registries say; None: nothing, as of the upload.
        previous: the decision that this one supersedes.
        cause: why it is decided again.
    """
    facts = Facts(at=event.uploaded_at) if facts is None else facts
    judged = judge(event, facts, bundle)
    default = judged.default
    context = (
        bundle.digest,
        *((judged.facts_digest,) if judged.facts_digest else ()),
        *((known,) if (known := matches_digest(event)) else ()),
        *((previous.decision_id,) if previous else ()),
    )
    decision_id = stable_id(
        "dec", event.upload_id, event.content_sha256, event.analysis.analysis_id, *context
    )
    labels = labels_of(event, facts, default.rights, context)
    decided = _decided(event, bundle, facts, judged, labels, decision_id, previous, cause)
    statement = _statement(event, judged, bundle, decided, previous, facts.at)
    if statement is not None:
        decided = decided.model_copy(update={"statement_id": statement.statement_id})
    elif previous is not None and reasons.due(judged):
        decided = decided.model_copy(update={"statement_id": previous.statement_id})
    starts_at = min((one.starts_at for one in judged.terms), default=facts.at)
    return Decided(
        labelled=_labelled(event, bundle, default, labels, decided),
        decided=decided,
        requested=_requested(event, bundle, judged, decided),
        shadowed=_shadowed(event, bundle, judged, decision_id),
        statement=statement,
        usages=tuple(
            credits.usage_of(
                event, judged, decision_id, starts_at, () if previous is None else previous.rights
            )
        ),
        credits=credits.credits_of(event, judged, decision_id),
    )


def _labelled(
    event: TrackClassified,
    bundle: Bundle,
    default: Scoped,
    labels: tuple[Label, ...],
    decided: TrackDecided,
) -> TrackLabelled:
    artwork = effective_artwork(labels)
    return TrackLabelled(
        upload_id=event.upload_id,
        track_id=event.track_id,
        content_sha256=event.content_sha256,
        analysis_id=event.analysis.analysis_id,
        model=event.analysis.model,
        policy=bundle.ref,
        labels=labels,
        effective=decided.label,
        artwork=artwork,
        mappings=mappings_of(decided.label, artwork, voice=bool(default.values["declared.voice"])),
    )


def _decided(
    event: TrackClassified,
    bundle: Bundle,
    facts: Facts,
    judged: Judgement,
    labels: tuple[Label, ...],
    decision_id: str,
    previous: TrackDecided | None,
    cause: Cause | None,
) -> TrackDecided:
    default, said = judged.default, judged.default.said
    asked = _asked(judged)
    return TrackDecided(
        decision_id=decision_id,
        upload_id=event.upload_id,
        track_id=event.track_id,
        content_sha256=event.content_sha256,
        uploaded_at=event.uploaded_at,
        analysis=event.analysis,
        label=effective(labels),
        actions=said.actions,
        rules=said.hits,
        reasons_public=said.reasons_public,
        review_task_id=stable_id("tsk", decision_id) if asked else None,
        automation=said.automation,
        model=event.analysis.model,
        policy=bundle.ref,
        territorial=tuple(
            TerritorialActions(
                territories=one.territories,
                actions=one.said.actions,
                licensed=one.label.licensed,
            )
            for one in judged.elsewhere
            if one.said.actions != said.actions or one.label.licensed != default.label.licensed
        ),
        terms=judged.terms,
        reasons_internal=said.reasons_internal,
        rights=judged.rights,
        verdict_id=facts.verdict and facts.verdict.verdict_id,
        appeal_id=facts.appeal and facts.appeal.appeal_id,
        overrides=judged.overrides,
        missing_signals=said.missing_signals,
        cause=cause,
        previous_decision_id=previous and previous.decision_id,
        changed_dimensions=() if previous is None else _changed(previous, judged),
        facts_digest=judged.facts_digest,
        features={
            "values": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in default.values.items()
                if value is not None
            },
            "off": sorted(facts.off),
            "lapsed": sorted(default.lapsed),
            "overrides": list(default.overrides),
        },
        reconsider_at=judged.reconsider_at,
        matches=event.matches,
    )


def _changed(previous: TrackDecided, judged: Judgement) -> tuple[Dimension, ...]:
    """Return the dimensions in which anything changes anywhere."""
    before = {(t.dimension, t.value, t.territories) for t in previous.terms}
    after = {(t.dimension, t.value, t.territories) for t in judged.terms}
    changed = {dimension for dimension, _, _ in before ^ after}
    for dimension in STRICTNESS:
        if getattr(previous.actions, dimension) != getattr(judged.default.said.actions, dimension):
            changed.add(dimension)
    return tuple(dimension for dimension in STRICTNESS if dimension in changed)


def _asked(judged: Judgement) -> Scoped | None:
    """Return the territories whose review is the most urgent."""
    asking = [one for one in judged.everywhere if one.said.review is not None]
    return max(
        asking, key=lambda one: one.said.review.priority if one.said.review else 0, default=None
    )


def _requested(
    event: TrackClassified, bundle: Bundle, judged: Judgement, decided: TrackDecided
) -> ReviewRequested | None:
    asked = _asked(judged)
    if asked is None or asked.said.review is None or decided.review_task_id is None:
        return None
    need = asked.said.review
    return ReviewRequested(
        task_id=decided.review_task_id,
        decision_id=decided.decision_id,
        upload_id=event.upload_id,
        track_id=event.track_id,
        queue=need.queue,
        priority=need.priority,
        reason_codes=need.reason_codes,
        requested_for=event.uploaded_at,
        sample=need.sample,
        model=event.analysis.model,
        policy=bundle.ref,
    )


def _shadowed(
    event: TrackClassified, bundle: Bundle, judged: Judgement, decision_id: str
) -> PolicyShadowed | None:
    said = judged.default.said
    if not said.shadow_hits:
        return None
    return PolicyShadowed(
        shadow_id=stable_id("shd", decision_id),
        decision_id=decision_id,
        upload_id=event.upload_id,
        track_id=event.track_id,
        policy=bundle.ref,
        rules=said.shadow_hits,
        actions=said.actions,
        would_be=said.would_be,
        changed_dimensions=tuple(
            dimension
            for dimension in STRICTNESS
            if getattr(said.actions, dimension) != getattr(said.would_be, dimension)
        ),
        would_review=said.would_review,
        distributor=event.upload.distributor,
    )


def _statement(
    event: TrackClassified,
    judged: Judgement,
    bundle: Bundle,
    decided: TrackDecided,
    previous: TrackDecided | None,
    told_at: datetime,
) -> StatementWritten | None:
    """Return a statement where one is owed and the one before does not say it already."""
    if not reasons.due(judged):
        return None
    if previous is not None and previous.statement_id is not None:
        same_rules = [hit.rule_id for hit in previous.rules] == [h.rule_id for h in decided.rules]
        if same_rules and not decided.changed_dimensions:
            return None
    replaces = previous.statement_id if previous else None
    return reasons.statement_of(
        event, judged, bundle, decided.decision_id, replaces, told_at=told_at
    )
