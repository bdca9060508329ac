"""What was measured, as the card prints it: from evaluation.json and robustness.json."""

from collections.abc import Iterable, Sequence
from typing import Any

from models.evaluation.outcomes_report import OUTCOMES, outcome_rows
from models.evaluation.pages import between, percent
from models.evaluation.published_baselines import HEAD, compared
from models.evaluation.robustness_report import SPLICES, splice_cells

DURATIONS = ("length", "human", "flagged at 1 %", "2 %", "5 %", "AI", "found at 1 %", "5 %")
DECODERS = (
    "generator", "tracks", "rates, Hz", "templates taken away beside its own",
    "found at 1 %, rates penalised", "rates on no list",
)  # fmt: skip
STUDIES = (
    "The study of decoder clocks and the survey's prototypes measured the same whole files, with "
    "makers left out less strictly and thresholds at quantiles of all human recordings; the "
    "clock's constants were chosen on the files that report on them. Deliveries are excerpts of "
    "40 s here and there, but not the same ones. The study of altered speed looked with that look "
    "alone, at its own 1 %; here it is one look of several. Probabilities are weighed here so that "
    "every maker counts alike, of whom one that is not found is a ninth; there every track did. "
    "Within a point is called level."
)
LABELS = {"ai": "AI", "human": "human"}


def sections(
    evaluation: dict[str, Any],
    robustness: dict[str, Any] | None,
    model: str,
    few_shot: dict[str, Any] | None = None,
    outcomes: Sequence[dict[str, Any]] = (),
) -> str:
    """Return the measured part of a card in Markdown.

    Args:
        evaluation: figures of ``models.evaluation.evaluate``.
        robustness: figures of ``models.evaluation.robustness``, if that was run.
        model: name of the model, as robustness lists it.
        few_shot: what its manifest says about generators learned from a few tracks.
        outcomes: what it answers to the files of some manifests (``outcomes_report``).
    """
    lines = _data(evaluation["data"])
    for name, subset in evaluation["subsets"].items():
        lines += ["", f"### {name[0].upper()}{name[1:]}", "", *_subset(subset)]
        if name in evaluation["nested"]:
            lines += ["", *_nested(evaluation["nested"][name])]
        if name in evaluation["unseen_decoders"]:
            lines += ["", *_decoders(evaluation["unseen_decoders"][name])]
        if name in evaluation["suspects"]:
            lines += ["", suspects_text(evaluation["suspects"][name])]
    if evaluation["attribution"] is not None:
        lines += ["", "### Naming the generator", "", *_attribution(evaluation["attribution"])]
    if robustness is not None:
        lines += ["", "### Deliveries, lengths, parts, hard negatives", ""]
        lines += robustness_lines(robustness, model)
    if outcomes:
        lines += ["", "### What whoever runs it gets to see", "", *_served(outcomes)]
    lines += ["", "### Beside the studies that it was built from", "", STUDIES, ""]
    lines += _table(HEAD, compared(evaluation, robustness, few_shot, model))
    return "\n".join(lines) + "\n"


def _served(outcomes: Sequence[dict[str, Any]]) -> list[str]:
    """Return the outcomes of the released model on every file, makers known to it or not."""
    lines = [
        "Outcomes of `earmark analyze`, the released model on every file. Most of these makers "
        "are known to it, so these are no figures about unknown ones."
    ]
    heads = [outcome.replace("_", " ") for outcome in OUTCOMES]
    for report in outcomes:
        rows = outcome_rows(report["labels"])
        lines += ["", *_table((_files(report), "files", *heads, "reasons to abstain"), rows)]
    return lines


def _files(report: dict[str, Any]) -> str:
    return f"{report['name']}, alpha {report['alpha']:.2%}"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        "|" + "---|" * len(head),
        *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows),
    ]


def _data(data: dict[str, Any]) -> list[str]:
    used = data["used"]
    text = "; ".join(
        f"{used[label]['tracks']} {LABELS[label]} tracks ({used[label]['performances']} "
        f"performances) of {used[label]['makers']} {makers} from "
        f"{used[label]['repositories']} repositories, {used[label]['hours']:.1f} hours"
        for label, makers in (("ai", "generators"), ("human", "sources"))
    )
    left_out = "; ".join(f"{one['tracks']} of {one['maker']}" for one in data["suspects"])
    listed = sum(data["listed"].values())
    return [
        f"Of {listed} listed files: {text}. {data['not_used']} others (codec re-syntheses, AI "
        f"singing) are no subjects. Left out as suspect: {left_out or 'none'}."
    ]


