"""Words for codes, analyses and actions that people outside of the team understand."""

from collections.abc import Sequence
from typing import Final

from detector.evidence.registry import ENTRIES, REGISTRY, Entry, Pulse, Role
from streams.contract.records import Actions, Analysis, Extent, LabelSource, Outcome
from streams.contract.vocabulary import ACTIONS, NEUTRAL, SENTENCES

WORDS: Final = {
    **SENTENCES,
    "confirm": "confirmed",
    "correct": "corrected",
    "reject_flag": "suspicion rejected",
    "escalate": "asked for a second opinion",
    "fingerprinted": "decoded",
    "classified": "analysed",
    "dead_letter": "not processable",
    "upheld": "decision stands",
    "overturned": "decision overturned",
    "partially_overturned": "partly overturned",
    "rejected_inadmissible": "not admissible",
    "info_requested": "waiting for information",
    "external_dispute": "before an outside body",
    "not_ai": "it is not AI",
    "partly_ai": "it is AI only in part",
    "trusted": "signed by a trusted party",
    "untrusted": "signed by an unknown party",
    "invalid": "broken, or changed since it was signed",
    "absent": "nothing",
    "opt_in": "allowed",
    "opt_out": "refused",
    "conditional": "allowed under conditions",
    "revoked": "withdrawn",
    "wrong_party": "the wrong party",
    "wrong_territory": "the wrong territory",
    "procedural": "the procedure was wrong",
}
COMMON: Final = 0.1  # p-value from which a trace is nothing conspicuous
MOST_PLACES: Final = 8
CANNOT: Final = {
    "too_short": "It is shorter than five seconds.",
    "silent": "There is nothing to hear.",
    "band_limited": "It holds nothing above 4.5 kHz, where traces of AI would be.",
    "unpitched": "Nothing in it holds a pitch: this is for music, not for speech or noise.",
    "out_of_distribution": "It differs from all music that the detector was measured on.",
    "uncalibrated": "There are too few human recordings like it to compare it with.",
    "observation_version": "It was decoded by another version of the analysis.",
}


def words(code: object) -> str:
    """Return the words for a code; a code that has none is made readable."""
    text = str(code)
    return WORDS.get(text, text.replace("_", " "))


def extent_words(extent: str, source: str) -> str:
    """Return the words for a label's extent; a declared ``None`` is no finding of "no AI"."""
    declared = source == LabelSource.DECLARATION and extent == Extent.NONE
    return "Declared without AI" if declared else words(extent)


def reason(code: object) -> str:
    """Return a rule's reason code (``R-DISCLOSURE-MISMATCH``) as words."""
    text = str(code).removeprefix("R-").replace("-", " ").lower()
    return text.replace("ai ", "AI ") if text.startswith("ai ") else text


def explanation(analysis: Analysis) -> str:
    """Return the finding of an analysis, in words for people outside of the team."""
    p_value = analysis.p_value
    if p_value is None:
        return cannot(analysis.reason)
    if analysis.outcome is Outcome.NO_TRACE:
        return (
            "None of the traces that the detector looks for was found. That is no proof of a "
            "human recording: some music generators leave none of them."
        )
    if analysis.outcome is Outcome.UNCERTAIN and p_value >= COMMON:
        return (
            "No conspicuous trace of a music generator was found; but in recordings like this "
            "one it would often be missed."
        )
    of = _of(p_value)
    if analysis.outcome is Outcome.UNCERTAIN:
        return (
            f"A trace like those that music generators leave was found, but {of} recordings by "
            "people show one as strong: too many to call it AI."
        )
    trace = _deciding(analysis).trace
    if analysis.outcome is Outcome.IDENTIFIED:
        return (
            f"It carries at least two traces of a known music generator, which agree: {trace}. "
            f"{_of(analysis.identified_p_value or p_value).capitalize()} recordings by people "
            "show two that agree so well."
        )
    return (
        f"It carries a trace that music generators leave: {trace}. "
        f"{of.capitalize()} recordings by people show one as strong. Which generator made it is "
        "not established."
    )


def unsure(analysis: Analysis) -> str:
    """Return in a few words why the detector does not know; empty where it answers."""
    if analysis.reason:
        return analysis.reason
    if analysis.outcome is not Outcome.UNCERTAIN or analysis.p_value is None:
        return ""
    if analysis.p_value >= COMMON:
        return "no clear trace, but in recordings like it one is often missed"
    return f"a trace, as in {_of(analysis.p_value)} human recordings"


def _of(p_value: float) -> str:
    per_mille = p_value * 1_000
    return f"about {per_mille:.0f} in 1,000" if per_mille >= 1 else "fewer than 1 in 1,000"


def _deciding(analysis: Analysis) -> Entry:
    """Return the branch of evidence that found it."""
    rates = {evidence.kind: evidence.rate_hz for evidence in analysis.evidence}
    localized = bool(analysis.segments)  # only a pulse is localized
    partly = analysis.extent is Extent.PARTLY

    def decided(entry: Entry) -> bool:
        if entry.name not in rates or entry.role is Role.SUM:
            return False
        if not localized:  # without a pulse, a branch has a sentence only where it decided
            return entry.pulse is Pulse.NONE
        return partly if entry.pulse is Pulse.PART else rates[entry.name] is not None

    default = "clock" if localized else "templates"
    return next(filter(decided, REGISTRY), ENTRIES[default])


def consequences(actions: Actions) -> list[str]:
    """Return what is done about a track, each in words."""
    return [ACTIONS[(name, value)].words for name, value in actions if value != NEUTRAL[name]]


def restrictions(actions: Actions, *, licensed: bool = False) -> list[str]:
    """Return what is done about a track in the words of policies, and whether it is licensed."""
    done = [f"{name}={value}" for name, value in actions if value != NEUTRAL[name]]
    return [*done, *["licensed"] * licensed]


def places(territories: Sequence[str]) -> str:
    """Return territories as a short list."""
    more = len(territories) - MOST_PLACES
    return ", ".join(territories[:MOST_PLACES]) + (f" and {more} more" if more > 0 else "")


def cannot(reason: str | None) -> str:
    """Return why a recording cannot be assessed."""
    return CANNOT.get(reason or "", (reason or "no reason given").replace("_", " "))
