"""The figures of ``evaluate`` as one HTML page with plots; nothing is fetched by it."""

from typing import Any

from models.evaluation.card_tables import (
    DECODERS,
    DURATIONS,
    decoder_rows,
    decoders_text,
    duration_rows,
    suspects_text,
)
from models.evaluation.pages import between, paragraph, percent, picture, style, table
from models.evaluation.pages import page as whole_page
from models.evaluation.plots import curve, generators, reliability, sources

LABELS = {"ai": "AI", "human": "human"}


def page(figures: dict[str, Any]) -> str:
    """Return the page."""
    model = figures["model"]
    body = [
        paragraph(
            f"Model {model['name']} {model['version']}, sha256 {model['digest']}. Every figure "
            "leaves the maker of a track out: a generator is unseen, a human source unknown. "
            "Intervals (95 %) resample whole generators and repositories."
        ),
        "<h2>Data</h2>",
        *_data(figures["data"]),
    ]
    with style():
        for name, subset in figures["subsets"].items():
            body += [f"<h2>{name}</h2>", *_subset(subset)]
            if name in figures["nested"]:
                body += _nested(figures["nested"][name])
            body += _unseen_decoders(figures, name)
        if figures["attribution"] is not None:
            body += ["<h2>Naming the generator</h2>", *_attribution(figures["attribution"])]
    if figures["as_released"]:
        body += ["<h2>As released, on makers that training never met</h2>"]
        body += [_released(figures["as_released"])]
    return whole_page(f"Evaluation of {model['name']} {model['version']}", body)


def _data(data: dict[str, Any]) -> list[str]:
    listed = ", ".join(f"{count} {label}" for label, count in data["listed"].items())
    body = [paragraph(f"Listed: {listed}. Used: AI and human tracks, without the suspects below.")]
    for label, name in (("ai", "generator"), ("human", "human source")):
        used = data["used"][label]
        body.append(
            paragraph(
                f"{LABELS[label]}: {used['tracks']} tracks ({used['performances']} performances), "
                f"{used['makers']} {name}s, "
                f"{used['repositories']} repositories, {used['hours']:.1f} hours."
            )
        )
        body.append(
            table(
                (name, "tracks", "repositories", "minutes", "mono", "codecs", "sample rates"),
                (
                    (maker, one["tracks"], one["repositories"], f"{one['minutes']:.0f}",
                     one["mono"], one["codecs"], one["rates_hz"])
                    for maker, one in used["by_maker"].items()
                ),
            )
        )  # fmt: skip
    suspects = ((one["maker"], one["tracks"], one["why"]) for one in data["suspects"])
    body += ["<h3>Suspect, left out</h3>", table(("source", "tracks", "why"), suspects)]
    if data["unheard"]:
        rejected = ((one["track"], one["why"]) for one in data["unheard"])
        body.append(table(("could not be heard", "why"), rejected))
    missing = ", ".join(f"{name} of {count} tracks" for name, count in data["unstated"].items())
    return [*body, paragraph(f"Not stated by the manifest: {missing}.")]


def _subset(subset: dict[str, Any]) -> list[str]:
    low, high = subset["auroc_interval"]
    return [
        paragraph(
            f"{subset['ai']} AI tracks ({subset['abstained_ai']} abstained), {subset['human']} "
            f"human ones ({subset['abstained_human']} abstained). AUROC {subset['auroc']:.3f} "
            f"[{low:.3f}, {high:.3f}]; with labels permuted between makers "
            f"{subset['permuted_auroc']:.2f}."
        ),
        table(
            ("operating point", "found", "95 %", "human tracks flagged"),
            [
                *((f"TPR at {float(fpr):.0%} FPR", percent(at["tpr"]), between(at["interval"]),
                   percent(float(fpr))) for fpr, at in subset["tpr_at_fpr"].items()),
                *((f"alpha {float(alpha):.0%}", percent(at["tpr"]), "",
                   f"{percent(at['realised_fpr'])}; up to {percent(at['bound'])} is chance"
                   + ("" if at["supported"] else "; unsupported"))
                  for alpha, at in subset["conformal"].items()),
            ],
        ),
        "<h3>Compared with</h3>",
        table(
            ("", "AUROC", "TPR at 1 %", "95 %", "TPR at 5 %", "95 %"),
            (
                (name, f"{row['auroc']:.3f}", percent(row["tpr_at_0.01"]),
                 between(row["tpr_at_0.01_interval"]), percent(row["tpr_at_0.05"]),
                 between(row["tpr_at_0.05_interval"]))
                for name, row in subset["baselines"].items()
            ),
        ),
        picture(curve(subset), "Found against falsely flagged; the left half is what matters."),
        "<h3>By length</h3>",
        table(DURATIONS, duration_rows(subset["by_duration"])),
        "<h3>Generators, each unseen</h3>",
        picture(generators(subset["generators"]), "Share flagged at 1 % (full) and 5 % (pale)."),
        _makers(subset["generators"]),
        "<h3>Human sources, each left out</h3>",
        picture(sources(subset["human_sources"]), "Share falsely flagged at 1 % and 5 %."),
        _makers(subset["human_sources"]),
        "<h3>The human recordings most like a generator's</h3>",
        table(
            ("track", "source", "score", "clock", "rate Hz", "template", "p-value"),
            (tuple(row.values()) for row in subset["worst_humans"]),
        ),
        "<h3>Probability</h3>",
        paragraph(
            f"Brier {subset['probability']['brier']:.3f}, log loss "
            f"{subset['probability']['log_loss']:.3f}, expected calibration error "
            f"{subset['probability']['ece']:.3f}; every maker counts alike, even prior odds."
        ),
        picture(
            reliability(subset["probability"]["bins"]),
            "Reliability: stated probability against the share that is AI; circles by weight. "
            "On the diagonal the probability means what it says.",
        ),
        "<h3>Outcomes at alpha 1 %</h3>",
        table(
            ("", *(name.replace("_", " ") for name in subset["outcomes"]["ai"])),
            ((LABELS[label], *(percent(share) for share in shares.values()))
             for label, shares in subset["outcomes"].items()),
        ),
        *_confounds(subset["confounds"]),
    ]  # fmt: skip


