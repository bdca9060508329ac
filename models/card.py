"""The model card: what a model is for, what it cannot do, and what was measured."""

from typing import Any

_CLOCK = """Answers for one recording at a time whether it carries the frame clock of a neural
decoder: lines at sample_rate / hop in the modulation spectrum of the bands above 4.5 kHz. It
was shown no AI tracks to learn from; the rates it looks for are listed in `rates.toml`."""

_TEMPLATES = """Answers for one recording at a time whether a neural decoder made it, from two
kinds of evidence. The clock: lines at sample_rate / hop in the modulation spectrum of the
bands above 4.5 kHz, at the rates listed in `rates.toml`; no AI tracks were used for it.
Templates: the fixed lines of the spectrum that {count} known generators leave ({tracks}
tracks); the nearest one counts. Both are put on the scale of human recordings and added."""

_TEXT = """# {name} {version}

## What it does
{what}
A p-value compares the track with human recordings, a probability is stated at even prior
odds. It abstains below 5 s, on silence, and where nothing is heard above 4.5 kHz.

## What it is for, and not for
For labels that a person or a second signal confirms before anything is taken from anyone.
Not for removal, demonetisation or strikes on its own. It judges sound, not authorship: a
human performance re-synthesised by a neural codec or vocoder carries a clock as well.

## What it cannot do
- Generators without a frame clock (diffusion on waveforms or spectrograms with slow
  vocoders, some systems at 16 to 24 kHz) are hardly found; see the table.
- A change of speed or pitch by a few per cent moves the lines and hides them.
- Low MP3 rates weaken the lines (64 kbit/s costs about half of the clock's finds).
- Music stepped at exactly 50 Hz (trackers at 125 BPM), and sample-exact strokes that repeat
  20 times a second or more, can look like a clock. Slower sample-exact loops and mains buzz
  are guarded against.

## Calibration
{calibration}
The bound on false positives holds where a new track is exchangeable with the calibration
set. Tracks of one maker are alike, and the makers are few, so treat 1 % as a statement
about recordings like these.

## Measured
Each generator counts as unseen{unseen}.
Human figures leave the track's own repository out. The constants of the detector and its
list of rates were chosen knowing several of these generators, so figures on others will be
lower (independent recordings and generators gave the clock an AUROC near 0.89 at 44.1 kHz
and up, and 0.75 at all rates).
{named}{figures}
"""


def write_card(description: dict[str, Any]) -> str:
    """Return the card of a model from its manifest."""
    templates = description.get("templates")
    what, unseen, named = _CLOCK, ": no AI track shapes a score", ""
    if templates is not None:
        what = _TEMPLATES.format(count=len(templates["names"]), tracks=sum(templates["tracks"]))
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
        f"- {name}: {one['humans']} human recordings from {one['human_repositories']} "
        f"repositories; the smallest supported false-positive rate is {one['smallest_alpha']:.2%}."
        for name, one in description["calibration"].items()
    ]
    figures: list[str] = []
    for name, one in description["figures"].items():
        realised = ", ".join(
            f"{fpr:.1%} at {float(alpha):.0%}" for alpha, fpr in one["realised_fpr"].items()
        )
        figures += [
            "",
            f"### {name} ({one['ai']} AI, {one['human']} human)",
            f"AUROC {one['auroc']:.3f}; found {one['tpr_at_fpr']['0.01']:.0%} at 1 % and "
            f"{one['tpr_at_fpr']['0.05']:.0%} at 5 % false positives; realised false positives "
            f"{realised}.",
            "",
            "| generator or human source | tracks | flagged at 1 % | at 5 % | median score |",
            "|---|---|---|---|---|",
        ]
        for table in ("generators", "human_sources"):
            figures += [
                f"| {maker} | {row['tracks']} | {row['flagged_at_1']:.0%} "
                f"| {row['flagged_at_5']:.0%} | {row['median_score']:.2f} |"
                for maker, row in one[table].items()
            ]
    return _TEXT.format(
        name=description["name"],
        version=description["version"],
        what=what,
        unseen=unseen,
        named=named,
        calibration="\n".join(calibration),
        figures="\n".join(figures),
    )
