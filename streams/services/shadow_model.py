"""A candidate model beside the released one: it sees the same observations, decides nothing.

Its answers ride along on tracks.classified and move metrics: how often the two agree, how
often a track would flip, how far apart their probabilities are. Where it fails, the
released model's answer stands and the failure is counted and logged.
"""

from collections.abc import Sequence
from pathlib import Path

import structlog

from detector.assessment.model import Model
from detector.observation.observation import Observation
from detector.types import Assessment
from streams.contract.records import ModelRef, Outcome, ShadowAnalysis
from streams.runtime import metrics

log = structlog.get_logger()


class ShadowModel:
    """The candidate, bound to the released model's name for its metrics."""

    def __init__(self, candidate: Model, released: str) -> None:
        self._model, self._released = candidate, released
        self._reference = ModelRef(
            name=candidate.name, version=candidate.version, digest=candidate.digest
        )

    @classmethod
    def load(cls, folder: Path, device: str, released: Model, alpha: float) -> "ShadowModel":
        """Load a candidate.

        Raises:
            ModelError: it is no model folder, or its calibration does not support ``alpha``.
        """
        candidate = Model.load(folder, device)
        candidate.check_alpha(alpha)
        return cls(candidate, released.name)

    @property
    def digest(self) -> str:
        """The candidate's."""
        return self._reference.digest

    def assess(
        self, observations: Sequence[Observation], decided: Sequence[Assessment], alpha: float
    ) -> list[ShadowAnalysis | None]:
        """Answer beside each decided answer; None where the candidate fails."""
        try:
            answers = self._model.assess(observations, alpha)
        except Exception:
            if len(observations) > 1:  # one by one: an offender costs only its own answer
                pairs = zip(observations, decided, strict=True)
                return [self.assess([single], [beside], alpha)[0] for single, beside in pairs]
            log.exception("shadow_failed", shadow=self._model.name)
            self._count("failed", len(observations))
            return [None] * len(observations)
        for answer, beside in zip(decided, answers, strict=True):
            self._count(compare(answer, beside))
            if answer.probability is not None and beside.probability is not None:
                metrics.SHADOW_DISTANCE.labels(self._released, self._model.name).observe(
                    abs(answer.probability - beside.probability)
                )
        return [
            ShadowAnalysis(
                model=self._reference,
                outcome=Outcome(one.outcome),
                reason=one.reason,
                score=one.score,
                probability=one.probability,
                p_value=one.p_value,
                extent=one.extent,
                generator=one.generator,
            )
            for one in answers
        ]

    def _count(self, result: str, times: int = 1) -> None:
        metrics.SHADOW.labels(self._released, self._model.name, result).inc(times)


def compare(decided: Assessment, beside: Assessment) -> str:
    """Return agrees | flips_to_ai | flips_from_ai | differs."""
    if decided.outcome == beside.outcome:
        return "agrees"
    if beside.outcome == Outcome.AI_LIKELY:
        return "flips_to_ai"
    if decided.outcome == Outcome.AI_LIKELY:
        return "flips_from_ai"
    return "differs"
