"""With whose music a p-value compares a recording, in a word that people and metrics use."""

from detector.calibration.calibration import HumanScores
from detector.calibration.strata import STRATA, stratum_of


def compared_with(population: str, humans: HumanScores, even: float) -> str:
    """Return the name of the part of people's music that a recording is compared with.

    Args:
        population: of the recording, as ``detector.assessment.model.population``.
        humans: of that population's calibration.
        even: the recording's ``detector.calibration.strata.evenness``.

    Returns:
        ``full_rate/sequenced``, or the population alone where it has no strata.
    """
    return population if humans.strata is None else f"{population}/{STRATA[stratum_of(even)]}"


def parts_of(population: str, humans: HumanScores) -> dict[str, HumanScores]:
    """Return the human scores of each part of a population, by the name of ``compared_with``."""
    if humans.strata is None:
        return {population: humans}
    names = (f"{population}/{stratum}" for stratum in STRATA)
    return dict(zip(names, humans.by_stratum, strict=True))
