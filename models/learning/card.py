"""The model card: what a model is for, what it cannot do, and what was measured."""

from typing import Any

from detector.evidence.combination import WITNESS_MOST
from detector.evidence.registry import ENTRIES

_CLOCK = """Answers for one recording at a time whether it carries the frame clock of a neural
decoder: lines at sample_rate / hop in the modulation spectrum of the bands above 4.5 kHz. It
was shown no AI tracks to learn from; the rates it looks for are listed in `rates.toml`."""

_TEMPLATES = """Answers for one recording at a time whether a neural decoder made it.
- The clock: lines at sample_rate / hop in the modulation spectrum of the bands above 4.5 kHz,
  at the rates listed in `rates.toml`; no AI tracks were used for it.
- Templates: the fixed lines of the spectrum that {count} known decoders leave ({generators}
  generators and {traces} neural codecs, vocoders and singing voices; {tracks} tracks), after what
  human recordings have in common and in what they differ most is taken off; the nearest one counts.
  Left out, because coded or time-stretched human recordings match them: {left_out}.
{looks}
Each is stated as how surprising it is among human recordings of its length, in nats. Clock,
templates and families are added; each other look pays ln 10 for being one more, a generator
learned from a few tracks ln 2; the largest counts. The null of that largest is measured as one, so
the false-positive rate is that of the whole answer.

Two tiers, each with a null and a false-positive rate of its own:
- *suspected*: no more than the accepted share of people's music, as even as this, scores as high.
- *identified*: two witnesses of a known decoder agree: a pulse at a rate of known generators, and
  the spectrum (templates or families). Each counts {witness:.0f} nats at most, so that none
  identifies alone. {identifies}"""

_TEXT = """# {name} {version}

## What it does
{what}
A p-value compares the track with human recordings, a probability is stated at even prior
odds. It abstains below 5 s, on silence, where nothing is heard above 4.5 kHz (telephones, 8 kHz),
where nothing holds a pitch (speech, strokes alone), far beyond the lengths and below the sample
rates that were calibrated, and on what is unlike all music that it was measured on.

## What it is for, and not for
For labels that a person or a second signal confirms before anything is taken from anyone.
Not for removal, demonetisation or strikes on its own. It judges sound, not authorship: a
human performance re-synthesised by a neural codec or vocoder carries the same traces.

## What it cannot do
- Generators without a frame clock and without a relative among the known decoders are not found;
  see the table (some systems at 16 to 24 kHz, diffusion with slow vocoders).
- Stretching and pitch shifting that keep the other hide the clock{speed}.
- Low MP3 rates weaken the lines.
- A level that is moved like clockwork (tremolo, gate) is told from a clock by its lines, which
  fall with their order and alike in all bands. Where one high band is heard (16 kHz), or where it
  is moved little at a low rate, it may still be taken for one. Sample-exact loops, mains buzz and
  players that step at 50 Hz are guarded against: it then says *uncertain* more often
  than *no trace*. Strokes as even as clockwork and as quick as a decoder's frames (20 in a
  second and more) are not told from them by the look for an altered speed. A loop of whose rate a
  decoder's is a multiple (125 BPM and 25 Hz) covers that decoder's clock.

## Calibration
{calibration}

{recall}
Music differs in how even it is: a sequencer's has sharp lines in the modulation spectrum, a
player's few. So the p-value compares a recording with people's music of its stratum, where a
population has performances enough in each. Every score is compared with those of human recordings
of its length (lines through the median and the 90 % point over the logarithm of the length).
Versions and deliveries of one performance weigh together as one. The bound on false positives holds
where a new track is exchangeable with the calibration set. Tracks of one maker are alike, and the
makers are few, so treat 1 % as a statement about recordings like these.

## Measured
Each generator counts as unseen{unseen}.
Human figures leave the track's own repository out. The constants of the detector and its
list of rates were chosen knowing several of these generators, so figures on others will be
lower.
{named}{gates}{lessons}{figures}
"""


