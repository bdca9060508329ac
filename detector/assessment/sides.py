"""Recordings whose channels differ: the mix and its sides are assessed.

One side may be AI and the others a person's. Each more look is a chance to be wrong, so each pays
for all (Bonferroni): its p-value is multiplied by their number. Where no human recording of the
calibration is as strong, the fitted tail is multiplied, down to the least p-value that they allow.

Of three and more channels the mix alone can identify, and pays for itself alone: at the price of
five looks and more, nothing is identified by as many human recordings as there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp
from typing import Final

from detector.assessment.model import Model, population
from detector.calibration.strata import evenness
from detector.evidence.branch import NO_TRACE_P
from detector.observation.observation import Observation
from detector.types import Assessment, Rates, side_in_words

MIX: Final = "mix"


def assess(model: Model, observations: Sequence[Observation], rates: Rates) -> list[Assessment]:
    """Answer for each observation as the model does; where it has sides, for all of them."""
    looks = [{MIX: one, **one.sides} for one in observations]
    answers = iter(model.assess([look for group in looks for look in group.values()], rates))
    return [
        _together({name: next(answers) for name in group}, observed, model, rates)
        for group, observed in zip(looks, observations, strict=True)
    ]


def _together(
    answers: dict[str, Assessment], observed: Observation, model: Model, rates: Rates
) -> Assessment:
    mix = answers[MIX]
    assessed = {name: one for name, one in answers.items() if one.p_value is not None}
    if len(assessed) < 2:
        return mix
    humans = model.calibrations[population(observed.sample_rate_hz)].humans
    looks = {MIX: observed, **observed.sides}
    many = "left" not in observed.sides
    if many:
        assessed = {
            name: one if name == MIX else replace(one, identified_p_value=1.0)
            for name, one in assessed.items()
        }
    paid = {
        name: _paid(
            one,
            len(assessed),
            humans.like(evenness(looks[name])).least_p_value,
            rates,
            identifying=1 if many else len(assessed),
        )
        for name, one in assessed.items()
    }
    answer = _joined(mix, assessed, paid, observed)
    if many and MIX in paid and paid[MIX].outcome == "identified":
        sure = paid[MIX].identified_p_value
        return replace(answer, outcome="identified", identified_p_value=sure)
    return answer


def _joined(
    mix: Assessment,
    assessed: Mapping[str, Assessment],
    paid: Mapping[str, Assessment],
    observed: Observation,
) -> Assessment:
    """Return the answer of all looks; ``paid`` are those of ``assessed`` at their price."""
    strongest, best = min(paid.items(), key=lambda item: item[1].p_value or 0.0)
    if not best.finds_ai:
        mix = paid.get(MIX, mix)
        clear = (best.p_value or 0.0) >= NO_TRACE_P
        outcome = "uncertain" if mix.outcome == "no_trace" and not clear else mix.outcome
        return replace(mix, outcome=outcome, p_value=best.p_value)
    channels = [name for name in observed.sides if name != "difference"]
    traced = [name for name in channels if name in paid and paid[name].finds_ai]
    if 0 < len(traced) < len(channels):
        others = [assessed[name] for name in channels if name in paid and name not in traced]
        clear = bool(others) and all((one.p_value or 0.0) >= NO_TRACE_P for one in others)
        if clear or not paid.get(MIX, mix).finds_ai:  # else some channels are merely weaker
            best_traced = min(traced, key=lambda name: paid[name].p_value or 0.0)
            return _of_side(best_traced, replace(paid[best_traced], extent="Partly"))
    return best if strongest == MIX else _of_side(strongest, best)


def _paid(
    answer: Assessment, looks: int, least: float, rates: Rates, *, identifying: int
) -> Assessment:
    """Return one of so many answers at the price of all; it may find AI no more.

    ``identifying`` are those that may identify.
    """
    p_value, score = answer.p_value or 0.0, answer.score or 0.0
    alone = p_value <= least + 1e-5
    p_value = max(p_value, looks * exp(-score)) if alone else min(1.0, looks * p_value)
    identified = answer.identified_p_value
    if identified is not None:
        identified = min(1.0, identifying * identified)
    outcome = answer.outcome
    if answer.finds_ai:
        sure = identified is not None and identified <= rates.identified
        weak = "suspected" if p_value <= rates.suspected else "uncertain"
        outcome = "identified" if sure else weak
    paid = replace(
        answer, outcome=outcome, p_value=round(p_value, 5), identified_p_value=identified
    )
    if answer.finds_ai and not paid.finds_ai:
        paid = replace(paid, extent="Unknown", coverage=None, segments=(), generator=None)
    return paid


def _of_side(name: str, answer: Assessment) -> Assessment:
    sentences = (
        replace(one, sentence=f"In {side_in_words(name)}: {one.sentence}")
        for one in answer.evidence
    )
    return replace(answer, evidence=tuple(sentences))
