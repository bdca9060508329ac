"""The card's second part: MEASURED.md of a model folder, from the reports about that model.

It is written after the release and is no file of the manifest, so it may be written again.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from detector.assessment.model import MANIFEST, Model
from detector.errors import BadInput
from models.evaluation import report, robustness_report
from models.evaluation.document import Block, Heading, Table, markdown
from models.evaluation.outcomes_report import FILES, HEAD, outcome_rows

MEASURED: Final = "MEASURED.md"
_HEAD: Final = """# {name} {version}: what was measured

The second part of the card, about sha256 `{digest}`. Written by `earmark card` from the
reports of `earmark evaluate` and `earmark robustness`. Every generator counts as unseen (its
templates, and all from its repositories, are left out) and every human source as unknown,
unless a column is headed *known*. Intervals (95 %) resample whole generators and repositories.
Constants and rates of the clock were chosen by people who knew several of these generators:
the nested figures show what that is worth, and on others figures will be lower.

"""
_STUDIES: Final = (
    "The study of decoder clocks and the survey's prototypes measured the same whole files, with "
    "makers left out less strictly and thresholds at quantiles of all human recordings; the "
    "clock's constants were chosen on the files that report on them. Deliveries are excerpts of "
    "40 s here and there, but not the same ones. The study of altered speed looked with that look "
    "alone, at its own 1 %; here it is one look of several. Probabilities are weighed here so that "
    "every maker counts alike, of whom one that is not found is a ninth; there every track did. "
    "Within a point is called level."
)
LEVEL: Final = 0.01
STUDY_HEAD: Final = ("figure", "study", "here", "")
_AUROC, _AT_1, _AT_5 = "auroc", "tpr_at_0.01", "tpr_at_0.05"
_FOUND: Final = {_AT_1: "found at 1 % FPR", _AT_5: "found at 5 % FPR"}
# name of the AUROC, subset and baseline in the report, figures of the study
_EVALUATED: Final[tuple[tuple[str, str, str, dict[str, float]], ...]] = (
    ("44.1 kHz and up, clock and templates: AUROC", "44.1 kHz and up", "this model",
     {_AUROC: 0.993, _AT_1: 0.967, _AT_5: 0.975}),
    ("clock alone, guarded: AUROC", "44.1 kHz and up", "clock alone",
     {_AUROC: 0.997, _AT_1: 0.950, _AT_5: 0.985}),
    ("templates alone: AUROC", "44.1 kHz and up", "templates alone", {_AUROC: 0.961, _AT_1: 0.90}),
    ("all rates, clock, templates and a learned branch: AUROC", "all rates", "this model",
     {_AUROC: 0.952, _AT_1: 0.825, _AT_5: 0.872}),
    ("the survey's best fusion (44.1 kHz and up): AUROC", "44.1 kHz and up", "this model",
     {_AUROC: 0.939, _AT_1: 0.67, _AT_5: 0.80}),
)  # fmt: skip
_REALISED: Final = {"0.01": 0.005, "0.02": 0.019, "0.05": 0.044}
_PROBABILITY: Final = {"Brier": 0.030, "ECE": 0.011}
_WINDOWS: Final = {"6 s": 0.64, "12 s": 0.83, "24 s": 0.94, "48 s": 0.97}
_CELLS: Final = {
    "mp3-128": 0.79 / 0.89, "mp3-64": 0.46 / 0.89, "aac-128": 0.79 / 0.89, "opus-96": 0.82 / 0.89,
    "vorbis-128": 0.82 / 0.89, "noise-40dB": 0.75 / 0.89, "speed-5%": 0.80 / 0.94,
    "speed-3%": 0.78 / 0.94, "speed+3%": 0.84 / 0.94, "speed+5%": 0.86 / 0.94,
    "pitch+1-semitone": 0.0,
}  # fmt: skip


def write_measured(folder: Path, reports: Path) -> Path:
    """Write MEASURED.md into a model's folder from a folder of reports.

    ``reports`` contains evaluation.json, and may contain robustness.json and `earmark predict`'s
    files.

    Raises:
        BadInput: reason ``report``, where there is none or it is about another model.
        ModelError: the folder is no model's.
    """
    model = Model.load(folder)
    evaluation, robustness = (
        orjson.loads(path.read_bytes()) if path.is_file() else None
        for path in (reports / "evaluation.json", reports / "robustness.json")
    )
    if evaluation is None:
        raise BadInput("report", f"{reports} has no evaluation.json: run earmark evaluate --out")
    about = {"evaluation.json": evaluation["model"]["digest"]}
    if robustness is not None:
        about["robustness.json"] = robustness["models"].get(model.name, {}).get("digest", "none")
    outcomes = {path.name: orjson.loads(path.read_bytes()) for path in sorted(reports.glob(FILES))}
    about |= {name: one["model"]["digest"] for name, one in outcomes.items()}
    for name, digest in about.items():
        if digest != model.digest:
            raise BadInput(
                "report",
                f"{reports / name} is about {digest[:12]}, but {folder} is {model.digest[:12]}: "
                "measure this one",
            )
    head = _HEAD.format(name=model.name, version=model.version, digest=model.digest)
    path = folder / MEASURED
    few_shot = orjson.loads((folder / MANIFEST).read_bytes()).get("few_shot")
    card = blocks(evaluation, robustness, model.name, few_shot, list(outcomes.values()))
    path.write_text(head + markdown(card), encoding="utf-8")
    return path


def blocks(
    evaluation: dict[str, Any],
    robustness: dict[str, Any] | None,
    model: str,
    few_shot: dict[str, Any] | None = None,
    outcomes: Sequence[dict[str, Any]] = (),
) -> list[Block]:
    """Return the measured part of a card from the figures of the reports.

    ``few_shot`` are the manifest's figures about generators learned from a few tracks.
    """
    card = report.blocks(evaluation, details=False)
    if robustness is not None:
        card.append(Heading("Deliveries, lengths, parts, hard negatives"))
        card += robustness_report.card_blocks(robustness, model)
    if outcomes:
        card += [
            Heading("What a user of it gets to see"),
            "Outcomes of `earmark analyze`, the released model on every file. Most of these makers "
            "are known to it, so these are no figures about unknown ones.",
        ]
        for files in outcomes:
            name = f"{files['name']}, alpha {files['alpha']:.2%}"
            card.append(Table((name, *HEAD), outcome_rows(files["labels"])))
    rows = [*_evaluated(evaluation["subsets"])]
    if few_shot is not None:
        mean = few_shot["mean"]["5"]
        rows.append(_row("learned from five tracks, 44.1 kHz and up", 0.988, mean["full_rate"]))
        rows.append(_row("learned from five tracks, all", 0.952, mean["all"]))
    if robustness is not None:
        rows += _delivered(robustness, model)
    heading = Heading("Beside the studies that it was built from")
    return [*card, heading, _STUDIES, Table(STUDY_HEAD, rows)]


def _evaluated(subsets: dict[str, Any]) -> Iterator[list[str]]:
    for name, subset, baseline, study in _EVALUATED:
        figures = subsets.get(subset, {}).get("baselines", {}).get(baseline)
        if figures is not None:
            yield from (_row(_FOUND.get(key, name), at, figures[key]) for key, at in study.items())
    high = subsets.get("44.1 kHz and up")
    if high is not None:
        for alpha, at in _REALISED.items():
            what = f"false positives realised at {float(alpha):.0%}, repositories left out"
            yield _row(what, at, high["conformal"][alpha]["realised_fpr"], less=True)
        for name, at in _PROBABILITY.items():
            yield _row(f"probability: {name}", at, high["probability"][name.lower()], less=True)


def _delivered(report: dict[str, Any], model: str) -> Iterator[list[str]]:
    windows, cells = (
        {row["cell"]: row["tpr"]["share"] for row in report[key] if row["model"] == model}
        for key in ("windows", "cells")
    )
    for cell, study in _WINDOWS.items():
        if windows.get(cell) is not None:
            yield _row(f"found in {cell}", study, windows[cell])
    for cell, study in _CELLS.items():
        if cells.get(cell) is not None and cells.get("original"):
            name = f"of what is found unaltered, found after {cell}"
            yield _row(name, study, cells[cell] / cells["original"])
    for row in report["splices"].get(model, ()):
        if row["seconds"] == 30 and row["found"] is not None:
            yield _row("a part of 30 s found", 0.92, row["found"])
        if row["seconds"] == 30 and row["edge_error_s"] is not None:
            yield ["its edges, median error", "1.8 s", f"{row['edge_error_s']:.1f} s", ""]


def _row(name: str, study: float, here: float, *, less: bool = False) -> list[str]:
    ahead = (study - here) if less else (here - study)
    word = "level" if abs(ahead) <= LEVEL + 1e-9 else "better" if ahead > 0 else "worse"
    return [name, f"{study:.3f}", f"{here:.3f}", word]
