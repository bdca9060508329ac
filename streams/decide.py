"""tracks.classified -> labels, a decision, and where a person must look, a review task.

``decide`` is the whole of it and is pure: the same analysis under the same policy gives
the same records with the same ids, today and in a replay.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from streams import metrics, topics
from streams.health import Health
from streams.policy.bundle import Bundle, load
from streams.policy.evaluate import evaluate, restricted
from streams.policy.features import features_of
from streams.policy.labels import effective, labels_of
from streams.processor import Handler, Output, Processor
from streams.records import (
    ReviewRequested,
    TrackClassified,
    TrackDecided,
    TrackLabelled,
    stable_id,
)
from streams.settings import Settings

NAME = "decide"


def decide(
    event: TrackClassified, bundle: Bundle
) -> tuple[TrackLabelled, TrackDecided, ReviewRequested | None]:
    """Return the labels of a track, what follows from them, and the task for a person."""
    analysis, policy = event.analysis, bundle.ref
    labels = labels_of(event, bundle.agreements, policy.digest)
    label = effective(labels)
    said = evaluate(features_of(event, label), bundle)
    decision_id = stable_id(
        "dec", event.upload_id, event.content_sha256, analysis.analysis_id, policy.digest
    )
    task_id = stable_id("tsk", decision_id) if said.review else None
    labelled = TrackLabelled(
        upload_id=event.upload_id,
        track_id=event.track_id,
        content_sha256=event.content_sha256,
        analysis_id=analysis.analysis_id,
        model=analysis.model,
        policy=policy,
        labels=labels,
        effective=label,
    )
    decided = TrackDecided(
        decision_id=decision_id,
        upload_id=event.upload_id,
        track_id=event.track_id,
        content_sha256=event.content_sha256,
        uploaded_at=event.uploaded_at,
        analysis=analysis,
        label=label,
        actions=said.actions,
        rules=said.hits,
        reasons_public=said.reasons_public,
        review_task_id=task_id,
        automation=said.automation,
        model=analysis.model,
        policy=policy,
    )
    if said.review is None or task_id is None:
        return labelled, decided, None
    requested = ReviewRequested(
        task_id=task_id,
        decision_id=decision_id,
        upload_id=event.upload_id,
        track_id=event.track_id,
        queue=said.review.queue,
        priority=said.review.priority,
        reason_codes=said.review.reason_codes,
        requested_for=event.uploaded_at,
        model=analysis.model,
        policy=policy,
    )
    return labelled, decided, requested


@asynccontextmanager
async def _open(settings: Settings, health: Health) -> AsyncIterator[Handler[TrackClassified]]:
    bundle = await asyncio.to_thread(load, settings.policy)
    metrics.POLICY_INFO.labels(bundle.name, bundle.digest).set(1)

    async def handle(event: TrackClassified) -> Sequence[Output]:
        labelled, decided, requested = decide(event, bundle)
        outputs = [Output(topics.LABELLED, labelled), Output(topics.DECIDED, decided)]
        if requested is not None:
            outputs.append(Output(topics.REVIEWS_REQUESTED, requested))
        _count(decided, requested)
        return outputs

    yield handle


def _count(decided: TrackDecided, requested: ReviewRequested | None) -> None:
    metrics.DECISIONS.labels(
        decided.label.extent.value, str(restricted(decided.actions)).lower()
    ).inc()
    if requested is not None:
        metrics.REVIEWS.labels(requested.queue).inc()
    waited = datetime.now(UTC) - decided.uploaded_at
    metrics.UPLOAD_TO_DECISION.observe(max(0.0, waited.total_seconds()))


DECIDE = Processor(name=NAME, source=topics.CLASSIFIED, record_type=TrackClassified, open=_open)
