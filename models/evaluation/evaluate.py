"""What a model is worth on recordings of makers it does not know.

Everything is counted with the maker left out. The clock branch learns nothing from AI
tracks, so each generator is unseen as it stands; templates are refitted on this manifest
for each maker without it (``models.training.template_fitting``). A human track is compared only
with other repositories' tracks, and probabilities are refitted without the maker's fold.
Abstentions stay in the denominators: they are neither finds nor false alarms.

Checks on the evaluation itself: labels permuted between makers must give an AUROC near 0.5;
classes taken for each other are refused; what bit rate, duration, loudness, sample rate and
cut-off alone tell, and the figures weighed so that these tell nothing (``confounds``);
simpler rules and a published method on the same folds (``baselines``); what was tuned chosen
on one half of the makers and judged on the other (``nested``); the decoder unknown as well
(``unseen_decoders``); false positives by length and with the suspects (``strata``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from scipy.stats import binom

from detector.assessment.model import MANIFEST, Model
from detector.calibration.applicability import abstention_reason
from detector.types import FloatVector
from models.evaluation import attribution, baselines, reliability, unseen_decoders
from models.evaluation.data_report import report
from models.evaluation.nested import nested
from models.evaluation.report import page
from models.evaluation.text import humans_csv, scores_csv, text_of
from models.learning.data import AI, read_manifest, traces, usable
from models.learning.observations import Observed, observe
from models.training import confounds, fpr_by_stratum
from models.training.augmented_humans import augment_humans
from models.training.detection_tables import by_maker, p_values, realised_fpr
from models.training.fusion import Fused, fuse
from models.training.metrics import (
    auroc,
    check_polarity,
    cluster_bootstrap,
    rounded,
    tpr_at,
)
from models.training.scoring import Population, Scored, assessable, score_all
from models.training.template_fitting import Lines

FPRS: Final = (0.01, 0.05)
ALPHAS: Final = (0.01, 0.02, 0.05)
PERMUTATIONS: Final = 100
HALVINGS: Final = 3
WORST: Final = 12
SUBSETS: Final = {
    "44.1 kHz and up": ("full_rate",),
    "below 44.1 kHz": ("low_rate",),
    "all rates": ("full_rate", "low_rate"),
}


@dataclass(frozen=True)
class Evaluation:
    """Figures as plain data, the same as text and as a page, and the scores as CSV."""

    figures: dict[str, Any]
    text: str
    html: str
    scores_csv: str
    humans_csv: str

    def write(self, folder: Path) -> list[Path]:
        """Write evaluation.json, .txt, .html, scores.csv and humans.csv."""
        folder.mkdir(parents=True, exist_ok=True)
        figures = orjson.dumps(self.figures, option=orjson.OPT_INDENT_2).decode() + "\n"
        parts = {
            "evaluation.json": figures,
            "evaluation.txt": self.text + "\n",
            "evaluation.html": self.html,
            "scores.csv": self.scores_csv,
            "humans.csv": self.humans_csv,
        }
        for name, text in parts.items():
            (folder / name).write_text(text, encoding="utf-8")
        return [folder / name for name in parts]


def evaluate(
    manifest: Path,
    audio_root: Path,
    folder: Path,
    *,
    cache: Path,
    cells: Path,
    workers: int,
    seed: int,
) -> Evaluation:
    """Evaluate the model of ``folder`` on a manifest; see the module docstring.

    Raises:
        BadInput: reason ``polarity`` where AI tracks score below human ones.
    """
    model = Model.load(folder)
    tracks = read_manifest(manifest, audio_root)
    observed, rejected = observe(usable(tracks), cache, workers)
    observed_traces, _ = observe(traces(tracks), cache, workers)
    suspects, _ = observe([track for track in tracks if track.suspect], cache, workers)
    augmented = augment_humans(observed, cells, workers)
    fused = fused_by(model, observed, observed_traces, augmented)
    scored = fused.scored
    figures = {
        "model": {"name": model.name, "version": model.version, "digest": model.digest},
        "data": report(tracks, observed, [(one.track, one.reason) for one in rejected]),
        "seed": seed,
        **figures_of(scored, model, cache, seed),
        "unseen_decoders": decoders_of(scored, model, [*observed_traces, *augmented]),
        "suspects": suspects_of(scored, model, suspects),
        "as_released": as_released(observed, model, folder),
    }
    root = audio_root.resolve()
    return Evaluation(
        figures,
        text_of(figures),
        page(figures),
        scores_csv(scored, p_values(scored), root),
        humans_csv(fused.nulls),
    )


def fused_by(
    model: Model,
    observed: Sequence[Observed],
    observed_traces: Sequence[Observed] = (),
    augmented: Sequence[Observed] = (),
) -> Fused:
    """Return out-of-fold scores by the model's branches.

    ``beside`` gives templates alone, ``others`` are deliveries of human recordings.
    """
    scored = score_all(observed, model.lattice)
    return fuse(scored, observed_traces, augmented, lattice=model.lattice, branches=model.branches)


def figures_of(scored: Sequence[Scored], model: Model, cache: Path, seed: int) -> dict[str, Any]:
    """Return the figures of all subsets that have both classes, and of the attribution."""
    subsets, halved = {}, {}
    for name, names in SUBSETS.items():
        members = [one for one in scored if one.population in names]
        population = assessable(members, names[0] if len(names) == 1 else name)
        if not _comparable(population):
            continue
        subsets[name] = subset_figures(members, population, model, cache, seed)
        if model.template_set is not None and len(names) == 1:
            rows = nested(population, model.lattice, range(seed, seed + HALVINGS))
            if rows:
                halved[name] = rows
    return {
        "subsets": subsets,
        "nested": halved,
        "attribution": None if model.template_set is None else attribution.measure(scored),
    }


def decoders_of(
    scored: Sequence[Scored], model: Model, observed_traces: Sequence[Observed]
) -> dict[str, Any]:
    """Return what is found of each generator with its decoder unknown, by subset."""
    if model.template_set is None:
        return {}
    known = [one for one in observed_traces if abstention_reason(one.observation) is None]
    figures = {}
    for name, names in SUBSETS.items():
        population = assessable([one for one in scored if one.population in names], names[0])
        if len(names) == 1 and _comparable(population):
            lines = Lines.of([*(one.observed for one in population.tracks), *known])
            figures[name] = unseen_decoders.measure(population, lines, model.lattice)
    return figures


def suspects_of(
    scored: Sequence[Scored], model: Model, suspects: Sequence[Observed]
) -> dict[str, Any]:
    """Return the false positives with the suspect recordings counted as people's, by subset."""
    figures = {}
    for name, names in SUBSETS.items():
        members = [one for one in scored if one.population in names]
        own = fpr_by_stratum.of_populations(suspects, names)
        if own and members:
            figures[name] = fpr_by_stratum.with_suspects(members, p_values(members), own, model)
    return figures


