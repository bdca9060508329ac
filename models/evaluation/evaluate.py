"""Measures a model on recordings of makers that it does not know.

Templates are refitted without the maker of each track, probabilities without its fold. A human
track is compared with other repositories' tracks. Abstentions are neither finds nor false alarms.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import binom

from detector.assessment.model import Model
from detector.calibration.applicability import abstention_reason
from detector.types import FloatVector
from models.evaluation import baselines, measures
from models.evaluation.document import markdown, page
from models.evaluation.held_out_scores import humans_csv, scores_csv
from models.evaluation.measures import ALPHAS, interval
from models.evaluation.nested import decoders_unseen, nested
from models.evaluation.report import blocks
from models.learning.data import AI, HUMAN, SUSPECTS, Track, digest, read_manifest, traces, usable
from models.learning.observations import Observed, Rejected, observe
from models.training import confounds, fpr_by_stratum
from models.training.augmented import augment_ai, augment_humans
from models.training.detection_tables import by_maker, p_values, realised_fpr
from models.training.fusion import fuse
from models.training.lineage import performances
from models.training.metrics import auroc, check_polarity, rounded
from models.training.scoring import Population, Scored, assessable, score_all
from models.training.template_fitting import Lines

PERMUTATIONS: Final = 100
HALVINGS: Final = 3
WORST: Final = 12
SUBSETS: Final = {
    "44.1 kHz and up": ("full_rate",),
    "below 44.1 kHz": ("low_rate",),
    "all rates": ("full_rate", "low_rate"),
}


def evaluate(
    manifest: Path, root: Path, folder: Path, *, cache: Path, cells: Path, workers: int, seed: int
) -> dict[str, Any]:
    """Evaluate the model of ``folder`` on a manifest; return the files of the report by name.

    Raises:
        BadInput: reason ``polarity`` where AI tracks score below human ones.
    """
    model = Model.load(folder)
    tracks = read_manifest(manifest, root)
    observed, rejected = observe(usable(tracks), cache, workers)
    observed_traces, _ = observe(traces(tracks), cache, workers)
    suspects, _ = observe([track for track in tracks if track.suspect], cache, workers)
    augmented = augment_humans(observed, cells, workers)
    examples = augment_ai(observed, cells, workers)
    scored = score_all(observed, model.lattice)
    fused = fuse(
        scored, observed_traces, augmented, examples, lattice=model.lattice, branches=model.branches
    )
    decoders = [*observed_traces, *augmented]
    figures = {
        "model": {"name": model.name, "version": model.version, "digest": model.digest},
        "data": _data(tracks, observed, rejected),
        "seed": seed,
        **figures_of(fused.scored, model, decoders, suspects, cache, seed),
    }
    title = f"Evaluation of {model.name} {model.version}, sha256 {model.digest}"
    report = blocks(figures, details=True)
    return {
        "evaluation.json": figures,
        "evaluation.txt": markdown([title, *report]),
        "evaluation.html": page(title, report),
        "scores.csv": scores_csv(fused.scored, p_values(fused.scored), root.resolve()),
        "humans.csv": humans_csv(fused.nulls),
    }


def _data(
    tracks: Sequence[Track], observed: Sequence[Observed], rejected: Sequence[Rejected]
) -> dict[str, Any]:
    suspects = Counter(track.maker for track in tracks if track.suspect)
    return {
        "digest": digest(one.track for one in observed),
        "listed": dict(sorted(Counter(track.label for track in tracks).items())),
        "used": {
            label: {
                "tracks": len(own),
                "performances": performances([one.track for one in own]),
                "makers": len({one.track.maker for one in own}),
                "repositories": len({one.track.repository for one in own}),
                "hours": rounded(sum(one.facts.duration_s for one in own) / 3_600),
            }
            for label in (AI, HUMAN)
            for own in ([one for one in observed if one.track.label == label],)
        },
        "not_used": sum(track.label not in (AI, HUMAN) for track in tracks),
        "suspects": [
            {"maker": maker, "tracks": count, "why": SUSPECTS[maker]}
            for maker, count in sorted(suspects.items())
        ],
        "unheard": [{"track": one.track.path.name, "why": one.reason} for one in rejected],
    }


def figures_of(
    scored: Sequence[Scored],
    model: Model,
    decoders: Sequence[Observed],
    suspects: Sequence[Observed],
    cache: Path,
    seed: int,
) -> dict[str, Any]:
    """Return the figures of all subsets that have several makers of both classes.

    ``scored`` are out of fold; templates are learned of ``decoders``, too.
    """
    templates = model.template_set is not None
    figures: dict[str, Any] = {
        "subsets": {},
        "nested": {},
        "attribution": measures.attribution(scored) if templates else None,
        "unseen_decoders": {},
        "suspects": {},
    }
    known = [one for one in decoders if abstention_reason(one.observation) is None]
    for name, names in SUBSETS.items():
        members = [one for one in scored if one.population in names]
        doubtful = fpr_by_stratum.of_populations(suspects, names)
        if doubtful and members:
            figures["suspects"][name] = fpr_by_stratum.with_suspects(
                members, p_values(members), doubtful, model
            )
        population = assessable(members, names[0] if len(names) == 1 else name)
        if any(len(set(population.side(ai=ai).groups)) < 2 for ai in (False, True)):
            continue
        figures["subsets"][name] = subset_figures(members, population, model, cache, seed)
        if templates and len(names) == 1:
            if rows := nested(population, model.lattice, range(seed, seed + HALVINGS)):
                figures["nested"][name] = rows
            lines = Lines.of([*(one.observed for one in population.tracks), *known])
            figures["unseen_decoders"][name] = decoders_unseen(population, lines, model.lattice)
    return figures


def subset_figures(
    members: Sequence[Scored], population: Population, model: Model, cache: Path, seed: int
) -> dict[str, Any]:
    """Return the figures of one subset: ``members``, of which ``population`` is assessable."""
    ai, human = population.side(ai=True), population.side(ai=False)
    check_polarity(ai.scores, human.scores, population.name)
    p = p_values(members)
    is_ai = np.array([one.is_ai for one in members])
    all_ai = int(is_ai.sum())
    return {
        "ai": all_ai,
        "human": len(members) - all_ai,
        "abstained_ai": all_ai - len(ai.tracks),
        "abstained_human": len(members) - all_ai - len(human.tracks),
        "auroc": rounded(auroc(ai.scores, human.scores)),
        "auroc_interval": interval(population, population.scores, auroc, seed),
        "conformal": {
            str(alpha): {
                "tpr": rounded((p[is_ai] <= alpha).mean()),
                "realised_fpr": realised_fpr(members, p, alpha),
                "bound": rounded(binom.ppf(0.975, len(human.tracks), alpha) / len(human.tracks)),
                "supported": alpha >= 1 / (len(human.tracks) + 1),
            }
            for alpha in ALPHAS
        },
        "generators": _generators(members, p, population),
        "human_sources": by_maker(members, p, ai=False),
        "by_duration": fpr_by_stratum.by_duration(members, p),
        "worst_humans": _worst(human),
        "outcomes": measures.outcomes(
            population, p[[one.reason is None for one in members]], ALPHAS[0]
        ),
        "unlike": _out_of_distribution(population, model),
        "probability": measures.probability_figures(population),
        "permuted_auroc": permuted_auroc(population, seed),
        "confounds": confounds.figures_of(population, confounds.measure(population)),
        "baselines": baselines.compare(population, cache, seed),
        "curves": {
            name: [rounded((scores >= at).mean()) for at in np.unique(human.scores)[::-1]]
            for name, scores in (("fpr", human.scores), ("tpr", ai.scores))
        },
    }


def _out_of_distribution(population: Population, model: Model) -> dict[str, int]:
    known = model.likeness
    is_ai = [
        one.is_ai
        for one in population.tracks
        if known and known.is_out_of_distribution(one.observed.observation)
    ]
    return {"ai": sum(is_ai), "human": len(is_ai) - sum(is_ai)}


def _generators(
    members: Sequence[Scored], p: FloatVector, population: Population
) -> dict[str, dict[str, Any]]:
    human = population.side(ai=False).scores
    rows = by_maker(members, p, ai=True)
    for maker, row in rows.items():
        own = np.array([one.score for one in population.tracks if one.is_ai and one.maker == maker])
        row["auroc"] = rounded(auroc(own, human)) if len(own) else None
    return rows


def _worst(human: Population) -> list[dict[str, Any]]:
    p = p_values(human.tracks)
    return [
        {
            "track": one.observed.track.path.name,
            "source": one.maker,
            "score": one.score,
            "clock": one.clock,
            "rate_hz": rounded(one.rate_hz),
            "template": one.template,
            "p_value": rounded(p[index]),
        }
        for index in np.argsort(-human.scores, kind="stable")[:WORST].tolist()
        for one in (human.tracks[index],)
    ]


def permuted_auroc(population: Population, seed: int) -> float:
    """Return the mean AUROC with labels dealt out anew between makers; 0.5 if all is well."""
    rng = np.random.default_rng(seed)
    names = np.array([f"{one.is_ai}/{one.group}" for one in population.tracks])
    makers = sorted(set(names))
    count = sum(name.startswith("True/") for name in makers)
    aurocs = []
    for _ in range(PERMUTATIONS):
        drawn = np.isin(names, rng.choice(makers, count, replace=False))
        aurocs.append(auroc(population.scores[drawn], population.scores[~drawn]))
    return rounded(np.mean(aurocs))
