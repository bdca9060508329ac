"""The page of rightsholders in plain words, by language."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Final

from streams.contract.records.rights import WORLDWIDE
from streams.contract.translations import N_, day, translated
from streams.contract.vocabulary import ACTIONS, DIMENSIONS
from streams.services.rights_preview import Preview

KINDS: Final = {
    "voice": N_("Voice"),
    "artist": N_("Artist name"),
    "recording": N_("Recording"),
    "catalogue": N_("Catalogue"),
}
USES: Final = {
    "train": N_("Training of AI with it"),
    "derivatives": N_("Remixes, mashups and parts of it in other recordings"),
    "voice_replica": N_("Imitation of the voice"),
    "cover": N_("Cover versions"),
}
PERMISSIONS: Final = {
    "refuse": N_("I refuse it"),
    "condition": N_("I agree under a condition"),
    "grant": N_("I agree"),
}
STANDS: Final = {  # of a choice as it stands
    "opt_out": N_("Refused"),
    "conditional": N_("Agreed under a condition"),
    "opt_in": N_("Agreed"),
    "revoked": N_("Taken back"),
}
CHOSEN: Final = {  # of a request
    "refuse": N_("Refuse: {uses}"),
    "condition": N_("Agree under a condition: {uses}"),
    "grant": N_("Agree: {uses}"),
    "take_back": N_("Take back what you chose about: {uses}"),
}
STATES: Final = {
    "draft": N_("Not sent yet. Look at what it would change, then confirm it."),
    "waiting": N_("We have it. A person looks at it before it takes effect."),
    "in_force": N_("It is in effect."),
    "refused": N_("It was not accepted."),
    "withdrawn": N_("You took it back."),
}


def uses(language: str, names: Sequence[str]) -> str:
    """Return uses as a list in one line."""
    return "; ".join(translated(language, USES[name]) for name in names if name in USES)


def territories(language: str, codes: Sequence[str]) -> str:
    """Return territories by their names."""
    if WORLDWIDE in codes:
        return translated(language, N_("Everywhere"))
    from babel import Locale  # with its data a start takes longer

    names = Locale.parse(language).territories
    return ", ".join(str(names.get(code, code)) for code in codes)


def period(language: str, first: date, last: date | None) -> str:
    """Return from when until when something holds."""
    begin = day(language, datetime.combine(first, time()))
    if last is None:
        return translated(language, N_("from {first} on"), first=begin)
    end = day(language, datetime.combine(last, time()))
    return translated(language, N_("from {first} to {last}"), first=begin, last=end)


def changes(language: str, preview: Preview) -> list[str]:
    """Return what a change would change: how many recordings, and what would follow for them."""
    if not preview.tracks:
        return [
            translated(language, N_("No recording here is about it now. It counts for new ones."))
        ]
    lines = [
        translated(
            language,
            N_("Recordings here that it is about: {tracks}. Decided otherwise: {different}."),
            tracks=preview.tracks,
            different=preview.different,
        )
    ]
    if preview.examined < preview.tracks:
        lines.append(
            translated(language, N_("We looked at {examined} of them."), examined=preview.examined)
        )
    for flip in preview.flips:
        if flip.dimension in DIMENSIONS:
            action = ACTIONS.get((flip.dimension, flip.after))
            text = DIMENSIONS[flip.dimension].unchanged if action is None else action.to_artist
            follows = translated(language, text)
            line = translated(language, N_("For {tracks} of them: {follows}"), tracks=flip.tracks,
                              follows=follows)  # fmt: skip
            lines.append(line)
    if preview.to_review:
        lines.append(
            translated(
                language, N_("A person would look at {count} of them."), count=preview.to_review
            )
        )
    return lines