def _subset(subset: dict[str, Any]) -> list[str]:
    low, high = subset["auroc_interval"]
    return [
        f"{subset['ai']} AI tracks ({subset['abstained_ai']} abstained), {subset['human']} "
        f"human ones ({subset['abstained_human']} abstained). AUROC {subset['auroc']:.3f} "
        f"[{low:.3f}, {high:.3f}]; with labels permuted between makers "
        f"{subset['permuted_auroc']:.2f}.",
        "",
        *_table(
            ("", "AUROC", "found at 1 % FPR", "95 %", "at 5 % FPR", "95 %"),
            (
                (name, f"{row['auroc']:.3f}", percent(row["tpr_at_0.01"]),
                 between(row["tpr_at_0.01_interval"]), percent(row["tpr_at_0.05"]),
                 between(row["tpr_at_0.05_interval"]))
                for name, row in subset["baselines"].items()
            ),
        ),
        "",
        "(Of tracks that can be assessed. All baselines are fitted without the track's maker.)",
        "",
        "Realised, each human track against the other repositories', abstentions counted: "
        + "; ".join(
            f"alpha {float(alpha):.0%} flags {percent(at['realised_fpr'])} of human tracks (up to "
            f"{percent(at['bound'])} is within chance) and {percent(at['tpr'])} of AI tracks"
            for alpha, at in subset["conformal"].items()
            if at["supported"]
        )
        + ".",
        "",
        "Outcomes at alpha 1 %: "
        + "; ".join(
            f"{LABELS[label]} " + ", ".join(
                f"{percent(share)} {name.replace('_', ' ')}" for name, share in shares.items()
            )
            for label, shares in subset["outcomes"].items()
        )
        + f". Unlike all that was learned from, and so not assessed: {subset['unlike']['ai']} "
        f"AI and {subset['unlike']['human']} human tracks.",
        "",
        f"Probability: Brier {subset['probability']['brier']:.3f}, ECE "
        f"{subset['probability']['ece']:.3f}, log loss {subset['probability']['log_loss']:.3f}.",
        "",
        _confounds(subset["confounds"]),
        "",
        *_table(DURATIONS, duration_rows(subset["by_duration"])),
        "",
        *_table(
            ("generator (unseen)", "tracks", "abstained", "AUROC", "flagged at 1 %", "at 5 %",
             "median score"),
            (
                (maker, row["tracks"], row["abstained"],
                 "-" if row["auroc"] is None else f"{row['auroc']:.3f}",
                 percent(row["flagged_at_1"]), percent(row["flagged_at_5"]),
                 f"{row['median_score']:.2f}")
                for maker, row in subset["generators"].items()
            ),
        ),
        "",
        *_table(
            ("human source (left out)", "tracks", "abstained", "flagged at 1 %", "at 5 %",
             "median score"),
            (
                (maker, row["tracks"], row["abstained"], percent(row["flagged_at_1"]),
                 percent(row["flagged_at_5"]), f"{row['median_score']:.2f}")
                for maker, row in subset["human_sources"].items()
            ),
        ),
    ]  # fmt: skip


def _decoders(decoders: dict[str, Any]) -> list[str]:
    return [decoders_text(decoders), "", *_table(DECODERS, decoder_rows(decoders))]


def decoders_text(decoders: dict[str, Any]) -> str:
    """Return the figures with the decoder unknown, in a sentence."""
    listed, unlisted = decoders["all"]["listed"], decoders["all"]["unlisted"]
    return (
        "Decoder unseen as well (templates that resemble the generator's own taken away, and its "
        "rates no longer plausible), clock and templates: AUROC "
        f"{listed['auroc']:.3f}, found {percent(listed['tpr_at_0.01'])} at 1 % and "
        f"{percent(listed['tpr_at_0.05'])} at 5 %; with its rates on no list at all AUROC "
        f"{unlisted['auroc']:.3f}, {percent(unlisted['tpr_at_0.01'])} and "
        f"{percent(unlisted['tpr_at_0.05'])}."
    )


def decoder_rows(decoders: dict[str, Any]) -> list[list[str]]:
    """Return rows under ``DECODERS``."""
    return [
        [
            maker,
            str(row["tracks"]),
            ", ".join(f"{hz:g}" for hz in row["rates_hz"]),
            ", ".join(row["templates_taken"]) or "-",
            percent(row["listed"]["tpr_at_0.01"]),
            percent(row["unlisted"]["tpr_at_0.01"]),
        ]
        for maker, row in decoders["generators"].items()
    ]


def suspects_text(suspects: dict[str, Any]) -> str:
    """Return what suspect recordings would change, in a sentence."""
    return (
        f"{suspects['suspects']} recordings that are listed as people's are left out as vocoder "
        "output (reasons in `models/learning/data.py`). "
        "Counted as people's, false positives would be "
        + ", ".join(
            f"{percent(counted)} instead of {percent(suspects['fpr_without'][alpha])} "
            f"at {float(alpha):.0%}"
            for alpha, counted in suspects["fpr_with"].items()
        )
        + "."
    )


