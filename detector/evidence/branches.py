"""What the kinds of evidence found in one recording, and what it is worth together.

Each kind is first put on one scale: how surprising its score is among human recordings of
its length (``HumanScores.surprise``, in nats). Clock and templates are added, since a decoder
shows in both and people's recordings seldom in either; the sum is put on that scale again. The
other looks (parts of a track, an altered speed or pitch, generators learned from a few tracks)
find what the sum cannot see, and find something in more human recordings the harder they look. So
each pays a price for being one more look, and then the largest counts:

    score = max(main, parts - price, altered - price, pitch - price, learned - ln 2)

``altered`` is to an altered speed what ``main`` is to the recording as it is: the clock at
the speed where it fits best, and the templates at that speed, added. ``pitch`` are templates
alone, all their lines moved by one factor; below 44.1 kHz, where solo instruments look alike, it is
not taken. A learned generator pays less: somebody has met it, so it is no look at random.

The null of that maximum is measured as one (``Calibration.humans``): however many looks
are taken, the false-positive rate of the whole answer stays the operator's.

Guards. A recording that repeats itself to the sample, or whose level is moved like
clockwork, has fixed lines of its own and a pulse at many rates: beside the clock, which is
looked for without those (``detector.evidence.clock``), no evidence in it counts more than that of
one human recording in ten.
A faint clock at 50 Hz, on which players of old machines and trackers run too, counts no
more than one in fifty without a second witness.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from math import inf, log
from typing import Final

from detector.calibration.calibration import DIGITS, Calibration
from detector.evidence.clock import Lattice, Rate
from detector.evidence.localization import MIN_PART_S, Window, best_window
from detector.evidence.speed import SpeedFind, repeats, search
from detector.evidence.templates import FULL_RATE, Bank, PitchFind
from detector.observation.observation import Observation
from detector.types import FloatArray

CLOCK: Final = "clock"
TEMPLATES: Final = "templates"
MAIN: Final = "main"
PARTS: Final = "parts"
SPEED: Final = "speed"
SPEED_LINES: Final = "speed_lines"  # the templates at that speed
ALTERED: Final = "altered"  # both
PITCH: Final = "pitch"
LEARNED: Final = "learned"
BRANCHES: Final = (CLOCK, TEMPLATES, PARTS, SPEED, PITCH)

PRICE: Final = log(10)
LEARNED_PRICE: Final = log(2)  # half as likely as all that was known before
SETTLED: Final = 10.0  # nats of main: no second look is needed, or taken
LOOPED_MOST: Final = log(10)
COMMON_HZ: Final = 50.0
COMMON_FAINT: Final = 5.0  # S
COMMON_MOST: Final = log(50)
# of a template's score (1: one human recording in twenty): from here on it tells one speed from
# another, and a pitch may count more than a loop lets it
TELLING: Final = 2.0
SCORE_DIGITS: Final = DIGITS


def looks_of(branches: Collection[str]) -> tuple[str, ...]:
    """Return the kinds of scores that a calibration holds of human recordings, for some branches.

    In the order in which each can be stated in nats: sums come after what they are sums of.
    """
    found = [CLOCK]
    if TEMPLATES in branches:
        found += [TEMPLATES, MAIN]
    found += [one for one in (PARTS, SPEED, PITCH) if one in branches]
    if TEMPLATES in branches and SPEED in branches:
        found += [SPEED_LINES, ALTERED]
    return tuple(found)


@dataclass(frozen=True)
class TemplateMatch:
    """The best template's score, whose it is, and whether it is clear enough to name."""

    score: float
    nearest: str
    named: str | None


@dataclass(frozen=True)
class LearnedMatch:
    """The best match with a generator that was learned from a few tracks, in nats."""

    surprise: float
    name: str


@dataclass(frozen=True)
class FixedLines:
    """What second looks compare with templates: ``units`` [6686] of a recording (``Bank.unit``)."""

    bank: Bank
    units: FloatArray
    population: str