def _recall(calibration: dict[str, Any]) -> str:
    """Return how much AI is found of each kind: what *no trace* is worth there."""
    lines = [
        "*No trace* is said at p > 0.1 and states nothing about people. So many AI tracks of each",
        "sample rate, length and bandwidth are found at p <= 0.1 though their makers are unknown:",
    ]
    for name, figures in calibration.items():
        for row in figures["recall"]:
            if row["tracks"]:
                to = f"to {row['to_s']:.0f} s" if row["to_s"] else "and more"
                bands = "all three high bands" if row["all_bands"] else "fewer high bands"
                lines.append(
                    f"- {name}, {row['from_s']:.0f} s {to}, {bands} heard: {row['found']:.0%} of "
                    f"{row['tracks']}"
                )
    return "\n".join(lines)


def _gates(description: dict[str, Any]) -> str:
    release = description.get("release")
    if release is None:
        return ""
    lines = ["", "Before release:"]
    for name, gate in release["gates"].items():
        confounds = gate["confounds"]
        weighed = confounds["weighed"]
        songs = gate["songs"]
        flagged = ", ".join(
            f"{count:.1f} at {float(alpha):.0%}" for alpha, count in songs["flagged"].items()
        )
        lines.append(
            f"- {name}: labels dealt out anew between makers, AUROC "
            f"{gate['permuted_auroc']:.2f}. Of {songs['performances']} human performances of a "
            f"minute and more are flagged, their repositories left out: {flagged}. The strongest "
            f"confound alone ({confounds['strongest']}) reaches {confounds['auroc']:.2f} as "
            f"delivered and "
            f"{weighed['probe_auroc']:.2f} among tracks published alike, where the "
            f"detector has AUROC {weighed['auroc']:.3f} and finds "
            f"{weighed['tpr_at_fpr']['0.01']:.0%} at 1 %."
        )
    return "\n".join(lines) + "\n"


def _taught_table(description: dict[str, Any]) -> str:
    """Return what this candidate learned from a few tracks, and why that may be weak evidence."""
    taught = description.get("taught")
    if not taught:
        return ""
    lines = [
        "",
        "### Taught to this candidate (`earmark learn`)",
        "How many are called AI at 1 % false positives, each judged without itself, before and "
        "after.",
        "",
        "| generator | group | recordings | before | after |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {row['group']} | {row['tracks']} | {row['before']} | {row['after']} |"
            for name, one in taught.items()
            for row in one["compared"]
        ),
        "",
        *(f"- {name}: {doubt}." for name, one in taught.items() for doubt in one["doubts"]),
    ]
    return "\n".join(lines) + "\n"


def _few_shot_table(description: dict[str, Any]) -> str:
    few_shot = description.get("few_shot")
    if few_shot is None:
        return ""
    mean = few_shot["mean"]
    head = (
        "\n### Learned from a few tracks (`earmark learn`)\n"
        "Each generator left out with its repositories, then taught; judged on its other tracks at "
        "1 % false positives of the whole answer. Neighbours are human recordings of the same "
        "repositories that were no controls: so many are called AI before, after 3, after 5.\n\n"
        "| generator | tracks | not taught | 3 tracks | 5 tracks | neighbours before | 3 | 5 |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    rows = [
        f"| {name} ({row['population']}) | {row['tracks']} | {row['unlearned']:.0%} "
        f"| {row['3']['found']:.0%} | {row['5']['found']:.0%} "
        f"| {_share(row.get('unlearned_controls'))} | {_share(row['3']['controls'])} "
        f"| {_share(row['5']['controls'])} |"
        for name, row in few_shot["generators"].items()
    ]
    rows += [
        f"| **mean, {title}** | | | {_share(mean['3'][key])} | {_share(mean['5'][key])} "
        + (
            f"| {_share(mean.get('unlearned_controls'))} | {_share(mean['3']['controls'])} "
            f"| {_share(mean['5']['controls'])} |"
            if key == "all"
            else "| | | |"
        )
        for title, key in (("44.1 kHz and up", "full_rate"), ("all", "all"))
    ]
    return "\n".join([head, *rows]) + "\n"


def _strata(calibration: dict[str, Any]) -> str:
    strata = ", ".join(f"{count} {name}" for name, count in calibration["strata"].items())
    return f" ({strata})" if strata else ""


