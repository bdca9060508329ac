"""Learns a new generator from a few of its tracks: a template and its clock.

*Controls* are human recordings from the same source. The template is made blind to them, so it
describes the generator and not how its tracks were published. The null of the whole answer is
measured again, and a clock at an unlisted rate is added with a penalty.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from detector.assessment.model import Model, narrowed, population, widened
from detector.audio.spectra import BIN_HZ, LTAS_BAND_HZ
from detector.calibration.calibration import HumanScores, LengthScale
from detector.errors import BadInput
from detector.evidence.clock import (
    CONTRAST,
    CONTRAST_ORDERS,
    HIGH_HZ,
    LOW_HZ,
    MIN_LINES,
    Lattice,
    Rate,
    allowed_bins,
    lattice_bins,
    mains_mask,
    mean_heights,
)
from detector.evidence.registry import LEARNED_PENALTY
from detector.evidence.templates import BANDS_HZ, FULL_RATE, Learned, residual
from detector.observation.geometry import Geometry
from detector.observation.observation import Observation
from detector.types import BoolVector, FloatArray, FloatVector
from models.learning.null_distribution import human_scores
from models.learning.references import References

MIN_SHOTS: Final = 3
ENOUGH_HUMANS: Final = 30  # performances
CUT_OFF_DB: Final = 70.0  # below the loudest band: nothing but dither and noise
CUT_OFF_MARGIN_HZ: Final = 500.0
CONTROL_DEVIATIONS: Final = 1.0
CLEAR_CLOCK: Final = 3.0  # mean S of the tracks at an unlisted rate, no maximum over tracks
LEAST_CLOCK: Final = 1.5  # S of each of them
RATE_STEP: Final = 5e-5  # natural logarithm
RATES_HZ: Final = (20.0, 405.0)
CANDIDATES: Final = 40
PENALTY: Final = 0.5
WHOLE_HOP: Final = 2e-4  # as near as this to the sample rate over a whole hop it is that


@dataclass(frozen=True)
class LearnedGenerator:
    """What was learned: the model with it, the template, and the clock's rate if there is one."""

    model: Model
    template: Learned
    rate: Rate | None


def learn(
    name: str,
    shots: Sequence[Observation],
    controls: Sequence[Observation],
    model: Model,
    references: References,
    least: int = MIN_SHOTS,
) -> LearnedGenerator:
    """Return the model with one more generator.

    Args:
        name: of the generator.
        shots: at least ``least`` tracks of it, all of one population.
        controls: people's recordings from the same source; may be empty.
        model: with templates; it is not changed.
        references: of that model.
        least: number of tracks.

    Raises:
        BadInput: ``too_few``, ``mixed_rates``, or ``manifest`` where the model has no
            templates or does not know the population.
    """
    if model.template_set is None:
        raise BadInput("manifest", f"{model.name} has no templates, so nothing can be added")
    if len(shots) < least:
        raise BadInput("too_few", f"{least} tracks are needed, {len(shots)} can be used")
    where = {population(one.sample_rate_hz) for one in shots}
    if len(where) > 1:
        raise BadInput("mixed_rates", "tracks below 44.1 kHz and at or above it: learn them apart")
    population_name = where.pop()
    same_population = [one for one in controls if population(one.sample_rate_hz) == population_name]
    units = model.template_set.unit(np.stack([residual(one) for one in shots]))
    control_units = (
        model.template_set.unit(np.stack([residual(one) for one in same_population]))
        if same_population
        else np.empty((0, units.shape[1]), np.float32)
    )
    humans = references.of(population_name)
    if len(humans.units) == 0:
        raise BadInput("manifest", f"{model.name} knows no human recordings of {population_name}")
    rate = clock_of(shots, model.lattice, name)
    compared = those_at(humans, population_name, [one.sample_rate_hz for one in shots])
    noise, below_hz = noise_of(compared), band_of(shots)
    vector = template(units, control_units, noise, below_hz)
    learned = Learned(
        name=name,
        vector=vector,
        humans=null(vector, compared, left_out_cosines(units, control_units, noise, below_hz)),
        population=population_name,
        sample_rates_hz=tuple(sorted({one.sample_rate_hz for one in shots})),
        rate_hz=None if rate is None else rate.hz,
        tracks=len(shots),
    )
    known = tuple(one for one in model.learned if one.name != name)
    calibrations = dict(model.calibrations)
    calibrations[population_name] = replace(
        calibrations[population_name],
        humans=whole_null(humans, (*known, learned), calibrations[population_name].humans.scale),
    )
    return LearnedGenerator(
        replace(
            model,
            lattice=model.lattice if rate is None else with_rate(model.lattice, rate),
            calibrations=calibrations,
            learned=(*known, learned),
        ),
        learned,
        rate,
    )


