"""Releases a trained candidate as the folder that is served, if it passes the gates.

Trained again, it must be equal byte for byte. The gates are *polarity*, *permutation* of labels
between makers, *length* (whole songs flagged within chance) and *confounds* of publication.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from scipy.stats import binom

from detector.assessment.model import MANIFEST, Model
from detector.errors import BadInput
from detector.evidence.clock import standard_lattice
from models.evaluation import few_shot_evaluation
from models.evaluation.evaluate import permuted_auroc
from models.evaluation.measures import ALPHAS
from models.learning.data import read_manifest, traces, usable
from models.learning.folder import packed, write
from models.learning.observations import Observed, observe
from models.training import confounds
from models.training.augmented import SONG_S, augment_ai, augment_humans
from models.training.detection_tables import p_values
from models.training.fusion import Fused, fuse
from models.training.metrics import auroc, check_polarity, rounded
from models.training.scoring import Population, populations, score_all
from models.training.train import code_digest, describe_model

CLOCK_LEAST: Final = 0.4  # AUROC; generators without a clock are at 0.5
PERMUTED_WITHIN: Final = 0.1  # of one half


def release(
    candidate: Path,
    manifest: Path,
    audio_root: Path,
    out: Path,
    *,
    version: str,
    cache: Path,
    cells: Path,
    workers: int,
    dry_run: bool = False,
) -> str:
    """Release a candidate as ``out``, unless ``dry_run``; return what the gates measured.

    Raises:
        ModelError: the candidate is no model folder, or was altered.
        BadInput: ``code``, ``data`` or ``digest`` where it cannot be made again; ``polarity``,
            ``permutation`` or ``confounds`` where a gate is shut.
    """
    model = Model.load(candidate)
    described = orjson.loads((candidate / MANIFEST).read_bytes())
    if described["code_digest"] != code_digest():
        raise BadInput("code", f"{candidate} was trained by other code: train it again")
    tracks = read_manifest(manifest, audio_root)
    observed, _ = observe(usable(tracks), cache, workers)
    observed_traces, _ = observe(traces(tracks), cache, workers)
    lattice = standard_lattice()
    scored = score_all(observed, lattice)
    augmented = augment_humans(observed, cells, workers)
    examples = augment_ai(observed, cells, workers)
    fused = fuse(
        scored, observed_traces, augmented, examples, lattice=lattice, branches=model.branches
    )
    again = reproduce(fused, observed_traces, described)
    if again != model.digest:
        raise BadInput(
            "digest", f"made again, {candidate} is {again[:12]} and not {model.digest[:12]}"
        )
    gates = check(fused, described["seed"])
    description, parts = describe_model(
        fused, observed_traces, name=out.name, version=version, seed=described["seed"]
    )
    description["release"] = {"candidate": model.digest, "gates": gates}
    if fused.lines is not None:
        description["few_shot"] = few_shot_evaluation.measure(fused, fused.lines, described["seed"])
    lines = [
        f"{name}: labels permuted {one['permuted_auroc']:.2f}; strongest confound "
        f"{one['confounds']['strongest']} {one['confounds']['auroc']:.2f}, weighed "
        f"{one['confounds']['weighed']['probe_auroc']:.2f}; AUROC among tracks published "
        f"alike {one['confounds']['weighed']['auroc']:.3f}"
        for name, one in gates.items()
    ]
    end = "a dry run: nothing was written"
    if not dry_run:
        end = f"sha256 {write(out, description, parts)}"
    return "\n".join([*lines, f"{out}: {end}"])


def reproduce(fused: Fused, observed_traces: Sequence[Observed], described: dict[str, Any]) -> str:
    """Return the digest that the candidate must have.

    Raises:
        BadInput: reason ``data``, where the recordings are not those of the candidate.
    """
    same = {key: described[key] for key in ("name", "version", "seed")}
    description, parts = describe_model(fused, observed_traces, **same)
    if description["data"]["digest"] != described["data"]["digest"]:
        raise BadInput("data", "the manifest lists other recordings than the candidate's")
    return hashlib.sha256(packed(description, parts)).hexdigest()


def check(fused: Fused, seed: int) -> dict[str, Any]:
    """Return what the gates measure, by population.

    Raises:
        BadInput: the first gate that is shut.
    """
    return {one.name: _gates(one, seed) for one in populations(fused.scored)}


def _songs(population: Population) -> dict[str, Any]:
    """Return how many human performances of a minute or more are flagged, versions as one."""
    human = population.side(ai=False).tracks
    songs = [one for one in human if one.observed.observation.duration_s >= SONG_S]
    versions = Counter(one.observed.track.performance for one in songs)
    weights = np.array([1 / versions[one.observed.track.performance] for one in songs])
    p = p_values(songs)
    flagged = {}
    for alpha in ALPHAS:
        flagged[str(alpha)] = count = rounded(weights[p <= alpha].sum())
        most = int(binom.ppf(0.975, len(versions), alpha)) if versions else 0
        if int(count) > most:
            raise BadInput(
                "length",
                f"{population.name}: at alpha {alpha:g}, {count:.1f} of "
                f"{len(versions)} human performances of a minute and more are "
                f"flagged; chance allows {most}",
            )
    return {"performances": len(versions), "flagged": flagged}


def _gates(population: Population, seed: int) -> dict[str, Any]:
    ai, human = population.side(ai=True), population.side(ai=False)
    check_polarity(ai.scores, human.scores, population.name)
    by_clock = auroc(*(np.array([one.clock for one in side.tracks]) for side in (ai, human)))
    if by_clock < CLOCK_LEAST:  # templates learn from labels, so they follow swapped ones
        raise BadInput(
            "polarity",
            f"{population.name}: by the clock, which no label has taught, AI tracks score below "
            f"human ones (AUROC {by_clock:.2f}): are the labels swapped?",
        )
    permuted = permuted_auroc(population, seed)
    if abs(permuted - 0.5) > PERMUTED_WITHIN:
        raise BadInput(
            "permutation",
            f"{population.name}: with labels dealt out anew the AUROC is {permuted:.2f}, not near "
            "0.5: the scores say who made a track, whatever its label",
        )
    measured_confounds = confounds.measure(population)
    measured_confounds.check(population.name)
    return {
        "permuted_auroc": permuted,
        "songs": _songs(population),
        "confounds": confounds.figures_of(population, measured_confounds),
    }
