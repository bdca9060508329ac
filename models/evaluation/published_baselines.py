"""The figures of this model beside those of the two studies that it was built from.

The study of decoder clocks and the survey measured the same whole files. They left makers out
less strictly: the clock's constants were chosen on the reported files, and thresholds were
quantiles of all human recordings. So a difference of one point is no difference.
"""

from collections.abc import Iterator
from typing import Any, Final

LEVEL: Final = 0.01
HEAD: Final = ("figure", "study", "here", "")
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


def compared(
    evaluation: dict[str, Any],
    robustness: dict[str, Any] | None,
    few_shot: dict[str, Any] | None,
    model: str,
) -> list[list[str]]:
    """Return rows under ``HEAD``; a report that was not made has none."""
    rows = [*_evaluated(evaluation["subsets"])]
    if few_shot is not None:
        mean = few_shot["mean"]["5"]
        rows.append(_row("learned from five tracks, 44.1 kHz and up", 0.988, mean["full_rate"]))
        rows.append(_row("learned from five tracks, all", 0.952, mean["all"]))
    return rows if robustness is None else [*rows, *_delivered(robustness, model)]


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