def noise_of(humans: References) -> FloatVector:
    """Return how much each bin [6686] varies among human recordings; the mean is 1.

    Half is the bin's own variance and half the mean of all: it is taken of some dozens.
    """
    units, weights = humans.units.astype(np.float64), humans.weights.astype(np.float64)
    centred = units - np.average(units, axis=0, weights=weights)
    own = np.average(centred**2, axis=0, weights=weights)
    noise: FloatVector = (own / max(float(own.mean()), 1e-12) + 1) / 2
    return noise


def template(
    units: FloatArray, controls: FloatArray, noise: FloatVector, below_hz: float
) -> FloatArray:
    """Return the template [6686] of unit vectors [n, 6686], blind to what controls show.

    A matched filter: a bin counts the more the less human recordings vary in it. Each
    control's match with it is zero.
    """
    root = np.sqrt(noise)
    mean = units.astype(np.float64).mean(axis=0) / root
    if len(controls):
        directions, _ = np.linalg.qr((controls / root).T)
        mean = mean - directions @ (directions.T @ mean)
    mean = mean / root
    edges = [np.arange(round(low / BIN_HZ), round(high / BIN_HZ)) for low, high in BANDS_HZ]
    mean[np.concatenate(edges) * BIN_HZ >= below_hz] = 0
    unit = (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
    stored: FloatArray = widened(*narrowed(unit[None]))[0]  # as written: the null is of that
    return stored


def band_of(shots: Sequence[Observation]) -> float:
    """Return the frequency below which all tracks have something to say, in Hz."""
    return min(cut_off_hz(one) for one in shots) - CUT_OFF_MARGIN_HZ


def cut_off_hz(observed: Observation) -> float:
    """Return the top of the highest band with any sound."""
    level = observed.ltas.max(axis=0)
    return float(np.flatnonzero(level > level.max() - CUT_OFF_DB).max() + 1) * LTAS_BAND_HZ


def speaks_of(humans: References, population_name: str, rates_hz: Collection[int]) -> BoolVector:
    """Return about which recordings a template has a say (``templates.Learned``)."""
    if population_name == FULL_RATE:
        return np.ones(len(humans.units), bool)
    return np.isin(humans.rates_hz, list(rates_hz))


def those_at(humans: References, population_name: str, rates_hz: Collection[int]) -> References:
    """Return the recordings to compare with: those at the tracks' rates, if they are enough.

    Below 44.1 kHz a sample rate has lines and an edge of its own.
    """
    own = speaks_of(humans, population_name, rates_hz)
    return humans.only(own) if humans.weights[own].sum() >= ENOUGH_HUMANS else humans


def null(vector: FloatArray, humans: References, left_out: FloatVector) -> HumanScores:
    """Return the cosines of one population's human recordings; raised where controls lie above.

    ``left_out`` is the cosine of each control with a template that has not met it.
    """
    cosines = humans.units.astype(np.float64) @ vector.astype(np.float64)
    if len(left_out):
        reach = float(left_out.mean() + CONTROL_DEVIATIONS * left_out.std())
        cosines = cosines + max(reach - float(np.quantile(cosines, 0.9)), 0.0)
    seconds, weights = humans.seconds.astype(np.float64), humans.weights.astype(np.float64)
    return human_scores(cosines, seconds, weights)


def left_out_cosines(
    units: FloatArray, controls: FloatArray, noise: FloatVector, below_hz: float
) -> FloatVector:
    """Return the cosine of each control with the template that the other controls leave.

    With its own it is zero: its direction was taken out.
    """
    aligned = [
        float(template(units, np.delete(controls, index, axis=0), noise, below_hz) @ one)
        for index, one in enumerate(controls)
    ]
    return np.array(aligned, np.float64)


def whole_null(humans: References, learned: Sequence[Learned], scale: LengthScale) -> HumanScores:
    """Return the human scores of the whole answer, with the learned templates among its looks.

    ``humans`` are of one population; templates of others are passed over. ``scale`` stays.
    """
    population_name = str(humans.populations[0])
    strongest = humans.whole.astype(np.float64)
    pairs = list(zip(humans.units, humans.seconds.tolist(), strict=True))
    for template in (template for template in learned if template.population == population_name):
        applies = speaks_of(humans, population_name, template.sample_rates_hz)
        nats = [
            template.humans.surprise(template.cosine(units), seconds) for units, seconds in pairs
        ]
        strongest = np.where(
            applies, np.maximum(strongest, np.array(nats) - LEARNED_PENALTY), strongest
        )
    standard = np.array(
        [
            scale.standard(score, seconds)
            for score, (_, seconds) in zip(strongest.tolist(), pairs, strict=True)
        ]
    )
    order = np.argsort(standard, kind="stable")
    strata = humans.strata[order] if (humans.strata >= 0).all() else None
    return HumanScores(standard[order].astype(np.float32), humans.weights[order], scale, strata)


def with_rate(lattice: Lattice, rate: Rate) -> Lattice:
    """Return the lattice with a rate added, or with its name where it is there already."""
    if all(one.hz != rate.hz for one in lattice.rates):
        return Lattice((*lattice.rates, rate))
    return Lattice(tuple(rate if one.hz == rate.hz else one for one in lattice.rates))


def clock_of(shots: Sequence[Observation], lattice: Lattice, name: str) -> Rate | None:
    """Return the clock that the tracks share, or None.

    Sought at all rates of one sample rate, on the mean of the tracks' lines: noise falls
    with their number, a clock does not. It must then stand in each track.
    """
    most = Counter(one.geometry for one in shots).most_common(1)[0][0]
    members = [one for one in shots if one.geometry == most and any(one.groups)]
    if len(members) < 2:
        return None
    z = np.stack([_heights(one) for one in members])
    hz = _best_rate(z.mean(axis=0).astype(np.float64), most)
    if hz is None:
        return None
    listed = [one for one in lattice.rates if abs(one.hz / hz - 1) < WHOLE_HOP]
    hop = round(most.sample_rate_hz / hz)
    if listed:
        hz = listed[0].hz
    elif abs(most.sample_rate_hz / hop / hz - 1) < WHOLE_HOP:
        hz = round(most.sample_rate_hz / hop, 6)
    each = np.array([_strength(row, most, hz) for row in z])
    if each.mean() < CLEAR_CLOCK or each.min() < LEAST_CLOCK:
        return None
    if listed:
        names = tuple(dict.fromkeys((*listed[0].known_for, name)))
        return replace(listed[0], known_for=names)
    return Rate(round(hz, 6), PENALTY, f"learned from {len(members)} tracks", (name,))


def _heights(observed: Observation) -> FloatArray:
    geometry = observed.geometry
    return mean_heights(observed.clock, observed.groups, geometry) * mains_mask(geometry)


def _best_rate(z: FloatVector, geometry: Geometry) -> float | None:
    allowed = allowed_bins(geometry)
    rates = np.exp(np.arange(np.log(RATES_HZ[0]), np.log(RATES_HZ[1]), RATE_STEP))
    scores = np.zeros(len(rates))
    lines = np.zeros(len(rates))
    for order in range(1, int(HIGH_HZ / RATES_HZ[0]) + 1):
        at = rates * order
        where = np.rint(at / geometry.bin_hz).astype(np.int64).clip(max=geometry.bins - 1)
        counted = (at >= LOW_HZ) & (at < HIGH_HZ) & allowed[where]
        scores += z[where] * counted
        lines += counted
    scores = np.where(lines >= MIN_LINES, scores / np.sqrt(lines.clip(min=1)), 0)
    candidates: list[tuple[float, float]] = []
    for index in np.argsort(-scores):
        hz = float(rates[index])
        if all(abs(hz / other - 1) > 10 * RATE_STEP for _, other in candidates):
            candidates.append((_strength(z, geometry, hz), hz))
        if len(candidates) == CANDIDATES:
            break
    best = max(candidates, default=(0.0, 0.0))
    return best[1] if best[0] > 0 else None


def _strength(z: FloatVector | FloatArray, geometry: Geometry, hz: float) -> float:
    """Return S at one rate without bands and guard: what is on the lines less what is between."""
    allowed = allowed_bins(geometry)
    on = lattice_bins(geometry, allowed, hz, 1)
    if len(on) < MIN_LINES:
        return 0.0
    off = max(
        (
            float(z[bins].mean())
            for q in CONTRAST_ORDERS
            if len(bins := lattice_bins(geometry, allowed, hz, q))
        ),
        default=0.0,
    )
    return float((float(z[on].mean()) - CONTRAST * max(off, 0.0)) * len(on) ** 0.5)
