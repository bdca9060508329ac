"""Templates that have not met whom they are asked about: by halves, repositories, makers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detector.assessment.model import Model
from detector.types import FloatVector
from models.training.scoring import Scored
from models.training.template_fitting import ATTRIBUTION, Lines, fit, out_of_fold


@dataclass(frozen=True)
class Named:
    """An AI track whose repository no template has seen: was it named, and as what?

    ``known``: its generator has a template, from other repositories. ``name`` is empty
    where none was clear enough.
    """

    maker: str
    known: bool
    name: str


def lines_of(tracks: Sequence[Scored]) -> Lines:
    """Return what templates compare, one row a track."""
    return Lines.of([one.observed for one in tracks])


def across(lines: Lines, chosen_on: NDArray[np.bool_]) -> FloatVector:
    """Return template scores [tracks] by templates of those ``chosen_on`` alone.

    Of these themselves, each without its maker; all others are strangers anyway.
    """
    scores = np.zeros(len(chosen_on))
    scores[chosen_on] = out_of_fold(lines.only(chosen_on))
    template_set = fit(lines, chosen_on)
    for index in np.flatnonzero(~chosen_on):
        population_name = str(lines.populations[index])
        scores[index] = template_set.scores(
            template_set.unit(lines.vectors[index]), population_name
        ).max()
    return scores


def names(tracks: Sequence[Scored]) -> list[Named]:
    """Return every AI track of the populations in which names are given."""
    lines = lines_of(tracks)
    repositories = lines.repositories
    queries = np.array(
        [track.is_ai and track.population in ATTRIBUTION.populations for track in tracks], bool
    )
    names = []
    for repository in sorted(set(repositories[queries])):
        template_set = fit(lines, repositories != repository)
        for index in np.flatnonzero(queries & (repositories == repository)).tolist():
            track = tracks[index]
            name = ATTRIBUTION.name(
                template_set,
                template_set.scores(template_set.unit(lines.vectors[index]), track.population),
                track.population,
            )
            names.append(Named(track.maker, track.maker in template_set.names, name or ""))
    return names


def without(model: Model, makers: Collection[str]) -> Model:
    """Return a released model as if it had never met some makers: their templates are gone.

    Everything else stays as released, thresholds above all.
    """
    template_set = model.template_set
    if template_set is None or not set(makers) & set(template_set.names):
        return model
    indices = [index for index, name in enumerate(template_set.names) if name not in makers]
    return replace(model, template_set=template_set.only(indices))
