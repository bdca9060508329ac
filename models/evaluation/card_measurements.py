"""The card's second part: MEASURED.md of a model folder, from the reports about that model.

It is written after the release and is no file of the manifest, so it may be written again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from detector.assessment.model import Model
from detector.errors import BadInput
from models.evaluation import report, robustness_report, tiers_report
from models.evaluation.document import Block, Heading, Table, markdown
from models.evaluation.outcomes_report import FILES, HEAD, outcome_rows
from models.evaluation.tiers import REPORT, weights_digest

MEASURED: Final = "MEASURED.md"
_HEAD: Final = """# {name} {version}: what was measured

The second part of the card, about the weights with sha256 `{weights}`. Written by `earmark card`
from the reports of `earmark evaluate`, `earmark evaluate-tiers` and `earmark robustness`. Every
generator counts as unseen (its templates, and all from its repositories, are left out) and every
human source as unknown, unless something is headed *known*. Intervals (95 %) resample whole
generators and repositories. Constants and rates of the clock were chosen by people who knew
several of these generators, so figures on others will be lower.

"""


def write_measured(folder: Path, reports: Path) -> Path:
    """Write MEASURED.md into a model's folder from a folder of reports.

    ``reports`` contains evaluation.json or tiers.json, and may contain robustness.json and
    `earmark predict`'s files. The weights are what was measured: code that was renamed since
    changes the model's digest and no answer.

    Raises:
        BadInput: reason ``report``, where there is none or it is about another model.
        ModelError: the folder is no model's.
    """
    model = Model.load(folder)
    evaluation, robustness, tiers = (
        orjson.loads(path.read_bytes()) if path.is_file() else None
        for path in (reports / "evaluation.json", reports / "robustness.json", reports / REPORT)
    )
    if evaluation is None and tiers is None:
        raise BadInput("report", f"{reports} has no evaluation.json: run earmark evaluate --out")
    about = {}
    if evaluation is not None:
        about["evaluation.json"] = evaluation["model"]["digest"]
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
    weights = weights_digest(folder)
    if tiers is not None and tiers["model"]["weights"] != weights:
        raise BadInput(
            "report", f"{reports / REPORT} is about other weights than {folder}: measure this one"
        )
    head = _HEAD.format(name=model.name, version=model.version, weights=weights)
    path = folder / MEASURED
    card = [] if tiers is None else tiers_report.blocks(tiers)
    if evaluation is not None:
        card += blocks(evaluation, robustness, model.name, list(outcomes.values()))
    path.write_text(head + markdown(card), encoding="utf-8")
    return path


def blocks(
    evaluation: dict[str, Any],
    robustness: dict[str, Any] | None,
    model: str,
    outcomes: Sequence[dict[str, Any]] = (),
) -> list[Block]:
    """Return the measured part of a card from the figures of the reports."""
    card = report.blocks(evaluation, details=False)
    if robustness is not None:
        card.append(Heading("Deliveries, lengths, parts, hard negatives"))
        card += robustness_report.blocks(robustness, model)
    if outcomes:
        card += [
            Heading("What a user of it gets to see"),
            "Outcomes of `earmark analyze`, the released model on every file. Most of these makers "
            "are known to it, so these are no figures about unknown ones.",
        ]
        for files in outcomes:
            name = f"{files['name']}, alpha {files['alpha']:.2%}"
            card.append(Table((name, *HEAD), outcome_rows(files["labels"])))
    return card
