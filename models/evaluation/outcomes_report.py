"""The outcomes of a released model on each file of a manifest, as `earmark analyze` gives them.

The model has met most of these makers, so this does not measure how well it finds unknown ones.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from detector.assessment.model import Model
from detector.types import Assessment, Rates
from models.evaluation.document import percent, write_files
from models.learning.data import HUMAN, read_manifest, traces, usable
from models.learning.observations import Observed, observe

ALPHA: Final = 0.01
FILES: Final = "outcomes-*.json"
OUTCOMES: Final = ("identified", "suspected", "uncertain", "no_trace", "not_assessable")
HEAD: Final = ("files", *(name.replace("_", " ") for name in OUTCOMES), "reasons to abstain")
NAMES: Final = {
    "ai": "AI",
    "human": "human",
    "suspect": "listed as human, suspect",
    "codec": "people's, re-synthesised by a codec or vocoder",
    "singing_ai": "AI singing",
}


def write_outcomes(
    manifest: Path, root: Path, folder: Path, out: Path, *, name: str, cache: Path, workers: int
) -> dict[str, Any]:
    """Write the outcomes on a manifest's files into a report's folder, under ``name`` on the card.

    Alpha is 1 %, or the smallest that the model supports. Suspect recordings are listed apart.
    """
    model = Model.load(folder)
    tracks = read_manifest(manifest, root)
    suspects = [track for track in tracks if track.suspect and track.label == HUMAN]
    observed, rejected = observe([*usable(tracks), *suspects, *traces(tracks)], cache, workers)
    supported = [
        humans.least_p_value
        for calibration in model.calibrations.values()
        for humans in calibration.humans.by_stratum
    ]
    alpha = max(ALPHA, *supported)
    report = {
        "model": {"name": model.name, "digest": model.digest},
        "name": name,
        "alpha": alpha,
        "could_not_be_heard": len(rejected),
        "labels": outcome_counts(observed, model, alpha),
    }
    write_files(out, {FILES.replace("*", name.replace(" ", "-")): report})
    return report


def outcome_counts(observed: Sequence[Observed], model: Model, alpha: float) -> dict[str, Any]:
    """Return the number of each outcome, and of each reason to abstain, by label."""
    by_label: dict[str, list[Assessment]] = defaultdict(list)
    assessed = model.assess([item.observation for item in observed], Rates(alpha))
    for item, answer in zip(observed, assessed, strict=True):
        by_label["suspect" if item.track.suspect else item.track.label].append(answer)
    return {
        label: {
            "files": len(answers),
            "outcomes": {name: sum(one.outcome == name for one in answers) for name in OUTCOMES},
            "reasons": dict(sorted(Counter(one.reason for one in answers if one.reason).items())),
        }
        for label in NAMES
        if (answers := by_label.get(label))
    }


def outcome_rows(labels: dict[str, Any]) -> list[list[str]]:
    """Return rows of a table: the label, then what ``HEAD`` names."""
    return [
        [
            NAMES[label],
            str(row["files"]),
            *(percent(row["outcomes"][name] / row["files"]) for name in OUTCOMES),
            ", ".join(f"{name} {count}" for name, count in row["reasons"].items()) or "-",
        ]
        for label, row in labels.items()
    ]
