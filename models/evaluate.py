"""What a model is worth on recordings of makers it does not know.

Everything is counted with the maker left out. The clock branch learns nothing from AI
tracks, so each generator is unseen as it stands; templates are refitted on this manifest
for each maker without it (``models.bank``). A human track is compared only with other
repositories' tracks, and probabilities are refitted without the maker's fold. Abstentions
stay in the denominators: they are neither finds nor false alarms.

Three checks on the evaluation itself: labels permuted between makers must give an AUROC
near 0.5; classes taken for each other are refused; and what bit rate, duration, loudness,
sample rate and cut-off alone can tell is printed beside the detector (a data set in which
they tell much proves little).
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from detector.model import MANIFEST, Model
from models import confounds
from models.bank import fuse
from models.confounds import fold_of
from models.data import AI, describe, digest, read_manifest, usable
from models.figures import (
    FloatVector,
    auroc,
    balanced_weights,
    brier,
    check_polarity,
    cluster_bootstrap,
    expected_calibration_error,
    fit_platt,
    tpr_at,
)
from models.observing import Observed, observe
from models.scoring import Population, Scored, assessable, score_all
from models.tables import HEADING, by_maker, p_values, realised_fpr, rounded, rows

FPRS: Final = (0.01, 0.05)
ALPHAS: Final = (0.01, 0.02, 0.05)
FOLDS: Final = 5
PERMUTATIONS: Final = 100


@dataclass(frozen=True)
class Evaluation:
    """Figures as plain data, the same as text, and the scores as CSV."""

    figures: dict[str, Any]
    text: str
    scores_csv: str

    def write(self, folder: Path) -> None:
        """Write evaluation.json, evaluation.txt and scores.csv."""
        folder.mkdir(parents=True, exist_ok=True)
        figures = orjson.dumps(self.figures, option=orjson.OPT_INDENT_2)
        (folder / "evaluation.json").write_bytes(figures + b"\n")
        (folder / "evaluation.txt").write_text(self.text + "\n")
        (folder / "scores.csv").write_text(self.scores_csv)


def evaluate(
    manifest: Path, audio_root: Path, folder: Path, *, cache: Path, workers: int, seed: int
) -> Evaluation:
    """Evaluate the model of ``folder`` on a manifest; see the module docstring.

    Raises:
        BadInput: reason ``polarity`` where AI tracks score below human ones.
    """
    model = Model.load(folder)
    tracks = read_manifest(manifest, audio_root)
    heard, unheard = observe(usable(tracks), cache, workers)
    scored = score_all(heard, model.lattice)
    if model.bank is not None:
        scored = fuse(scored).scored
    subsets = {
        "44.1 kHz and up": [one for one in scored if one.population == "full_rate"],
        "below 44.1 kHz": [one for one in scored if one.population == "low_rate"],
        "all rates": scored,
    }
    figures: dict[str, Any] = {
        "model": {"name": model.name, "version": model.version, "digest": model.digest},
        "data": {"digest": digest(one.track for one in heard), "unheard": len(unheard)},
        "seed": seed,
        "subsets": {
            name: figures_of(members, name, seed)
            for name, members in subsets.items()
            if _comparable(assessable(members, name))
        },
        "as_released": as_released(heard, model, folder),
    }
    text = "\n".join([describe(tracks), *_text(figures)])
    return Evaluation(figures, text, _csv(scored, audio_root))


def _comparable(heard: Population) -> bool:
    """Whether both classes come from several makers."""
    return all(len(set(heard.side(ai=ai).groups)) > 1 for ai in (False, True))


def figures_of(members: Sequence[Scored], name: str, seed: int) -> dict[str, Any]:
    """Return all figures of one subset."""
    heard = assessable(members, name)
    ai, human = heard.side(ai=True), heard.side(ai=False)
    check_polarity(ai.scores, human.scores, name)
    sides = (ai.scores, ai.groups, human.scores, human.groups)
    all_ai = sum(one.is_ai for one in members)
    assessed = len(ai.tracks) / all_ai
    points = {}
    for fpr in FPRS:

        def found(a: FloatVector, h: FloatVector, fpr: float = fpr) -> float:
            return assessed * tpr_at(a, h, fpr)

        points[str(fpr)] = {
            "tpr": rounded(found(ai.scores, human.scores)),
            "interval": _interval(cluster_bootstrap(*sides, found, seed=seed)),
            "threshold": rounded(np.quantile(human.scores, 1 - fpr)),
        }
    p = p_values(members)
    is_ai = np.array([one.is_ai for one in members])
    return {
        "ai": all_ai,
        "human": len(members) - all_ai,
        "abstained_ai": all_ai - len(ai.tracks),
        "abstained_human": len(members) - all_ai - len(human.tracks),
        "auroc": rounded(auroc(ai.scores, human.scores)),
        "auroc_interval": _interval(cluster_bootstrap(*sides, auroc, seed=seed)),
        "tpr_at_fpr": points,
        "conformal": {
            str(alpha): {
                "tpr": rounded((p[is_ai] <= alpha).mean()),
                "realised_fpr": realised_fpr(members, p, alpha),
                "supported": alpha >= 1 / (len(human.tracks) + 1),
            }
            for alpha in ALPHAS
        },
        "generators": by_maker(members, p, ai=True),
        "human_sources": by_maker(members, p, ai=False),
        "probability": probability_figures(heard),
        "permuted_auroc": permuted_auroc(heard, seed),
        "confounds": confounds.figures_of(heard, confounds.measure(heard)),
    }


def probability_figures(heard: Population) -> dict[str, float]:
    """Return Brier score and ECE of probabilities refitted without each maker's fold."""
    fold = np.array(fold_of(heard, FOLDS))
    names = np.array(heard.groups)
    p = np.zeros(len(fold))
    for number in sorted(set(fold.tolist())):
        rest = fold != number
        platt = fit_platt(heard.scores[rest], heard.labels[rest], names[rest].tolist())
        p[~rest] = platt.probability(heard.scores[~rest])
    weights = balanced_weights(heard.labels, heard.groups)
    return {
        "brier": rounded(brier(p, heard.labels, weights)),
        "ece": rounded(expected_calibration_error(p, heard.labels, weights)),
    }


