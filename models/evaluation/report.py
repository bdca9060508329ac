"""The figures of ``models.evaluation.evaluate`` as blocks of a report.

The card, the page and the text share their sentences and tables. Page and text add details.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from models.evaluation import plots
from models.evaluation.document import Block, Heading, Picture, Table, between, percent

LABELS: Final = {"ai": "AI", "human": "human"}
FOUND: Final = ("tpr_at_0.01", "tpr_at_0.05")


def blocks(figures: dict[str, Any], *, details: bool) -> list[Block]:
    """Return the report; ``details`` are what the card leaves out, pictures among them."""
    report: list[Block] = [_data(figures["data"])]
    if details:
        report = [_model(figures["model"]), *report, *_makers_of(figures["data"])]
    for name, subset in figures["subsets"].items():
        report += [Heading(name), *_subset(subset)]
        if details:
            report += _details(subset)
        if name in figures["nested"]:
            report.append(_nested(figures["nested"][name]))
        if name in figures["nested"] and details:
            report += _halves(figures["nested"][name])
        if name in figures["unseen_decoders"]:
            report += _decoders(figures["unseen_decoders"][name])
        if name in figures["suspects"]:
            report.append(_suspects(figures["suspects"][name]))
    if figures["attribution"] is not None:
        report += [Heading("Naming the generator"), _attribution(figures["attribution"])]
        if details:
            report.append(_confusions(figures["attribution"]))
    if figures["as_released"] and details:
        report += [Heading("As released, on makers that training never met")]
        report.append(_released(figures["as_released"]))
    return report


def _model(model: dict[str, Any]) -> str:
    return (
        f"Model {model['name']} {model['version']}, sha256 {model['digest']}. Every figure "
        "leaves the maker of a track out: a generator is unseen, a human source unknown. "
        "Intervals (95 %) resample whole generators and repositories."
    )


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


def _makers_of(data: dict[str, Any]) -> list[Block]:
    tables: list[Block] = [
        Table(
            (name, "tracks", "repositories", "minutes", "mono", "codecs", "sample rates"),
            [
                (maker, one["tracks"], one["repositories"], f"{one['minutes']:.0f}",
                 one["mono"], one["codecs"], one["rates_hz"])
                for maker, one in data["used"][label]["by_maker"].items()
            ],
        )
        for label, name in (("ai", "generator"), ("human", "human source"))
    ]  # fmt: skip
    for head, key in (
        (("suspect source, left out", "tracks", "why"), "suspects"),
        (("could not be decoded", "why"), "unheard"),
    ):
        if data[key]:
            tables.append(Table(head, [tuple(row.values()) for row in data[key]]))
    missing = ", ".join(f"{name} of {count} tracks" for name, count in data["unstated"].items())
    return [*tables, f"Not stated by the manifest: {missing}."]


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
        Table(
            ("", "AUROC", "found at 1 % FPR", "95 %", "at 5 % FPR", "95 %"),
            [
                (name, f"{row['auroc']:.3f}", *(
                    cell for key in FOUND
                    for cell in (percent(row[key]), between(row[f"{key}_interval"]))))
                for name, row in subset["baselines"].items()
            ],
        ),
        "(Of tracks that can be assessed. All baselines are fitted without the track's maker.)",
        "Realised, each human track against the other repositories', abstentions counted: "
        f"{realised}.",
        f"Outcomes at alpha 1 %: {outcomes}. Unlike all that was learned from, and so not "
        f"assessed: {subset['unlike']['ai']} AI and {subset['unlike']['human']} human tracks.",
        f"Probability: Brier {probability['brier']:.3f}, ECE {probability['ece']:.3f}, "
        f"log loss {probability['log_loss']:.3f}.",
        _confounds(subset["confounds"]),
        _durations(subset["by_duration"]),
        _makers(subset["generators"], "generator (unseen)", auroc=True),
        _makers(subset["human_sources"], "human source (left out)", auroc=False),
    ]  # fmt: skip


def _makers(rows: dict[str, Any], name: str, *, auroc: bool) -> Table:
    """Return a row for each generator (with its AUROC) or each human source."""
    return Table(
        (name, "tracks", "abstained", *(["AUROC"] if auroc else []), "flagged at 1 %", "at 5 %",
         "median score"),
        [
            (maker, row["tracks"], row["abstained"],
             *(["-" if row["auroc"] is None else f"{row['auroc']:.3f}"] if auroc else []),
             percent(row["flagged_at_1"]), percent(row["flagged_at_5"]),
             f"{row['median_score']:.2f}")
            for maker, row in rows.items()
        ],
    )  # fmt: skip


def _durations(rows: Sequence[dict[str, Any]]) -> Table:
    return Table(
        ("length", "human", "flagged at 1 %", "2 %", "5 %", "AI", "found at 1 %", "5 %"),
        [
            (
                f"{row['from_s']:g} s and more"
                if row["to_s"] is None
                else f"{row['from_s']:g} to {row['to_s']:g} s",
                row["human"], *(percent(share) for share in row["fpr"].values()),
                row["ai"], *(percent(row["tpr"][at]) for at in ("0.01", "0.05")),
            )
            for row in rows
        ],
    )  # fmt: skip


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
    by_fpr = [
        (f"TPR at {float(fpr):.0%} FPR, score above {at['threshold']:.2f}", percent(at["tpr"]),
         between(at["interval"]), percent(float(fpr)))
        for fpr, at in subset["tpr_at_fpr"].items()
    ]  # fmt: skip
    by_alpha = [
        (f"alpha {float(alpha):.0%}", percent(at["tpr"]), "",
         f"{percent(at['realised_fpr'])}; up to {percent(at['bound'])} is chance"
         + ("" if at["supported"] else "; too few human recordings for this alpha"))
        for alpha, at in subset["conformal"].items()
    ]  # fmt: skip
    confounds, generators, sources = (
        subset[name] for name in ("confounds", "generators", "human_sources")
    )
    return [
        Table(("operating point", "found", "95 %", "human tracks flagged"), [*by_fpr, *by_alpha]),
        Picture(partial(plots.curve, subset), "Found against falsely flagged, at low rates."),
        Picture(partial(plots.makers, generators, ai=True), "Generators, each unseen."),
        Picture(partial(plots.makers, sources, ai=False), "Human sources, each left out."),
        Picture(
            partial(plots.reliability, subset["probability"]["bins"]),
            "Reliability: stated probability against the share that is AI; circles by weight. "
            "Points on the diagonal are calibrated.",
        ),
        Heading("The human recordings most like a generator's", 3),
        Table(
            ("track", "source", "score", "clock", "rate Hz", "template", "p-value"),
            [tuple(row.values()) for row in subset["worst_humans"]],
        ),
        Heading("Clock rate of most tracks", 3),
        Table(
            ("maker", "rate Hz"),
            [(name, f"{row['rate_hz']:.2f}") for name, row in (generators | sources).items()],
        ),
        Heading("Confounds alone", 3),
        Table(
            ("probe", "AUROC"), [(name, f"{at:.2f}") for name, at in confounds["probes"].items()]
        ),
        f"Weighed, the strongest probe has AUROC {confounds['weighed']['probe_auroc']:.2f}.",
    ]


def _nested(rows: Sequence[dict[str, Any]]) -> str:
    def mean(name: str) -> str:
        values = [row["fused"][name] for row in rows]
        spread = f"{percent(min(values))} to {percent(max(values))}"
        return f"{percent(sum(values) / len(values))} ({spread})"

    aurocs = [row["fused"]["auroc"] for row in rows]
    return (
        f"Nested: constants and plausible rates of the clock, templates, scales and thresholds "
        f"chosen on one "
        f"half of the makers and judged on the other, {len(rows)} times. Clock and templates "
        f"together: AUROC {sum(aurocs) / len(aurocs):.3f} ({min(aurocs):.3f} to "
        f"{max(aurocs):.3f}); found at 1 % {mean('tpr_at_0.01')}, at 5 % {mean('tpr_at_0.05')}; at "
        f"the other half's 1 % threshold {mean('frozen_0.01_tpr')} of AI and "
        f"{mean('frozen_0.01_fpr')} of human tracks are flagged, at its 5 % threshold "
        f"{mean('frozen_0.05_tpr')} and {mean('frozen_0.05_fpr')}."
    )


def _halves(rows: Sequence[dict[str, Any]]) -> list[Block]:
    frozen = tuple(f"frozen_{fpr}_{side}" for fpr in ("0.01", "0.05") for side in ("tpr", "fpr"))
    return [
        Heading("Chosen on one half, judged on the other", 3),
        Table(
            ("judged", "AUROC", "TPR at 1 %", "TPR at 5 %", "frozen 1 %: TPR", "FPR",
             "frozen 5 %: TPR", "FPR", "chosen"),
            [
                (", ".join(row["judged"]["ai"]), f"{row['fused']['auroc']:.3f}",
                 *(percent(row["fused"][name]) for name in (*FOUND, *frozen)),
                 f"{row['constants']}, rates {row['plausible_hz']}")
                for row in rows
            ],
        ),
    ]  # fmt: skip


def _decoders(decoders: dict[str, Any]) -> list[Block]:
    listed, unlisted = decoders["all"]["listed"], decoders["all"]["unlisted"]
    return [
        "Decoder unseen as well (templates that resemble the generator's own taken away, and its "
        "rates no longer plausible), clock and templates: AUROC "
        f"{listed['auroc']:.3f}, found {percent(listed['tpr_at_0.01'])} at 1 % and "
        f"{percent(listed['tpr_at_0.05'])} at 5 %; with its rates on no list at all AUROC "
        f"{unlisted['auroc']:.3f}, {percent(unlisted['tpr_at_0.01'])} and "
        f"{percent(unlisted['tpr_at_0.05'])}.",
        Table(
            ("generator", "tracks", "rates, Hz", "templates taken away beside its own",
             "found at 1 %, rates penalised", "rates on no list"),
            [
                (maker, row["tracks"], ", ".join(f"{hz:g}" for hz in row["rates_hz"]),
                 ", ".join(row["templates_taken"]) or "-",
                 *(percent(row[kind]["tpr_at_0.01"]) for kind in ("listed", "unlisted")))
                for maker, row in decoders["generators"].items()
            ],
        ),
    ]  # fmt: skip


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


def _confusions(attribution: dict[str, Any]) -> Table:
    return Table(
        ("generator", "named", "tracks"),
        [
            (row["generator"], row["named"] or "unknown", row["tracks"])
            for rows in attribution["confusions"].values()
            for row in rows
        ],
    )


def _released(released: dict[str, Any]) -> Table:
    return Table(
        ("alpha", "found", "falsely flagged"),
        [
            (alpha, percent(one["tpr"]), percent(one["fpr"]))
            for alpha, one in released.items()
            if isinstance(one, dict)
        ],
    )