def _comparable(population: Population) -> bool:
    """Whether both classes come from several makers."""
    return all(len(set(population.side(ai=ai).groups)) > 1 for ai in (False, True))


def subset_figures(
    members: Sequence[Scored], population: Population, model: Model, cache: Path, seed: int
) -> dict[str, Any]:
    """Return all figures of one subset: ``members``, of which ``population`` could be assessed."""
    ai, human = population.side(ai=True), population.side(ai=False)
    check_polarity(ai.scores, human.scores, population.name)
    sides = (ai.scores, ai.groups, human.scores, human.groups)
    all_ai = sum(one.is_ai for one in members)
    assessed = len(ai.tracks) / all_ai

    def recall(a: FloatVector, h: FloatVector, fpr: float) -> float:
        return assessed * tpr_at(a, h, fpr)

    p = p_values(members)
    is_ai = np.array([one.is_ai for one in members])
    heard_p = p[[one.reason is None for one in members]]
    return {
        "ai": all_ai,
        "human": len(members) - all_ai,
        "abstained_ai": all_ai - len(ai.tracks),
        "abstained_human": len(members) - all_ai - len(human.tracks),
        "auroc": rounded(auroc(ai.scores, human.scores)),
        "auroc_interval": _interval(cluster_bootstrap(*sides, auroc, seed=seed)),
        "tpr_at_fpr": {
            str(fpr): {
                "tpr": rounded(recall(ai.scores, human.scores, fpr)),
                "interval": _interval(
                    cluster_bootstrap(*sides, partial(recall, fpr=fpr), seed=seed)
                ),
                "threshold": rounded(np.quantile(human.scores, 1 - fpr)),
            }
            for fpr in FPRS
        },
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
        "worst_humans": _worst(human, p_values(human.tracks)),
        "outcomes": reliability.outcomes(
            population, heard_p, ALPHAS[0], reliability.human_likely_supported(population, model)
        ),
        "unlike": unlike_of(population, model),
        "probability": reliability.figures_of(population),
        "permuted_auroc": permuted_auroc(population, seed),
        "confounds": confounds.figures_of(population, confounds.measure(population)),
        "baselines": baselines.compare(population, cache, seed),
        "curves": _curves(ai.scores, human.scores),
    }


