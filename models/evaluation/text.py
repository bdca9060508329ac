"""The figures of ``models.evaluation.evaluate`` as text for a terminal, and the scores as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detector.types import FloatVector
from models.learning.null_distribution import Null
from models.training.detection_tables import HEADING, rows
from models.training.scoring import Scored


def text_of(figures: dict[str, Any]) -> str:
    """Return the report."""
    lines = _data(figures["data"])
    for name, subset in figures["subsets"].items():
        lines += ["", *_subset(name, subset)]
    for name, halved in figures["nested"].items():
        lines += ["", *_nested(name, halved)]
    for name, table in figures["unseen_decoders"].items():
        listed, unlisted = table["all"]["listed"], table["all"]["unlisted"]
        lines += [
            "",
            f"{name}: decoder unseen as well: AUROC {listed['auroc']:.3f}, TPR "
            f"{listed['tpr_at_0.01']:.3f} at 1 %; its rates on no list: {unlisted['auroc']:.3f}, "
            f"{unlisted['tpr_at_0.01']:.3f}",
        ]
    for name, table in figures["suspects"].items():
        lines.append(
            f"{name}: with {table['suspects']} suspects counted as people's, false positives "
            f"{table['fpr_with']} instead of {table['fpr_without']}"
        )
    if figures["attribution"] is not None:
        lines += ["", *_attribution(figures["attribution"])]
    if figures["as_released"]:
        lines += ["", f"as released, on makers that training never met: {figures['as_released']}"]
    return "\n".join(lines)


def _data(data: dict[str, Any]) -> list[str]:
    listed = ", ".join(f"{count} {label}" for label, count in data["listed"].items())
    lines = [f"{sum(data['listed'].values())} tracks: {listed}"]
    for label, name in (("ai", "generator"), ("human", "source")):
        used = data["used"][label]
        lines.append(
            f"{label}: {used['tracks']} ({used['performances']} performances) from "
            f"{used['makers']} {name}s, {used['repositories']} repositories, "
            f"{used['hours']:.1f} hours"
        )
    lines += [f"left out: {one['tracks']} of {one['maker']}: {one['why']}"
              for one in data["suspects"]]  # fmt: skip
    lines += [f"could not be heard: {one['track']}: {one['why']}" for one in data["unheard"]]
    return lines


def _subset(name: str, subset: dict[str, Any]) -> list[str]:
    low, high = subset["auroc_interval"]
    lines = [
        f"{name}: {subset['ai']} AI ({subset['abstained_ai']} abstained), {subset['human']} human "
        f"({subset['abstained_human']} abstained)",
        f"  AUROC {subset['auroc']:.3f} [{low:.3f}, {high:.3f}]; labels permuted "
        f"{subset['permuted_auroc']:.2f}",
    ]
    for fpr, point in subset["tpr_at_fpr"].items():
        low, high = point["interval"]
        lines.append(
            f"  TPR at {float(fpr):.0%} FPR {point['tpr']:.3f} [{low:.3f}, {high:.3f}], "
            f"score > {point['threshold']:.2f}"
        )
    for alpha, point in subset["conformal"].items():
        lines.append(
            f"  alpha {float(alpha):.0%}: flags {point['tpr']:.3f} of AI, "
            f"{point['realised_fpr']:.3f} of human tracks (up to {point['bound']:.3f} is chance)"
            + ("" if point["supported"] else " (too few human recordings for this alpha)")
        )
    probability, outcomes = subset["probability"], subset["outcomes"]
    lines += [
        f"  probability: Brier {probability['brier']:.3f}, ECE {probability['ece']:.3f}, "
        f"log loss {probability['log_loss']:.3f}",
        "  outcomes: "
        + "; ".join(
            f"{label} " + ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
            for label, shares in outcomes.items()
        ),
        f"  unlike all others: {subset['unlike']['ai']} AI, "
        f""
        f"{subset['unlike']['human']} human tracks",
        *_confounds(subset["confounds"]),
        f"  {'compared with':32s}{'AUROC':>8s}{'TPR 1%':>8s}{'TPR 5%':>8s}",
        *(
            f"  {name:32s}{row['auroc']:8.3f}{row['tpr_at_0.01']:8.3f}{row['tpr_at_0.05']:8.3f}"
            for name, row in subset["baselines"].items()
        ),
        "  human tracks flagged at 1, 2, 5 %, by length: "
        + "; ".join(
            f"from {row['from_s']:g} s ({row['human']}) "
            + ", ".join("-" if share is None else f"{share:.3f}" for share in row["fpr"].values())
            for row in subset["by_duration"]
        ),
        f"  {'generator (unseen)':32s}{HEADING}",
        *rows(subset["generators"]),
        f"  {'human source (left out)':32s}{HEADING}",
        *rows(subset["human_sources"]),
    ]
    return lines


def _confounds(confounds: dict[str, Any]) -> list[str]:
    weighed = confounds["weighed"]
    verdict = "confounded" if confounds["confounded"] else "not confounded"
    return [
        f"  confounds alone: {confounds['strongest']} reaches {confounds['auroc']:.2f} (limit "
        f"{confounds['limit']:.2f}): {verdict} as delivered",
        f"  weighed so that they tell nothing (as {weighed['effective_ai']:.0f} AI, "
        f"{weighed['effective_human']:.0f} human tracks): AUROC {weighed['auroc']:.3f}, TPR "
        f"{weighed['tpr_at_fpr']['0.01']:.3f} at 1 %, {weighed['tpr_at_fpr']['0.05']:.3f} at 5 %",
    ]


def _nested(name: str, halved: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        f"{name}: constants, rates, templates, thresholds of one half of the makers, "
        "judged on the other",
        f"  {'judged':40s}{'AUROC':>8s}{'TPR 1%':>8s}{'TPR 5%':>8s}  frozen at 1%: TPR, FPR",
    ]
    for row in halved:
        fused = row["fused"]
        judged = ", ".join(row["judged"]["ai"])
        lines.append(
            f"  {judged[:38]:40s}{fused['auroc']:8.3f}{fused['tpr_at_0.01']:8.3f}"
            f"{fused['tpr_at_0.05']:8.3f}  {fused['frozen_0.01_tpr']:.3f}, "
            f"{fused['frozen_0.01_fpr']:.3f}"
        )
    return lines


def _attribution(attribution: dict[str, Any]) -> list[str]:
    known, unseen = attribution["known"], attribution["unseen"]
    lines = [
        f"generators named, the track's repository left out: of {known['tracks']} tracks of known "
        f"ones {known['right']:.0%} rightly, {known['wrong']:.0%} wrongly; of {unseen['tracks']} "
        f"of unseen ones {unseen['wrong']:.0%} wrongly"
    ]
    lines += [f"  one decoder, by what is taken for what: {', '.join(members)}"
              for members in attribution["families"]]  # fmt: skip
    return lines


def humans_csv(nulls: Mapping[str, Null]) -> str:
    """Return the null: one row for each hearing of a human recording, its maker unknown."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("population", "repository", "seconds", "score", "weight"))
    for name, null in nulls.items():
        for witness, score, weight in zip(null.witnesses, null.scores, null.weights, strict=True):
            seconds = round(witness.scores.seconds, 1)
            writer.writerow((name, witness.repository, seconds, score, round(float(weight), 6)))
    return out.getvalue()


def scores_csv(scored: Sequence[Scored], p: FloatVector, root: Path) -> str:
    """Return one row per track: who made it, its scores, its p-value with the maker left out."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["path", "sha256", "label", "maker", "repository", "sample_rate_hz", "duration_s", "score",
         "clock", "rate_hz", "template", "p_value", "abstained"]
    )  # fmt: skip
    for recording, value in zip(scored, p, strict=True):
        track, observation = recording.observed.track, recording.observed.observation
        path = track.path.resolve()
        writer.writerow(
            [path.relative_to(root) if path.is_relative_to(root) else track.path.name,
             track.sha256, track.label, track.maker, track.repository,
             observation.sample_rate_hz, np.round(observation.duration_s, 2), recording.score,
             recording.clock,
             recording.rate_hz, recording.template, f"{value:.5f}", recording.reason or ""]
        )  # fmt: skip
    return out.getvalue()