@dataclass(frozen=True)
class Looks:
    """What was found in a recording of ``seconds``; None where a branch did not look.

    ``speed_lines`` is the best template's score at a speed that fits the lines of ``speed``.
    """

    clock: float
    rate: Rate
    looped: bool = False
    template: TemplateMatch | None = None
    learned: LearnedMatch | None = None
    parts: Window | None = None
    speed: SpeedFind | None = None
    speed_lines: float | None = None
    pitch: PitchFind | None = None
    seconds: float = field(kw_only=True)

    @property
    def common_and_faint(self) -> bool:
        """Whether other things than decoders pulse like this, too."""
        return self.rate.hz == COMMON_HZ and self.clock < COMMON_FAINT

    def score_of(self, look: str, calibration: Calibration) -> float | None:
        """Return what one of ``looks_of`` scored; None where it did not look."""
        match look:
            case "clock":
                return self.clock
            case "templates":
                return None if self.template is None else self.template.score
            case "main":
                return self.sum(calibration)
            case "parts":
                return None if self.parts is None else self.parts.score
            case "speed":
                return None if self.speed is None else self.speed.score
            case "speed_lines":
                return self.speed_lines
            case "altered":
                return None if self.speed is None else self.altered_sum(calibration)
            case "pitch":
                return None if self.pitch is None else self.pitch.score
        raise KeyError(look)

    def main(self, calibration: Calibration) -> float:
        """Return clock and templates together, in nats."""
        total = self.sum(calibration)
        if self.template is None:
            return total
        return calibration.looks[MAIN].surprise(total, self.seconds)

    def sum(self, calibration: Calibration) -> float:
        """Return the sum of both, each in nats: what ``looks["main"]`` are scores of."""
        total = calibration.looks[CLOCK].surprise(self.clock, self.seconds)
        if self.common_and_faint:
            total = min(total, COMMON_MOST)
        if self.template is not None:
            total += self._nats(calibration, TEMPLATES, self.template.score)
        return round(total, SCORE_DIGITS)

    def altered(self, calibration: Calibration) -> float:
        """Return clock and templates at an altered speed together, in nats; 0 without."""
        total = self.altered_sum(calibration)
        if self.speed_lines is None:
            return total
        return self._unless_looped(calibration.looks[ALTERED].surprise(total, self.seconds))

    def altered_sum(self, calibration: Calibration) -> float:
        """Return the sum of both: what ``looks["altered"]`` are scores of."""
        if self.speed is None:
            return 0.0
        total = self._nats(calibration, SPEED, self.speed.score)
        if self.speed_lines is not None:
            total += self._nats(calibration, SPEED_LINES, self.speed_lines)
        return round(total, SCORE_DIGITS)

    def _nats(self, calibration: Calibration, look: str, score: float) -> float:
        return self._unless_looped(calibration.looks[look].surprise(score, self.seconds))

    def _unless_looped(self, nats: float) -> float:
        return min(nats, LOOPED_MOST) if self.looped else nats

    def settled(self, calibration: Calibration) -> bool:
        """Whether clock and templates are so strong that no second look is taken."""
        return self.main(calibration) >= SETTLED

    def whole(self, calibration: Calibration) -> tuple[float, str]:
        """Return what the strongest look found, in nats, and which it was.

        ``Calibration.humans`` are these of human recordings.
        """
        found = {MAIN: self.main(calibration)}
        if self.parts is not None:
            found[PARTS] = self._nats(calibration, PARTS, self.parts.score) - PRICE
        if self.speed is not None:
            found[SPEED] = self.altered(calibration) - PRICE
        if self.pitch is not None:
            nats = self._nats(calibration, PITCH, self.pitch.score)
            found[PITCH] = (min(nats, LOOPED_MOST) if self.pitch.looped else nats) - PRICE
        if self.learned is not None:
            found[LEARNED] = self._unless_looped(self.learned.surprise) - LEARNED_PRICE
        look, best = MAIN, -inf
        for name, nats in found.items():
            if nats > best:
                look, best = name, nats
        return round(best, SCORE_DIGITS), look


def look_again(
    looks: Looks,
    observed: Observation,
    lattice: Lattice,
    branches: Collection[str],
    calibration: Calibration,
    lines: FixedLines | None = None,
) -> Looks:
    """Return the looks with those second ones that are due; ``lines`` where there are templates."""
    if looks.settled(calibration):
        return looks
    return with_second_looks(looks, observed, lattice, branches, lines)


def with_second_looks(
    looks: Looks,
    observed: Observation,
    lattice: Lattice,
    branches: Collection[str],
    lines: FixedLines | None,
) -> Looks:
    """Return the looks with every second one that there is."""
    long_enough = observed.duration_s >= MIN_PART_S
    parts = best_window(observed, lattice) if PARTS in branches and long_enough else None
    speed = search(observed) if SPEED in branches else None
    speed_lines, pitch = None, None
    if lines is not None and (speed is not None or PITCH in branches):
        bank, heard_in = lines.bank, lines.population
        cosines = bank.transposed(lines.units)
        if speed is not None:
            scores = {scale: bank.score_near(cosines, scale, heard_in) for scale in speed.scales}
            best = max(scores, key=lambda scale: scores[scale])
            speed_lines = round(scores[best], SCORE_DIGITS)
            if speed_lines >= TELLING:
                speed = speed.at(best)
        if PITCH in branches and heard_in == FULL_RATE:
            pitch = bank.find_moved(cosines, heard_in)
            if pitch.score >= TELLING:
                pitch = replace(pitch, looped=repeats(observed, pitch.factor))
    return replace(looks, parts=parts, speed=speed, speed_lines=speed_lines, pitch=pitch)