def permuted_auroc(heard: Population, seed: int) -> float:
    """Return the mean AUROC with labels dealt out anew between makers; 0.5 if all is well."""
    rng = np.random.default_rng(seed)
    names = np.array([f"{one.is_ai}/{one.group}" for one in heard.tracks])
    makers = sorted(set(names))
    count = sum(name.startswith("True/") for name in makers)
    found = []
    for _ in range(PERMUTATIONS):
        drawn = np.isin(names, rng.choice(makers, count, replace=False))
        found.append(auroc(heard.scores[drawn], heard.scores[~drawn]))
    return rounded(np.mean(found))


def as_released(heard: Sequence[Observed], model: Model, folder: Path) -> dict[str, Any]:
    """Return how the released calibration does on makers that its training never met."""
    met = orjson.loads((folder / MANIFEST).read_bytes())["data"]
    known = set(met["generators"]) | set(met["human_repositories"])
    strangers = [one for one in heard if one.track.group not in known]
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


def _text(figures: dict[str, Any]) -> list[str]:
    lines = []
    for name, one in figures["subsets"].items():
        low, high = one["auroc_interval"]
        lines += [
            "",
            f"{name}: {one['ai']} AI ({one['abstained_ai']} abstained), {one['human']} human "
            f"({one['abstained_human']} abstained)",
            f"  AUROC {one['auroc']:.3f} [{low:.3f}, {high:.3f}]; labels permuted "
            f"{one['permuted_auroc']:.2f}; confounds alone {one['confounds']['auroc']:.2f}",
        ]
        for fpr, point in one["tpr_at_fpr"].items():
            low, high = point["interval"]
            lines.append(
                f"  found {point['tpr']:.3f} [{low:.2f}, {high:.2f}] at {float(fpr):.0%} false "
                f"positives (score above {point['threshold']:.2f})"
            )
        for alpha, point in one["conformal"].items():
            lines.append(
                f"  alpha {float(alpha):.0%}: found {point['tpr']:.3f}, realised false positives "
                f"{point['realised_fpr']:.3f}"
                + ("" if point["supported"] else " (too few human recordings for this alpha)")
            )
        calibrated = one["probability"]
        lines += [
            f"  probability: Brier {calibrated['brier']:.3f}, ECE {calibrated['ece']:.3f}",
            f"  {'generator (unseen)':32s}{HEADING}",
            *rows(one["generators"]),
            f"  {'human source (left out)':32s}{HEADING}",
            *rows(one["human_sources"]),
        ]
    if figures["as_released"]:
        lines += ["", f"as released, on makers that training never met: {figures['as_released']}"]
    return lines


def _csv(scored: Sequence[Scored], root: Path) -> str:
    p = p_values(scored)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["path", "label", "maker", "repository", "sample_rate_hz", "score", "clock", "rate_hz",
         "template", "p_value", "abstained"]
    )  # fmt: skip
    for one, value in zip(scored, p, strict=True):
        track = one.observed.track
        writer.writerow(
            [track.path.relative_to(root), track.label, track.maker, track.repository,
             one.observed.observation.sample_rate_hz, one.score, one.clock,
             one.rate_hz, one.template, f"{value:.5f}", one.reason or ""]
        )  # fmt: skip
    return out.getvalue()