def duration_rows(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return rows under ``DURATIONS``."""
    return [
        [
            f"{row['from_s']:g} s and more"
            if row["to_s"] is None
            else f"{row['from_s']:g} to {row['to_s']:g} s",
            str(row["human"]),
            *(percent(row["fpr"][at]) for at in ("0.01", "0.02", "0.05")),
            str(row["ai"]),
            *(percent(row["tpr"][at]) for at in ("0.01", "0.05")),
        ]
        for row in rows
    ]


def _confounds(confounds: dict[str, Any]) -> str:
    weighed = confounds["weighed"]
    verdict = "the set is confounded as delivered" if confounds["confounded"] else "below the limit"
    return (
        f"Confounds: bit rate, duration, loudness, sample rate and cut-off alone, makers left out, "
        f"reach AUROC {confounds['auroc']:.2f} at best ({confounds['strongest']}; limit "
        f"{confounds['limit']:.2f}): {verdict}. Weighed so that they tell nothing (worth "
        f"{weighed['effective_ai']:.0f} AI and {weighed['effective_human']:.0f} human tracks) the "
        f"detector has AUROC {weighed['auroc']:.3f} and finds "
        f"{percent(weighed['tpr_at_fpr']['0.01'])} at 1 %, "
        f"{percent(weighed['tpr_at_fpr']['0.05'])} at 5 %."
    )


def _nested(rows: Sequence[dict[str, Any]]) -> list[str]:
    def mean(name: str) -> str:
        values = [row["fused"][name] for row in rows]
        spread = f"{percent(min(values))} to {percent(max(values))}"
        return f"{percent(sum(values) / len(values))} ({spread})"

    aurocs = [row["fused"]["auroc"] for row in rows]
    return [
        f"Nested: constants and plausible rates of the clock, templates, scales and thresholds "
        f"chosen on one "
        f"half of the makers and judged on the other, {len(rows)} times. Clock and templates "
        f"together: AUROC {sum(aurocs) / len(aurocs):.3f} ({min(aurocs):.3f} to "
        f"{max(aurocs):.3f}); found at 1 % {mean('tpr_at_0.01')}, at 5 % {mean('tpr_at_0.05')}; at "
        f"the other half's 1 % threshold {mean('frozen_0.01_tpr')} of AI and "
        f"{mean('frozen_0.01_fpr')} of human tracks are flagged, at its 5 % threshold "
        f"{mean('frozen_0.05_tpr')} and {mean('frozen_0.05_fpr')}."
    ]


def _attribution(attribution: dict[str, Any]) -> list[str]:
    known, unseen = attribution["known"], attribution["unseen"]
    lines = [
        f"At 44.1 kHz and up only. With the track's whole repository left out, of "
        f"{known['tracks']} tracks of generators known from other repositories "
        f"{percent(known['right'])} are named rightly, {percent(known['wrong'])} wrongly, "
        f"{percent(known['not_named'])} not at all; of "
        f"{unseen['tracks']} tracks of unseen generators {percent(unseen['wrong'])} are given "
        "another's name."
    ]
    if attribution["families"]:
        groups = "; ".join(" and ".join(members) for members in attribution["families"])
        lines.append(
            f"Taken for each other, because they share a decoder or nearly: {groups}. A name "
            "then means one of them."
        )
    return lines


def robustness_lines(robustness: dict[str, Any], model: str) -> list[str]:
    """Return the tables of deliveries, lengths, splices and hard negatives."""
    ai, human = robustness["data"]["ai"], robustness["data"]["human"]
    known = f"{model}, generators known"
    lines = [
        f"{sum(ai.values())} AI excerpts of {len(ai)} generators, {sum(human.values())} human "
        f"ones of {len(human)} sources, at most {robustness['excerpt_s']:g} s, 44.1 kHz and up, at "
        f"the frozen threshold of alpha {robustness['alpha']:g}. Unseen: as if the generator had "
        "never been met. Known: as released. Human excerpts' own repositories are "
        f"{robustness['human_scores'][model]} among the human scores.",
        "",
    ]
    for title, key in (("delivery", "cells"), ("length", "windows")):
        rows = {row["cell"]: row for row in robustness[key] if row["model"] == model}
        met = {row["cell"]: row for row in robustness[key] if row["model"] == known}
        lines += _table(
            (title, "AI", "found, unseen", "95 %", "found, known", "human", "flagged", "95 %"),
            (
                (cell, row["tpr"]["n"], percent(row["tpr"]["share"]),
                 between(row["tpr"]["interval"]),
                 percent(met[cell]["tpr"]["share"]) if cell in met else "-",
                 row["fpr"]["n"], percent(row["fpr"]["share"]), between(row["fpr"]["interval"]))
                for cell, row in rows.items()
            ),
        )  # fmt: skip
        lines.append("")
    splices = robustness["splices"].get(model)
    if splices:
        lines += [
            "A generator's part inside two minutes of somebody's recording:",
            "",
            *_table(SPLICES, map(splice_cells, splices)),
            "",
        ]
    lines += [
        "Made to look like a decoder's clock (false alarms at that alpha):",
        "",
        *_table(
            ("hard negatives", "made", "flagged", "95 %", "uncertain", "abstained"),
            (
                (row["family"], row["n"], percent(row["share"]), between(row["interval"]),
                 percent(row["uncertain"]), percent(row["abstained"]))
                for row in robustness["families"]
                if row["model"] == model
            ),
        ),
    ]  # fmt: skip
    flagged = [
        f"{row['kind']} {percent(row['flagged'])}"
        for row in robustness["negatives"]
        if row["model"] == model and row["flagged"]
    ]
    return [*lines, "", f"Flagged kinds: {', '.join(flagged) or 'none'}."]
