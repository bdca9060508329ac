"""The card's second part: MEASURED.md of a model folder, from the reports about that model.

It is written after the release, because what is measured is what was released: figures of
any other digest are refused. So it is no file of the manifest, and may be written again
when more was measured; it names the digest that it is about.
"""

from pathlib import Path
from typing import Any, Final

import orjson

from detector.assessment.model import MANIFEST, Model
from detector.errors import BadInput
from models.evaluation.card_tables import sections
from models.evaluation.outcomes_report import FILES

MEASURED: Final = "MEASURED.md"
_HEAD: Final = """# {name} {version}: what was measured

The second part of the card, about sha256 `{digest}`. Written by `earmark card` from the
reports of `earmark evaluate` and `earmark robustness`. Every generator counts as unseen (its
templates, and all from its repositories, are left out) and every human source as unknown,
unless a column says *known*. Intervals (95 %) resample whole generators and repositories.
Constants and rates of the clock were chosen by people who knew several of these generators:
the nested figures say what that is worth, and on others figures will be lower.

"""


def write_measured(folder: Path, report: Path) -> Path:
    """Write MEASURED.md into a model's folder from a report's folder.

    Args:
        folder: the released model.
        report: holds evaluation.json and, where those were run, robustness.json and the files
            of `earmark predict`.

    Raises:
        BadInput: reason ``report``, where there is none or it is about another model.
        ModelError: the folder is no model's.
    """
    model = Model.load(folder)
    evaluation = _read(report / "evaluation.json")
    if evaluation is None:
        raise BadInput("report", f"{report} has no evaluation.json: run earmark evaluate --out")
    robustness = _read(report / "robustness.json")
    about = {"evaluation.json": evaluation["model"]["digest"]}
    if robustness is not None:
        about["robustness.json"] = robustness["models"].get(model.name, {}).get("digest", "none")
    outcomes = {path.name: orjson.loads(path.read_bytes()) for path in sorted(report.glob(FILES))}
    about |= {name: one["model"]["digest"] for name, one in outcomes.items()}
    for name, digest in about.items():
        if digest != model.digest:
            raise BadInput(
                "report",
                f"{report / name} is about {digest[:12]}, but {folder} is {model.digest[:12]}: "
                "measure this one",
            )
    head = _HEAD.format(name=model.name, version=model.version, digest=model.digest)
    path = folder / MEASURED
    few_shot = orjson.loads((folder / MANIFEST).read_bytes()).get("few_shot")
    lines = sections(evaluation, robustness, model.name, few_shot, list(outcomes.values()))
    path.write_text(head + lines, encoding="utf-8")
    return path


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    report: dict[str, Any] = orjson.loads(path.read_bytes())
    return report