def _unseen_decoders(figures: dict[str, Any], name: str) -> list[str]:
    """Return what is found with the decoder unknown, and what suspects would change."""
    lines = []
    if name in figures["unseen_decoders"]:
        lines += ["<h3>The decoder unseen as well</h3>"]
        decoders = figures["unseen_decoders"][name]
        lines += [paragraph(decoders_text(decoders)), table(DECODERS, decoder_rows(decoders))]
    if name in figures["suspects"]:
        lines += ["<h3>With the suspects</h3>", paragraph(suspects_text(figures["suspects"][name]))]
    return lines


def _makers(rows: dict[str, Any]) -> str:
    return table(
        ("", "tracks", "abstained", "AUROC", "flagged at 1 %", "at 5 %", "median", "rate Hz"),
        (
            (maker, row["tracks"], row["abstained"],
             "" if row.get("auroc") is None else f"{row['auroc']:.3f}",
             percent(row["flagged_at_1"]), percent(row["flagged_at_5"]),
             f"{row['median_score']:.2f}", f"{row['rate_hz']:.2f}")
            for maker, row in rows.items()
        ),
    )  # fmt: skip


def _confounds(confounds: dict[str, Any]) -> list[str]:
    weighed = confounds["weighed"]
    state = "fail" if confounds["confounded"] else "pass"
    return [
        "<h3>Confounds</h3>",
        f"<p>What the files give away besides sound: <span class={state!r}>the strongest probe "
        f"({confounds['strongest']}) reaches AUROC {confounds['auroc']:.2f}</span>, limit "
        f"{confounds['limit']:.2f}.</p>",
        table(
            ("probe", "AUROC"), ((name, f"{at:.2f}") for name, at in confounds["probes"].items())
        ),
        paragraph(
            f"Weighed so that both classes were published alike (then worth "
            f"{weighed['effective_ai']:.0f} AI and {weighed['effective_human']:.0f} human tracks; "
            f"the strongest probe falls to {weighed['probe_auroc']:.2f}), the detector has AUROC "
            f"{weighed['auroc']:.3f}, finds {percent(weighed['tpr_at_fpr']['0.01'])} at 1 % and "
            f"{percent(weighed['tpr_at_fpr']['0.05'])} at 5 %."
        ),
    ]


def _nested(rows: list[dict[str, Any]]) -> list[str]:
    return [
        "<h3>Chosen on one half, judged on the other</h3>",
        paragraph(
            "Constants of the clock, plausible rates, templates, scales of fusion and thresholds "
            "come from the makers that are not judged. The form of the clock, its guards, the "
            "wide list of possible rates and the observation are as released."
        ),
        table(
            ("judged", "AUROC", "TPR at 1 %", "TPR at 5 %", "frozen 1 %: TPR", "FPR",
             "frozen 5 %: TPR", "FPR", "chosen"),
            (
                (", ".join(row["judged"]["ai"]), f"{one['auroc']:.3f}",
                 *(percent(one[name]) for name in (
                     "tpr_at_0.01", "tpr_at_0.05", "frozen_0.01_tpr", "frozen_0.01_fpr",
                     "frozen_0.05_tpr", "frozen_0.05_fpr")),
                 f"{row['constants']}, rates {row['plausible_hz']}")
                for row, one in ((row, row["fused"]) for row in rows)
            ),
        ),
    ]  # fmt: skip


def _attribution(attribution: dict[str, Any]) -> list[str]:
    body = [
        table(
            ("the track's repository left out", "tracks", "rightly", "wrongly", "not named"),
            (
                (name, attribution[key]["tracks"], percent(attribution[key]["right"]),
                 percent(attribution[key]["wrong"]), percent(attribution[key]["not_named"]))
                for key, name in (("known", "known from other repositories"),
                                  ("unseen", "its generator unseen"))
            ),
        ),
        table(
            ("generator", "named", "tracks"),
            (
                (row["generator"], row["named"] or "unknown", row["tracks"])
                for rows in attribution["confusions"].values()
                for row in rows
            ),
        ),
    ]  # fmt: skip
    body += [
        paragraph(f"One decoder, by what is taken for what: {', '.join(members)}.")
        for members in attribution["families"]
    ]
    return body


def _released(released: dict[str, Any]) -> str:
    return table(
        ("alpha", "found", "falsely flagged"),
        (
            (alpha, percent(one["tpr"]), percent(one["fpr"]))
            for alpha, one in released.items()
            if isinstance(one, dict)
        ),
    )
