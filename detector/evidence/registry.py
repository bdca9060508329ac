"""The branches of evidence: the one list of them, with the words that people read.

A branch is a line here and a module ``detector.evidence.branches.<name>``, which holds its
``BRANCH`` (``detector.evidence.branch.Branch``). Nothing here imports PyTorch.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from math import log
from typing import Final

MULTIPLICITY_PENALTY: Final = log(10)
"""In nats: what a branch pays for being one more search."""
LEARNED_PENALTY: Final = log(2)
"""In nats: half as likely as all that was known before."""


class Role(Enum):
    """How a branch takes part in the score of the whole answer."""

    SUM = "sum"
    """Always scored; added to the other branches of this role."""
    SINGLE = "single"
    """Always scored; stands alone, against its penalty."""
    SEARCH = "search"
    """Scored only where the sum is not conclusive; stands alone, against its penalty."""


class Pulse(Enum):
    """Whether a branch finds a pulse, which alone shows where in a track the trace is."""

    NONE = "none"
    TRACK = "track"
    PART = "part"


@dataclass(frozen=True)
class Entry:
    """One branch: its place in the answer, and its words.

    ``label`` is its name for people, ``card`` its item in a model's card. ``trace`` completes "It
    carries a trace that music generators leave: ...". ``trained``: training can include it.
    ``witness`` is what it attests of a known decoder; branches of one witness count once.
    """

    name: str
    role: Role
    pulse: Pulse
    label: str
    trace: str
    card: str = ""
    penalty: float = MULTIPLICITY_PENALTY
    requires: tuple[str, ...] = ()
    trained: bool = True
    witness: str = ""


REGISTRY: Final = (
    Entry(
        "clock", Role.SUM, Pulse.TRACK, "pulse",
        "a pulse in the treble, more even than any player's",
        witness="pulse",
    ),
    Entry(
        "templates", Role.SUM, Pulse.NONE, "fixed lines",
        "faint tones that stand still whatever is played, as known generators leave them",
        witness="spectrum",
    ),
    Entry(
        "families", Role.SUM, Pulse.NONE, "known families",
        "a fine structure of the spectrum as in the tracks of known generators",
        "- Families: a logistic model of the spectrum's fine structure, trained on the generators\n"
        "  below and on people's music (at 44.1 kHz and up).",
        witness="spectrum",
    ),
    Entry(
        "learned", Role.SINGLE, Pulse.NONE, "taught examples",
        "a likeness to recordings of a generator that the detector was shown",
        penalty=LEARNED_PENALTY, requires=("templates",), trained=False,
    ),
    Entry(
        "parts", Role.SEARCH, Pulse.PART, "parts of the track",
        "a pulse in the treble of some parts, more even than any player's",
        "- Parts: the best window of 24 s, for a decoder's part in someone's recording.",
        witness="pulse",
    ),
    Entry(
        "speed", Role.SEARCH, Pulse.TRACK, "altered speed",
        "a pulse in the treble, more even than any player's, at an altered speed",
        "- Speed: the clock at one scale from 0.90 to 1.10, for what was sped up or slowed;\n"
        "  and the templates at that scale, added.",
    ),
    Entry(
        "pitch", Role.SEARCH, Pulse.NONE, "altered pitch",
        "faint tones that stand still whatever is played, as known generators leave them, "
        "all at an altered pitch",
        "- Pitch: the templates alone, all their lines moved by one factor from 0.91 to 1.10\n"
        "  (at 44.1 kHz and up): a shifted pitch, or a relative of a decoder at another sample "
        "rate.",
        requires=("templates",),
    ),
)  # fmt: skip
"""In the order in which evidence is listed."""

ENTRIES: Final = {entry.name: entry for entry in REGISTRY}
BRANCHES: Final = tuple(entry.name for entry in REGISTRY if entry.trained)
"""Names of the branches that training can include."""
ALWAYS: Final = REGISTRY[0].name
"""The branch that takes part in every model."""


def checked(branches: Collection[str]) -> tuple[str, ...]:
    """Return the branches of a model in the registry's order; the first always takes part.

    Raises:
        ValueError: a branch is not registered, or lacks one that it requires.
    """
    chosen = {ALWAYS, *branches}
    if unknown := sorted(chosen - set(BRANCHES)):
        raise ValueError(f"{', '.join(unknown)}: the branches are {', '.join(BRANCHES)}")
    for name in sorted(chosen):
        if missing := sorted(set(ENTRIES[name].requires) - chosen):
            raise ValueError(f"the branch {name} needs the branch {', '.join(missing)}")
    return tuple(name for name in BRANCHES if name in chosen)
