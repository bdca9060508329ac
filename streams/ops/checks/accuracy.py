"""Gauges of false positives and recall, from verdicts, marks and old releases."""

from typing import Final

from streams.runtime import metrics
from streams.runtime.settings import Settings
from streams.services import accuracy
from streams.services.released_models import reference_of
from streams.store.database import Ledger

GAUGES: Final = (
    metrics.FALSE_POSITIVES,
    metrics.FALSE_POSITIVE_CASES,
    metrics.ACCEPTED_RATE,
    metrics.RECALL,
    metrics.RECALL_CASES,
)


def measure(ledger: Ledger, settings: Settings) -> None:
    """Set the gauges, of the model in service; one with too few cases has its cases alone."""
    model = reference_of(settings.model)
    measured = accuracy.measure(ledger, model.digest, settings.rates)
    for gauge in GAUGES:
        gauge.clear()
    metrics.ACCEPTED_RATE.labels("suspected").set(settings.rates.suspected)
    metrics.ACCEPTED_RATE.labels("identified").set(settings.rates.identified)
    for estimate in measured.false_positives:
        labels = (model.name, estimate.by, estimate.of, estimate.tier, estimate.evidence)
        metrics.FALSE_POSITIVE_CASES.labels(*labels).set(estimate.cases)
        for bound, value in estimate.bounds:
            metrics.FALSE_POSITIVES.labels(*labels, bound).set(value)
    for estimate in measured.recall:
        of = (model.name, estimate.by, estimate.of, estimate.evidence)
        metrics.RECALL_CASES.labels(*of).set(estimate.cases)
        for bound, value in estimate.bounds:
            metrics.RECALL.labels(*of, bound).set(value)