def _kinds(kinds: dict[str, Any]) -> list[str]:
    """Return the table of false positives by kind of people's music."""
    if not kinds:
        return []
    return [
        "",
        "| people's music, origin unknown | recordings | origins | suspected at 1 % "
        "| 95 % interval | mean of origins | identified at 0.1 % |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {kind} | {row['recordings']} | {row['origins']} | {row['suspected_at_1']} "
            f"| {row['interval'][0]:.1%} to {row['interval'][1]:.1%} | {row['by_origin']:.1%} "
            f"| {row['identified_at_01']} |"
            for kind, row in kinds.items()
        ),
    ]


def _identifies(calibration: dict[str, Any]) -> str:
    rates = [
        f"{row['smallest_identified_alpha']:.2%} for {name}"
        for name, row in calibration.items()
        if "identified" in row
    ]
    if not rates:
        return "This model identifies nothing: too few performances."
    return f"The smallest supported rate is {', '.join(rates)}; elsewhere nothing is identified."


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def write_card(description: dict[str, Any]) -> str:
    """Return the card of a model from its manifest."""
    templates = description.get("templates")
    what, unseen, named = _CLOCK, ": no AI track shapes a score", ""
    if templates is not None:
        items = (ENTRIES[name].card for name in description["branches"])
        what = _TEMPLATES.format(
            count=len(templates["names"]),
            generators=len(templates["generators"]),
            traces=len(templates["names"]) - len(templates["generators"]),
            tracks=sum(templates["tracks"]),
            left_out=", ".join(templates["left_out"]) or "none",
            looks="\n".join(filter(None, items)),
            witness=WITNESS_MOST,
            identifies=_identifies(description["calibration"]),
        )
        unseen = ": its own template and all from its repositories are left out"
        shares = templates["attribution_figures"]
        named = (
            f"\nGenerators are named at 44.1 kHz and up only. Of the tracks of generators with a "
            f"template, {shares['known_right']:.0%} are named rightly and "
            f"{shares['known_wrong']:.0%} wrongly (the track itself left out); with their "
            f"template taken away, {shares['unseen_wrong']:.0%} are given another's name: "
            f"generators that share a decoder look alike.\n"
        )
    calibration = [
        f"- {name}: {row['performances']} performances{_strata(row)}, heard {row['hearings']} "
        f"times ({row['humans']} recordings of {row['human_repositories']} repositories as they "
        f"are, and deliveries), "
        f"up to {row['longest_s']:.0f} s, {row['rates_hz'][0]} to {row['rates_hz'][1]} Hz; "
        f"the smallest supported false-positive rate is {row['smallest_alpha']:.2%}."
        for name, row in description["calibration"].items()
    ]
    figures: list[str] = []
    for name, row in description["figures"].items():
        realised = ", ".join(
            f"{fpr:.1%} at {float(alpha):.0%}" for alpha, fpr in row["realised_fpr"].items()
        )
        figures += [
            "",
            f"### {name} ({row['ai']} AI, {row['human']} human)",
            f"AUROC {row['auroc']:.3f}; found {row['tpr_at_fpr']['0.01']:.0%} at 1 % and "
            f"{row['tpr_at_fpr']['0.05']:.0%} at 5 % false positives; realised false positives "
            f"{realised}.",
            *_kinds(row["kinds"]),
            "",
            "| generator or human source | tracks | suspected at 1 % | at 5 % "
            "| identified at 0.1 % | median score |",
            "|---|---|---|---|---|---|",
        ]
        for table in ("generators", "human_sources"):
            figures += [
                f"| {maker} | {row['tracks']} | {row['flagged_at_1']:.0%} "
                f"| {row['flagged_at_5']:.0%} | {row['identified_at_01']:.0%} "
                f"| {row['median_score']:.2f} |"
                for maker, row in row[table].items()
            ]
    return _TEXT.format(
        name=description["name"],
        version=description["version"],
        what=what,
        unseen=unseen,
        named=named,
        gates=_gates(description),
        lessons=_taught_table(description) + _few_shot_table(description),
        calibration="\n".join(calibration),
        recall=_recall(description["calibration"]),
        speed=(
            "; a change of both (speed) is\n  searched for from -10 to +10 %, and found less often "
            "than an unaltered clock. After a\n  pitch shift little but known decoders can be found"
            if "pitch" in description["branches"]
            else ", and so does a change of both (speed)"
        ),
        figures="\n".join(figures),
    )
