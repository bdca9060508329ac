"""tracks.classified -> labels, a decision, and where a person must look, a review task.

What people and registries have said about the track comes from the ledger, the policy from a
file or from where it was published; then everything is pure (``streams.policy.decide``): the same
analysis, the same facts, the same policy give the same records with the same ids, today and
in a replay. Should a fact arrive while a track is being decided, ``redecide`` notices
and decides it again.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from streams.contract import processes, topics
from streams.contract.output import Output
from streams.contract.records import (
    TrackClassified,
)
from streams.contract.vocabulary import STRICTNESS
from streams.policy.bundle import Bundle
from streams.policy.decide import DecisionRecords, decide
from streams.policy.evaluate import restricted
from streams.runtime import metrics
from streams.runtime.health import Health
from streams.runtime.kafka.handler import Handler, each
from streams.runtime.kafka.processor import Processor, run
from streams.runtime.settings import Settings
from streams.services.policies.breaker import Breaker
from streams.store.database import Ledger
from streams.store.policy_releases import Policies
from streams.store.track_facts import Standing

NAME = processes.DECIDE.name


@asynccontextmanager
async def _open(settings: Settings, health: Health) -> AsyncIterator[Handler]:
    ledger = await asyncio.to_thread(Ledger.open, settings.ledger)
    try:
        policies = await asyncio.to_thread(Policies, settings.policy, ledger)
        standing, breaker = Standing(ledger), Breaker()

        def decided(event: TrackClassified) -> tuple[DecisionRecords, Bundle]:
            bundle = policies.current()
            facts = standing.facts(event, datetime.now(UTC), bundle.name)
            return decide(event, bundle, facts), bundle

        async def handle(event: TrackClassified) -> Sequence[Output]:
            said, bundle = await asyncio.to_thread(decided, event)
            tripped = breaker.saw(said, bundle, datetime.now(UTC))
            count(said)
            declared = event.upload.declared.contains_ai or "Unknown"
            metrics.DECLARED.labels(declared, event.analysis.outcome.value).inc()
            return [*said.outputs(), *(Output(topics.POLICIES_CHANGED, one) for one in tripped)]

        yield each(NAME, TrackClassified, handle)
    finally:
        ledger.close()


def count(said: DecisionRecords) -> None:
    """Move the metrics."""
    decided = said.decided
    metrics.DECISIONS.labels(
        decided.label.extent.value, str(restricted(decided.actions)).lower()
    ).inc()
    for dimension, order in STRICTNESS.items():
        action = getattr(decided.actions, dimension)
        if action != order[0]:
            metrics.ACTIONS.labels(dimension, action).inc()
    for hit in decided.rules:
        metrics.RULE_HITS.labels(hit.rule_id, hit.mode).inc()
    if said.shadowed is not None:
        for hit in said.shadowed.rules:
            metrics.RULE_HITS.labels(hit.rule_id, hit.mode).inc()
    if said.requested is not None:
        metrics.REVIEWS.labels(said.requested.queue).inc()
    for used in decided.rights:
        metrics.RESTING.labels(used.purpose, used.status).inc()
    for usage in said.usages:
        metrics.USAGES.labels(usage.basis, str(usage.ended).lower()).inc()
    if said.credits is not None:
        metrics.CREDITS.inc()
    if said.statement is not None:
        metrics.STATEMENTS.inc()
    if decided.cause is None:
        waited = datetime.now(UTC) - decided.uploaded_at
        metrics.UPLOAD_TO_DECISION.observe(max(0.0, waited.total_seconds()))


DECIDE = Processor(NAME, processes.DECIDE.reads[0], _open)
run_decide = partial(run, DECIDE)
