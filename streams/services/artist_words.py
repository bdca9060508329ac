"""The page of artists in plain words, by language: what was found, what follows, what does not.

Readers make music and have no reason to know how the detector works. A test keeps its terms out.
"""

from collections.abc import Iterator
from typing import Final

from streams.contract.records import Actions, Extent, LabelSource, Outcome, TrackDecided
from streams.contract.translations import N_, day, translated
from streams.contract.vocabulary import ACTIONS, DIMENSIONS, NEUTRAL
from streams.services.wording import places

DECLARED: Final = {
    "All": N_("When it was delivered, it was stated that all of it was made with AI."),
    "Partly": N_("When it was delivered, it was stated that part of it was made with AI."),
    "None": N_("When it was delivered, it was stated that no AI was used."),
    None: N_("When it was delivered, nothing was stated about AI."),
}
LIMITS: Final = (
    N_("Programs make mistakes. If you object, a person decides, and not the program."),
    N_("This is about how the sound was made. It does not judge your music or who owns it."),
    N_("It does not accuse you of anything."),
)
PULSE: Final = frozenset({"clock", "parts", "speed"})
PICTURE: Final = (
    (
        N_("The curve"),
        N_(
            "This is your recording from start to end, as in an audio editor: high where it is "
            "loud, flat where it is quiet."
        ),
    ),
    (
        N_("The colour"),
        N_("The stronger the colour behind the curve, the more of the trace is in that part."),
    ),
)
PULSE_PICTURE: Final = (
    N_("The trace"),
    N_(
        "AI generators write sound in tiny equal steps, some dozens in a second. Each step gives "
        "the highest treble a small push, like a click track that is far too fast to play. "
        "You cannot hear it; a program can measure it."
    ),
)
LINES_PICTURE: Final = (
    N_("The trace"),
    N_(
        "AI generators leave faint tones that stay at the same pitch whatever is played, like "
        "the hum of an amplifier, but very high and very quiet. You cannot hear them; a "
        "program can measure them."
    ),
)
ALIKE: Final = (
    N_("What can look like it"),
    N_(
        "A sample or a loop that was made with AI, even if everything else was played. Very fast "
        "gates or tremolo that run exactly in time. Tools that generate missing sound, such as "
        "some that repair or separate recordings. If you used any of these, tell us."
    ),
)


def headline(language: str, decision: TrackDecided) -> str:
    """Return in one line what happens with the recording."""
    actions = decision.actions
    if actions.display == "ai_badge":
        return translated(language, N_("This recording is marked as made with AI"))
    if actions.display == "partly_ai_badge":
        return translated(language, N_("This recording is marked as partly made with AI"))
    restricted = any(value != NEUTRAL[name] for name, value in actions) or decision.territorial
    if restricted:
        return translated(language, N_("This recording is restricted"))
    if decision.label.source.human and decision.label.extent is Extent.NONE:
        return translated(language, N_("Settled: this recording was not made with AI"))
    return translated(language, N_("Nothing is shown or restricted"))


def why(language: str, decision: TrackDecided) -> list[str]:
    """Return what is known of the recording, and how sure it is, in sentences."""
    label, analysis = decision.label, decision.analysis
    if label.source is not LabelSource.DETECTOR and label.extent is not Extent.UNKNOWN:
        return [translated(language, label.source.to_artist)]
    sentences = [translated(language, analysis.outcome.to_artist)]
    rate = analysis.identified_p_value if analysis.outcome is Outcome.IDENTIFIED else None
    rate = analysis.p_value if rate is None else rate
    if analysis.outcome.finds_ai and rate is not None:
        sentences.append(how_rare(language, rate))
    return sentences


def how_rare(language: str, rate: float) -> str:
    """Return how many recordings by people show as much; ``rate``: their share, 0 to 1."""
    count = round(rate * 1_000)
    if count < 1:
        return translated(
            language, N_("This happens with fewer than 1 of 1,000 recordings made by people.")
        )
    message = N_("This happens with about {count} of 1,000 recordings made by people.")
    return translated(language, message, count=count)


def follows(language: str, decision: TrackDecided) -> list[str]:
    """Return what is done with the recording, and until when; other territories come last."""
    ends = {(term.dimension, term.value): term.ends_at for term in decision.terms if term.ends_at}
    lines = []
    for key in _done(decision.actions):
        until = ends.get(key)
        line = translated(language, ACTIONS[key].to_artist)
        if until is not None:
            line += " " + translated(language, N_("Until {day}."), day=day(language, until))
        lines.append(line)
    for scope in decision.territorial:
        done = [translated(language, ACTIONS[key].to_artist) for key in _done(scope.actions)]
        what = " ".join(done) or translated(language, N_("Nothing is shown or restricted there."))
        where = places(scope.territories)
        lines.append(translated(language, N_("In {places}: {what}"), places=where, what=what))
    return lines


def follows_not(language: str, actions: Actions) -> list[str]:
    """Return what stays as it was."""
    return [
        translated(language, DIMENSIONS[name].unchanged)
        for name, value in actions
        if value == NEUTRAL[name]
    ]


def declared(language: str, contains_ai: str | None) -> str:
    """Return what was stated at delivery."""
    return translated(language, DECLARED[contains_ai])


def limits(language: str) -> list[str]:
    """Return what the finding does not mean."""
    return [translated(language, sentence) for sentence in LIMITS]


def picture(language: str, decision: TrackDecided) -> list[tuple[str, str]]:
    """Return how a musician reads the picture of the recording: titles and explanations."""
    if not decision.analysis.outcome.finds_ai:
        return []
    kinds = {one.kind for one in decision.analysis.evidence}
    trace = PULSE_PICTURE if decision.analysis.segments or kinds & PULSE else LINES_PICTURE
    parts = (*PICTURE, trace) if decision.analysis.segments else (PICTURE[0], trace)
    shown = (*parts, ALIKE)
    return [(translated(language, title), translated(language, text)) for title, text in shown]


def _done(actions: Actions) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in actions if value != NEUTRAL[name])
