"""From audio to a toy branch of evidence, for data people: load, plot, train, compare.

    python examples/explore.py --out explored                    # synthetic music, half a minute
    python examples/explore.py people/*.flac --ai made/*.mp3 --out explored

Every cell (``# %%``) can be run alone in Jupyter (jupytext) and in most editors. It needs the
package ``earmark`` alone. It decodes in this process: for hostile files use ``earmark analyze``.
"""

# %% What is used
import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from detector.assessment.model import Model
from detector.evidence.templates import residual
from detector.observation.listen import listen
from detector.observation.observation import Observation
from detector.types import Rates
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from models.synthesis.simulated_decoder import decode_through

MODELS = Path(__file__).resolve().parents[1] / "models"
Vector = NDArray[np.float32]


# %% Load: one pass over a file gives its observation, some 100 kB; models score that
def observations(files: Iterable[Path], cache: Path) -> list[Observation]:
    """Return the observation of each file; those of earlier runs are read from the cache."""
    cache.mkdir(parents=True, exist_ok=True)
    loaded = []
    for file in files:
        stored = cache / f"{file.stem}.observation"
        if not stored.exists():
            stored.write_bytes(listen(file, max_duration_s=14_400).observation)
        loaded.append(Observation.from_bytes(stored.read_bytes()))
    return loaded


def synthetic(folder: Path, pieces: int, seconds: float) -> tuple[list[Path], list[Path]]:
    """Write pieces of synthetic music, as played and as a simulated decoder paints them."""
    folder.mkdir(parents=True, exist_ok=True)
    human, ai = [], []
    for seed in range(pieces):
        audio = render(seed, seconds)
        human.append(folder / f"played-{seed}.wav")
        ai.append(folder / f"decoded-{seed}.wav")
        write_audio(human[-1], audio)
        write_audio(ai[-1], decode_through(render(1_000 + seed, seconds), RATE_HZ, (8, 8, 7), 5))
    return human, ai


# %% Plot: the spectrum's lines, which a decoder leaves in everything that it makes
def plot(human: Sequence[Observation], ai: Sequence[Observation], file: Path) -> None:
    """Draw the mean residual spectrum of both groups."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    for name, group, colour in (("people", human, "#6b7785"), ("AI", ai, "#c2410c")):
        mean = np.mean([residual(one) for one in group], axis=0)
        axes.plot(mean, color=colour, linewidth=0.6, label=f"{name} ({len(group)})")
    axes.set(xlabel="bin (both bands, one after the other)", ylabel="mean residual")
    axes.legend(frameon=False)
    figure.savefig(file, dpi=120)


# %% Train: a toy branch is the difference of means, of tracks that it is not asked about
def toy_scores(human: Sequence[Observation], ai: Sequence[Observation]) -> list[float]:
    """Return the score of each track, people's first, each left out of what is learned."""
    vectors = np.stack([residual(one) for one in (*human, *ai)])
    labels = np.array([False] * len(human) + [True] * len(ai))
    scores = []
    for place, vector in enumerate(vectors):
        others = np.arange(len(vectors)) != place
        difference = _mean(vectors[others & labels]) - _mean(vectors[others & ~labels])
        scores.append(float(vector @ difference / np.linalg.norm(difference)))
    return scores


def _mean(vectors: Vector) -> Vector:
    mean: Vector = vectors.mean(axis=0)
    return mean


# %% Compare: with released models, by the share of pairs in which the AI track scores higher
def auroc(human: Sequence[float], ai: Sequence[float]) -> float:
    """Return the area under the ROC curve; 0.5 is chance."""
    pairs = np.subtract.outer(np.array(ai), np.array(human))
    return float((pairs > 0).mean() + (pairs == 0).mean() / 2)


def compare(
    human: Sequence[Observation], ai: Sequence[Observation], models: Sequence[Path]
) -> dict[str, list[float]]:
    """Return the scores of the toy and of each model, people's tracks first."""
    scores = {"toy": toy_scores(human, ai)}
    for folder in models:
        answers = Model.load(folder, "cpu").assess([*human, *ai], Rates(0.01, 0.001))
        scores[folder.name] = [-99.0 if one.score is None else one.score for one in answers]
    return scores


# %% All of it
def main(arguments: Sequence[str]) -> None:
    """Explore the files that are named, or synthetic ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("human", nargs="*", type=Path, help="recordings of people")
    parser.add_argument("--ai", nargs="*", type=Path, default=[], help="AI tracks")
    parser.add_argument("--out", type=Path, default=Path("explored"))
    parser.add_argument("--pieces", type=int, default=6, help="synthetic ones of each kind")
    parser.add_argument("--seconds", type=float, default=20.0, help="of a synthetic piece")
    options = parser.parse_args(arguments)
    human_files, ai_files = options.human, options.ai
    if bool(human_files) != bool(ai_files) or min(len(human_files), len(ai_files)) == 1:
        parser.error("give at least two recordings of people and two AI tracks, or none at all")
    if not human_files:
        human_files, ai_files = synthetic(options.out / "audio", options.pieces, options.seconds)
    cache = options.out / "observations"
    human, ai = observations(human_files, cache), observations(ai_files, cache)
    plot(human, ai, options.out / "spectra.png")
    scores = compare(human, ai, [MODELS / "clock-5", MODELS / "ensemble-5"])
    names = [file.name for file in (*human_files, *ai_files)]
    with (options.out / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "is_ai", *scores))
        marks = [False] * len(human) + [True] * len(ai)
        writer.writerows(zip(names, marks, *scores.values(), strict=True))
    for name, values in scores.items():
        area = auroc(values[: len(human)], values[len(human) :])
        sys.stdout.write(f"{name:12} AUROC {area:.3f}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