def unlike_of(population: Population, model: Model) -> dict[str, int]:
    """Return how many tracks the model would not assess as being unlike all others."""
    known = model.likeness
    unlike = [
        one
        for one in population.tracks
        if known and known.is_out_of_distribution(one.observed.observation)
    ]
    return {
        "ai": sum(one.is_ai for one in unlike),
        "human": sum(not one.is_ai for one in unlike),
    }


def _generators(
    members: Sequence[Scored], p: FloatVector, population: Population
) -> dict[str, dict[str, Any]]:
    """Return ``by_maker`` of the generators, each with its own AUROC against all humans."""
    human = population.side(ai=False).scores
    rows = by_maker(members, p, ai=True)
    for maker, row in rows.items():
        own = np.array([one.score for one in population.tracks if one.is_ai and one.maker == maker])
        row["auroc"] = rounded(auroc(own, human)) if len(own) else None
    return rows


def _worst(human: Population, p: FloatVector) -> list[dict[str, Any]]:
    """Return the human recordings that look most like a generator's: whom it would hurt."""
    order = np.argsort(-human.scores, kind="stable")[:WORST]
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
        for index, one in ((int(index), human.tracks[int(index)]) for index in order)
    ]


def _curves(ai: FloatVector, human: FloatVector) -> dict[str, list[float]]:
    """Return the ROC curve at the false-positive rates that can be told apart."""
    thresholds = np.unique(human)[::-1]
    return {
        "fpr": [rounded((human >= at).mean()) for at in thresholds],
        "tpr": [rounded((ai >= at).mean()) for at in thresholds],
    }


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


def as_released(observed: Sequence[Observed], model: Model, folder: Path) -> dict[str, Any]:
    """Return how the released calibration does on makers that its training never met."""
    met = orjson.loads((folder / MANIFEST).read_bytes())["data"]
    known = set(met["generators"]) | set(met["human_repositories"])
    strangers = [one for one in observed if one.track.group not in known]
    if not strangers:
        return {}
    is_ai = np.array([one.track.label == AI for one in strangers])
    result: dict[str, Any] = {"ai": int(is_ai.sum()), "human": int((~is_ai).sum())}
    for alpha in ALPHAS:
        answers = model.assess([one.observation for one in strangers], alpha)
        flagged = np.array([answer.outcome == "ai_likely" for answer in answers])
        result[str(alpha)] = {
            "tpr": rounded(flagged[is_ai].mean()) if is_ai.any() else None,
            "fpr": rounded(flagged[~is_ai].mean()) if not is_ai.all() else None,
        }
    return result


def _interval(pair: tuple[float, float]) -> list[float]:
    return [rounded(pair[0]), rounded(pair[1])]
