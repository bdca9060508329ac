"""The figures of ``models.evaluation.evaluate`` as blocks, for the card, the page and the text."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from models.evaluation import plots
from models.evaluation.document import (
    Block,
    Heading,
    Picture,
    Table,
    between,
    decimal,
    named,
    percent,
    table_of,
)

LABELS: Final = {"ai": "AI", "human": "human"}
_LEFT_OUT: Final = {
    "suspects": ("suspect source, left out", "tracks", "why"),
    "unheard": ("could not be decoded", "why"),
}
_auroc: Final = partial(decimal, places=3)
_BASELINES: Final = (
    ("", "name"), ("AUROC", "auroc", _auroc), ("found at 1 % FPR", "tpr_at_0.01", percent),
    ("95 %", "tpr_at_0.01_interval", between), ("at 5 % FPR", "tpr_at_0.05", percent),
    ("95 %", "tpr_at_0.05_interval", between),
)  # fmt: skip
_MAKERS: Final = (
    ("tracks", "tracks"), ("abstained", "abstained"), ("AUROC", "auroc", _auroc),
    ("flagged at 1 %", "flagged_at_1", percent), ("at 5 %", "flagged_at_5", percent),
    ("median score", "median_score", decimal),
)  # fmt: skip
_DURATIONS: Final = (
    ("length", "length"), ("human", "human"), ("flagged at 1 %", "fpr/0.01", percent),
    ("2 %", "fpr/0.02", percent), ("5 %", "fpr/0.05", percent), ("AI", "ai"),
    ("found at 1 %", "tpr/0.01", percent), ("5 %", "tpr/0.05", percent),
)  # fmt: skip
_DECODERS: Final = (
    ("generator", "name"), ("tracks", "tracks"),
    ("rates, Hz", "rates_hz", lambda rates: ", ".join(f"{hz:g}" for hz in rates)),
    ("templates taken away beside its own", "templates_taken", lambda n: ", ".join(n) or "-"),
    ("found at 1 %, rates penalised", "listed/tpr_at_0.01", percent),
    ("rates on no list", "unlisted/tpr_at_0.01", percent),
)  # fmt: skip
_WORST: Final = (
    ("track", "track"), ("source", "source"), ("score", "score"), ("clock", "clock"),
    ("rate Hz", "rate_hz"), ("template", "template"), ("p-value", "p_value"),
)  # fmt: skip
_HALVES: Final = (
    ("judged", "judged/ai", ", ".join), ("AUROC", "fused/auroc", _auroc),
    ("TPR at 1 %", "fused/tpr_at_0.01", percent), ("TPR at 5 %", "fused/tpr_at_0.05", percent),
    ("TPR, frozen 1 %", "fused/frozen_0.01_tpr", percent),
    ("FPR", "fused/frozen_0.01_fpr", percent), ("constants", "constants"),
    ("TPR, frozen 5 %", "fused/frozen_0.05_tpr", percent),
    ("FPR", "fused/frozen_0.05_fpr", percent), ("rates Hz", "plausible_hz"),
)  # fmt: skip


def blocks(figures: dict[str, Any], *, details: bool) -> list[Block]:
    """Return the report; ``details`` are what the card leaves out, pictures among them."""
    report: list[Block] = [_data(figures["data"])]
    for key, head in _LEFT_OUT.items():
        if details and figures["data"][key]:
            report.append(Table(head, [[*row.values()] for row in figures["data"][key]]))
    for name, subset in figures["subsets"].items():
        report += [Heading(name), *_subset(subset)]
        if details:
            report += _details(subset)
        if name in figures["nested"]:
            report.append(_nested(figures["nested"][name]))
            if details:
                report.append(Heading("Chosen on one half, judged on the other", 3))
                report.append(table_of(_HALVES, figures["nested"][name]))
        if name in figures["unseen_decoders"]:
            report += _decoders(figures["unseen_decoders"][name])
        if name in figures["suspects"]:
            report.append(_suspects(figures["suspects"][name]))
    if figures["attribution"] is not None:
        report += [Heading("Naming the generator"), _attribution(figures["attribution"])]
    return report


def _data(data: dict[str, Any]) -> str:
    text = "; ".join(
        f"{used['tracks']} {LABELS[label]} tracks ({used['performances']} "
        f"performances) of {used['makers']} {makers} from "
        f"{used['repositories']} repositories, {used['hours']:.1f} hours"
        for label, makers in (("ai", "generators"), ("human", "sources"))
        for used in (data["used"][label],)
    )
    left_out = "; ".join(f"{one['tracks']} of {one['maker']}" for one in data["suspects"])
    return (
        f"Of {sum(data['listed'].values())} listed files: {text}. {data['not_used']} others "
        f"(codec re-syntheses, AI singing) are no subjects. "
        f"Left out as suspect: {left_out or 'none'}."
    )


def _subset(subset: dict[str, Any]) -> list[Block]:
    low, high = subset["auroc_interval"]
    probability = subset["probability"]
    realised = "; ".join(
        f"alpha {float(alpha):.0%} flags {percent(at['realised_fpr'])} of human tracks (up to "
        f"{percent(at['bound'])} is within chance) and {percent(at['tpr'])} of AI tracks"
        for alpha, at in subset["conformal"].items()
        if at["supported"]
    )
    outcomes = "; ".join(
        f"{LABELS[label]} "
        + ", ".join(f"{percent(share)} {name.replace('_', ' ')}" for name, share in shares.items())
        for label, shares in subset["outcomes"].items()
    )
    return [
        f"{subset['ai']} AI tracks ({subset['abstained_ai']} abstained), {subset['human']} "
        f"human ones ({subset['abstained_human']} abstained). AUROC {subset['auroc']:.3f} "
        f"[{low:.3f}, {high:.3f}]; with labels permuted between makers "
        f"{subset['permuted_auroc']:.2f}.",
        table_of(_BASELINES, named(subset["baselines"])),
        "(Of tracks that can be assessed. All baselines are fitted without the track's maker.)",
        "Realised, each human track against the other repositories', abstentions counted: "
        f"{realised}.",
        f"Outcomes at alpha 1 %: {outcomes}. Out of distribution, and so not "
        f"assessed: {subset['unlike']['ai']} AI and {subset['unlike']['human']} human tracks.",
        f"Probability: Brier {probability['brier']:.3f}, ECE {probability['ece']:.3f}, "
        f"log loss {probability['log_loss']:.3f}.",
        _confounds(subset["confounds"]),
        table_of(_DURATIONS, [row | {"length": _length(row)} for row in subset["by_duration"]]),
        table_of((("generator (unseen)", "name"), *_MAKERS), named(subset["generators"])),
        table_of(
            (("human source (left out)", "name"), *_MAKERS[:2], *_MAKERS[3:]),
            named(subset["human_sources"]),
        ),
    ]


def _length(row: dict[str, Any]) -> str:
    to_s = row["to_s"]
    return f"{row['from_s']:g} s and more" if to_s is None else f"{row['from_s']:g} to {to_s:g} s"


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


def _details(subset: dict[str, Any]) -> list[Block]:
    confounds, sources = subset["confounds"], subset["human_sources"]
    return [
        Picture(partial(plots.curve, subset), "Found against falsely flagged, at low rates."),
        Picture(partial(plots.makers, subset["generators"], ai=True), "Generators, each unseen."),
        Picture(partial(plots.makers, sources, ai=False), "Human sources, each left out."),
        Picture(
            partial(plots.reliability, subset["probability"]["bins"]),
            "Reliability: stated probability against the share that is AI; circles by weight. "
            "Points on the diagonal are calibrated.",
        ),
        Heading("The human recordings most like a generator's", 3),
        table_of(_WORST, subset["worst_humans"]),
        Heading("Confounds alone", 3),
        Table(
            ("probe", "AUROC"), [(name, f"{at:.2f}") for name, at in confounds["probes"].items()]
        ),
        f"Weighed, the strongest probe has AUROC {confounds['weighed']['probe_auroc']:.2f}.",
    ]


def _nested(rows: Sequence[dict[str, Any]]) -> str:
    def mean(name: str, show: Callable[[float], str] = percent) -> str:
        values = [row["fused"][name] for row in rows]
        return f"{show(sum(values) / len(values))} ({show(min(values))} to {show(max(values))})"

    return (
        f"Nested: constants and plausible rates of the clock, templates, scales and thresholds "
        f"chosen on one half of the makers and judged on the other, {len(rows)} times. Clock and "
        f"templates together: AUROC {mean('auroc', _auroc)}; found at 1 % {mean('tpr_at_0.01')}, "
        f"at 5 % {mean('tpr_at_0.05')}; at the other half's 1 % threshold "
        f"{mean('frozen_0.01_tpr')} of AI and {mean('frozen_0.01_fpr')} of human tracks are "
        f"flagged, at its 5 % threshold {mean('frozen_0.05_tpr')} and {mean('frozen_0.05_fpr')}."
    )


def _decoders(decoders: dict[str, Any]) -> list[Block]:
    listed, unlisted = decoders["all"]["listed"], decoders["all"]["unlisted"]
    return [
        "Decoder unseen as well (templates that resemble the generator's own taken away, and its "
        "rates no longer plausible), clock and templates: AUROC "
        f"{listed['auroc']:.3f}, found {percent(listed['tpr_at_0.01'])} at 1 % and "
        f"{percent(listed['tpr_at_0.05'])} at 5 %; with its rates on no list at all AUROC "
        f"{unlisted['auroc']:.3f}, {percent(unlisted['tpr_at_0.01'])} and "
        f"{percent(unlisted['tpr_at_0.05'])}.",
        table_of(_DECODERS, named(decoders["generators"])),
    ]


def _suspects(suspects: dict[str, Any]) -> str:
    rates = ", ".join(
        f"{percent(counted)} instead of {percent(suspects['fpr_without'][alpha])} "
        f"at {float(alpha):.0%}"
        for alpha, counted in suspects["fpr_with"].items()
    )
    return (
        f"{suspects['suspects']} recordings that are listed as people's are left out as vocoder "
        "output (reasons in `models/learning/data.py`). "
        f"Counted as people's, false positives would be {rates}."
    )


def _attribution(attribution: dict[str, Any]) -> str:
    known, unseen = attribution["known"], attribution["unseen"]
    text = (
        f"At 44.1 kHz and up only. With the track's whole repository left out, of "
        f"{known['tracks']} tracks of generators known from other repositories "
        f"{percent(known['right'])} are named rightly, {percent(known['wrong'])} wrongly, "
        f"{percent(known['not_named'])} not at all; of "
        f"{unseen['tracks']} tracks of unseen generators {percent(unseen['wrong'])} are given "
        "another's name."
    )
    groups = "; ".join(" and ".join(members) for members in attribution["families"])
    return text + (
        f"\nTaken for each other, because they share a decoder or nearly: {groups}. A name "
        "then means one of them."
        if groups
        else ""
    )
