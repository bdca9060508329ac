"""Texts of the console: headlines, and the terms that pages explain."""

from collections.abc import Mapping
from typing import Any, Final

from detector.evidence.registry import REGISTRY
from streams.contract.records import Analysis, Certainty, Extent, Label, LabelSource, Mark

KINDS: Final = {entry.name: entry.label for entry in REGISTRY}
TERMS: Final = {
    "Chance of AI, p(AI)": "How sure the analysis is if half of all deliveries were made with AI "
    "(even odds). Where fewer are, the chance is lower.",
    "Human recordings with as strong a trace, p-value": "The share of recordings by people that "
    "show at least as strong a trace. “Suspected” needs a small one, so that few people are "
    "wrongly suspected.",
    "Identified, suspected": "Identified: at least two traces of a known generator agree. "
    "Suspected: it shows what hardly any recording by people shows, and no generator is known.",
    "No trace found": "None of the traces that the detector looks for is there. That proves "
    "nothing about who made it: some generators leave none.",
    "Label": "What the recording is. Suspected: by our analysis alone. Declared: by "
    "the deliverer. Confirmed: by a person who reviewed it, or by signed proof.",
    "Generator, decoder": "A generator makes music by itself. Its last stage, the decoder, turns "
    "its numbers into sound.",
    "Pulse, clock, frame rate": "A decoder writes sound in equal steps, so many in a second (Hz). "
    "Each step leaves a mark, so the treble (the energy above 4.5 kHz) pulses at exactly that "
    "rate. People never play so evenly.",
    "Fixed lines": "Faint tones that a decoder leaves at the same places in everything it makes; "
    "they distinguish generators.",
    "Segment": "A stretch of about 12 seconds. Its score is the strength of the trace there.",
}

DECLARED: Final = {
    Extent.ALL: "Declared as made with AI",
    Extent.PARTLY: "Declared as made with AI, in part",
}


MARKED: Final = {
    Extent.ALL: "Marked in the file as made with AI",
    Extent.PARTLY: "Marked in the file as made with AI, in part",
}


def headline(label: Label, analysis: Analysis) -> str:
    """Return what is known of a recording, in one line."""
    if label.source is LabelSource.DECLARATION and label.extent in DECLARED:
        return DECLARED[label.extent]
    in_file = label.source is LabelSource.PROVENANCE
    if in_file and label.certainty is Certainty.DECLARED and label.extent in MARKED:
        return MARKED[label.extent]
    if rests_on_the_analysis(label):
        return analysis.outcome.headline
    return {
        Extent.ALL: "Made with AI",
        Extent.PARTLY: "Made with AI in part",
        Extent.NONE: "Not made with AI",
        Extent.UNKNOWN: "Not known",
    }[label.extent]


def rests_on_the_analysis(label: Label) -> bool:
    """Whether a headline is the analysis': nothing but it, or but a denial, is known."""
    denied = label.source is LabelSource.DECLARATION and label.extent not in DECLARED
    return label.source is LabelSource.DETECTOR or denied


def mark(stated: Mark | Mapping[str, Any]) -> str:
    """Return what a generator left in the file, in one line."""
    left = Mark.model_validate(stated)
    if left.kind == "watermark":
        doubt = "" if left.declares else "; people's music sounds like it at times"
        return (
            f"Watermark of {left.generator} in the sound "
            f"({left.place}, confidence {left.confidence}{doubt})"
        )
    version = f" {left.version}" if left.version else ""
    song = f", song {left.song_id}" if left.song_id else ""
    broken = "" if left.intact else ", in a manifest that no longer fits the file"
    return f"{left.generator}{version}{song} ({left.place}{broken})"


def marked(provenance: Mapping[str, Any]) -> str:
    """Return what the marks of a file amount to, in a few words."""
    declares = any(Mark.model_validate(one).declares for one in provenance["marks"])
    return "marked as made with AI" if declares else "perhaps a watermark of a generator"


def tone(label: Label, analysis: Analysis) -> str:
    """Return the colour of a recording's headline: ai, hunch, human, clear, open or none."""
    if rests_on_the_analysis(label):
        return analysis.outcome.tone
    return {Extent.NONE: "human", Extent.UNKNOWN: "open"}.get(label.extent, "ai")
