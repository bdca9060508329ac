"""The card's second part: MEASURED.md of a model folder, from the reports about that model.

It is written after the release, because the released model is measured. It is no file of the
manifest, so it may be written again. Figures of a model with another digest are refused.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from detector.assessment.model import MANIFEST, Model
from detector.errors import BadInput
from models.evaluation import report, robustness_report
from models.evaluation.document import Block, Heading, Table, markdown
from models.evaluation.outcomes_report import FILES, HEAD, outcome_rows
from models.evaluation.published_baselines import HEAD as STUDY_HEAD
from models.evaluation.published_baselines import compared

MEASURED: Final = "MEASURED.md"
_HEAD: Final = """# {name} {version}: what was measured

The second part of the card, about sha256 `{digest}`. Written by `earmark card` from the
reports of `earmark evaluate` and `earmark robustness`. Every generator counts as unseen (its
templates, and all from its repositories, are left out) and every human source as unknown,
unless a column says *known*. Intervals (95 %) resample whole generators and repositories.
Constants and rates of the clock were chosen by people who knew several of these generators:
the nested figures say what that is worth, and on others figures will be lower.

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


def write_measured(folder: Path, reports: Path) -> Path:
    """Write MEASURED.md into a model's folder from a report's folder.

    Args:
        folder: the released model.
        reports: contains evaluation.json and, where those were run, robustness.json and the
            files of `earmark predict`.

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
    """Return the measured part of a card.

    Args:
        evaluation: figures of ``models.evaluation.evaluate``.
        robustness: figures of ``models.evaluation.robustness``, if that was run.
        model: name of the model, as robustness lists it.
        few_shot: the manifest's figures about generators learned from a few tracks.
        outcomes: reports of ``models.evaluation.outcomes_report``.
    """
    card = report.blocks(evaluation, details=False)
    if robustness is not None:
        card.append(Heading("Deliveries, lengths, parts, hard negatives"))
        card += robustness_report.card_blocks(robustness, model)
    if outcomes:
        card += [
            Heading("What whoever runs it gets to see"),
            "Outcomes of `earmark analyze`, the released model on every file. Most of these makers "
            "are known to it, so these are no figures about unknown ones.",
        ]
        for files in outcomes:
            name = f"{files['name']}, alpha {files['alpha']:.2%}"
            card.append(Table((name, *HEAD), outcome_rows(files["labels"])))
    card += [Heading("Beside the studies that it was built from"), _STUDIES]
    return [*card, Table(STUDY_HEAD, compared(evaluation, robustness, few_shot, model))]
