"""What the metrics count of a decision."""

from datetime import UTC, datetime

from streams.contract.vocabulary import STRICTNESS
from streams.policy.decide import DecisionRecords
from streams.policy.evaluate import restricted
from streams.runtime import metrics


def count_decision(records: DecisionRecords) -> None:
    """Count a decision, what it does, and why."""
    decided = records.decided
    is_restricted = str(restricted(decided.actions)).lower()
    metrics.DECISIONS.labels(decided.label.extent.value, is_restricted).inc()
    for dimension, order in STRICTNESS.items():
        action = getattr(decided.actions, dimension)
        if action != order[0]:
            metrics.ACTIONS.labels(dimension, action).inc()
    shadow_rules = records.shadowed.rules if records.shadowed is not None else ()
    for hit in (*records.hits, *shadow_rules):
        metrics.RULE_HITS.labels(hit.rule_id, hit.mode).inc()
    if records.requested is not None:
        metrics.REVIEWS.labels(records.requested.queue).inc()
    for used in decided.rights:
        metrics.RESTING.labels(used.purpose, used.status).inc()
    for usage in records.usages:
        metrics.USAGES.labels(usage.basis, str(usage.ended).lower()).inc()
    if records.credits is not None:
        metrics.CREDITS.inc()
    if records.statement is not None:
        metrics.STATEMENTS.inc()
    if decided.cause is None:
        waited = datetime.now(UTC) - decided.uploaded_at
        metrics.UPLOAD_TO_DECISION.observe(max(0.0, waited.total_seconds()))
