"""The figures of this model beside those of the two studies that it was built from.

The study of decoder clocks and the survey with its prototypes measured the same whole files,
makers left out in other ways: the clock's constants were chosen on the files that report on
them, human sources stood together by repository or by name, and thresholds were quantiles of
all human recordings. So one point more or less is nothing.
"""

from collections.abc import Iterator
from typing import Any, Final

LEVEL: Final = 0.01
HEAD: Final = ("figure", "study", "here", "")

# name, where it stands in the report, figure of the study, whether less is better
_Row = tuple[str, tuple[str, ...], float, bool]
_HIGH, _ALL = "44.1 kHz and up", "all rates"
_EVALUATED: Final[tuple[_Row, ...]] = (
    ("44.1 kHz and up, clock and templates: AUROC", (_HIGH, "this model", "auroc"), 0.993, False),
    ("found at 1 % FPR", (_HIGH, "this model", "tpr_at_0.01"), 0.967, False),
    ("found at 5 % FPR", (_HIGH, "this model", "tpr_at_0.05"), 0.975, False),
    ("clock alone, guarded: AUROC", (_HIGH, "clock alone", "auroc"), 0.997, False),
    ("found at 1 % FPR", (_HIGH, "clock alone", "tpr_at_0.01"), 0.950, False),
    ("found at 5 % FPR", (_HIGH, "clock alone", "tpr_at_0.05"), 0.985, False),
    ("templates alone: AUROC", (_HIGH, "templates alone", "auroc"), 0.961, False),
    ("found at 1 % FPR", (_HIGH, "templates alone", "tpr_at_0.01"), 0.90, False),
    ("all rates, clock, templates and a learned branch: AUROC",
     (_ALL, "this model", "auroc"), 0.952, False),
    ("found at 1 % FPR", (_ALL, "this model", "tpr_at_0.01"), 0.825, False),
    ("found at 5 % FPR", (_ALL, "this model", "tpr_at_0.05"), 0.872, False),
    ("the survey's best fusion (44.1 kHz and up): AUROC", (_HIGH, "this model", "auroc"),
     0.939, False),
    ("found at 1 % FPR", (_HIGH, "this model", "tpr_at_0.01"), 0.67, False),
    ("found at 5 % FPR", (_HIGH, "this model", "tpr_at_0.05"), 0.80, False),
)  # fmt: skip
_REALISED: Final = {"0.01": 0.005, "0.02": 0.019, "0.05": 0.044}
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
    """Return rows under ``HEAD``; of reports that were not made there are none."""
    rows = [*_evaluated(evaluation["subsets"]), *_few_shot(few_shot)]
    return rows if robustness is None else [*rows, *_delivered(robustness, model)]


def _evaluated(subsets: dict[str, Any]) -> Iterator[list[str]]:
    for name, (subset, rule, key), study, less in _EVALUATED:
        figures = subsets.get(subset, {}).get("baselines", {}).get(rule)
        if figures is not None:
            yield _row(name, study, figures[key], less=less)
    if _HIGH in subsets:
        high = subsets[_HIGH]
        for alpha, study in _REALISED.items():
            realised = high["conformal"][alpha]["realised_fpr"]
            what = f"false positives realised at {float(alpha):.0%}, repositories left out"
            yield _row(what, study, realised, less=True)
        for name, study in (("brier", 0.030), ("ece", 0.011)):
            what = f"probability: {'Brier' if name == 'brier' else 'ECE'}"
            yield _row(what, study, high["probability"][name], less=True)


def _few_shot(report: dict[str, Any] | None) -> Iterator[list[str]]:
    if report is not None:
        yield _row("learned from five tracks, 44.1 kHz and up", 0.988,
                   report["mean"]["5"]["full_rate"])  # fmt: skip
        yield _row("learned from five tracks, all", 0.952, report["mean"]["5"]["all"])


def _delivered(report: dict[str, Any], model: str) -> Iterator[list[str]]:
    windows = {row["cell"]: row["tpr"]["share"] for row in report["windows"]
               if row["model"] == model}  # fmt: skip
    for cell, study in _WINDOWS.items():
        if windows.get(cell) is not None:
            yield _row(f"found in {cell}", study, windows[cell])
    cells = {row["cell"]: row["tpr"]["share"] for row in report["cells"] if row["model"] == model}
    for cell, study in _CELLS.items():
        if cells.get(cell) is not None and cells.get("original"):
            yield _row(f"of what is found unaltered, found after {cell}", study,
                       cells[cell] / cells["original"])  # fmt: skip
    for row in report["splices"].get(model, ()):
        if row["seconds"] == 30:
            yield _row("a part of 30 s found", 0.92, row["found"])
            yield ["its edges, median error", "1.8 s", f"{row['edge_error_s']:.1f} s", ""]


def _row(name: str, study: float, here: float, *, less: bool = False) -> list[str]:
    ahead = (study - here) if less else (here - study)
    word = "level" if abs(ahead) <= LEVEL + 1e-9 else "better" if ahead > 0 else "worse"
    return [name, f"{study:.3f}", f"{here:.3f}", word]
