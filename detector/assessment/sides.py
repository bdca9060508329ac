"""Recordings whose channels differ: mix, left, right and their difference are assessed.

One side may be AI and the other a person's. Each more look is a chance to be wrong, so each pays
for all (Bonferroni): its p-value is multiplied by their number. Where no human recording of the
calibration is as strong, the fitted tail is multiplied, down to the least p-value that they allow.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import exp
from typing import Final

from detector.assessment.model import Model, population
from detector.calibration.strata import evenness
from detector.evidence.branch import NO_TRACE_P
from detector.observation.observation import Observation
from detector.types import SIDES, Assessment, Rates

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
    paid = {
        name: _paid(one, len(assessed), humans.like(evenness(looks[name])).least_p_value, rates)
        for name, one in assessed.items()
    }
    strongest, best = min(paid.items(), key=lambda item: item[1].p_value or 0.0)
    if not best.finds_ai:
        mix = paid.get(MIX, mix)
        clear = (best.p_value or 0.0) >= NO_TRACE_P
        outcome = "uncertain" if mix.outcome == "no_trace" and not clear else mix.outcome
        return replace(mix, outcome=outcome, p_value=best.p_value)
    traced = [side for side in ("left", "right") if side in paid and paid[side].finds_ai]
    if len(traced) == 1:
        other = assessed.get("right" if traced == ["left"] else "left")
        clear = other is not None and (other.p_value or 0.0) >= NO_TRACE_P
        if clear or not paid.get(MIX, mix).finds_ai:  # else one channel is merely the weaker one
            return _of_side(traced[0], replace(paid[traced[0]], extent="Partly"))
    return best if strongest == MIX else _of_side(strongest, best)


def _paid(answer: Assessment, looks: int, least: float, rates: Rates) -> Assessment:
    """Return one of so many answers at the price of all; it may find AI no more."""
    p_value, score = answer.p_value or 0.0, answer.score or 0.0
    alone = p_value <= least + 1e-5
    p_value = max(p_value, looks * exp(-score)) if alone else min(1.0, looks * p_value)
    identified = answer.identified_p_value
    if identified is not None:
        identified = min(1.0, looks * identified)
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
        replace(one, sentence=f"In {SIDES[name]}: {one.sentence}") for one in answer.evidence
    )
    return replace(answer, evidence=tuple(sentences))
