"""A part of a track with a clock of its own, as evidence."""

from typing import Final

from detector.evidence.branch import Branch, Context, Place, Recording, listed
from detector.evidence.localization import MIN_PART_S, Window, best_window, locate
from detector.types import Evidence


class PartsBranch(Branch[Window]):
    """The best window of about 24 s; ``detector.evidence.localization`` scores it."""

    name = "parts"

    def search(self, recording: Recording) -> Window | None:
        """Return the best window; None in a track that is too short to have parts."""
        if recording.observed.duration_s < MIN_PART_S:
            return None
        return best_window(recording.observed, recording.lattice)

    def evidence(self, finding: Window, context: Context) -> Evidence | None:
        """Return the sentence, with the times where the clock runs."""
        if not context.speaks(self.name, finding.score):
            return None
        hz = finding.rate.hz
        segments = [part for part in locate(context.observed, finding).segments if part.score > 0]
        times = tuple(
            f"{_clock_time(part.start_s)} to {_clock_time(part.end_s)}" for part in segments
        )
        where = f"In part of the track, {listed(times)}," if times else "In some part of the track"
        compared = context.compared(
            self.name, finding.score, "have a stretch with a pulse as strong"
        )
        finds = context.is_finding(self.name, finding.score)
        pulse = (
            f"the energy above 4.5 kHz pulses at exactly {hz:.2f} Hz and its multiples"
            if finds
            else f"a faint pulse near {hz:.2f} Hz was found in the energy above 4.5 kHz, "
            "not above what human recordings show"
        )
        sentence = f"{where} {pulse}; {compared}"
        return Evidence(self.name, finding.score, sentence, hz if finds else None)

    def place(self, finding: Window, context: Context) -> Place:
        """Return the window's rate, and the extent of the parts where it runs."""
        parts = locate(context.observed, finding)
        return Place(finding.rate.hz, parts.extent, parts.coverage)

    def is_known(self, finding: Window) -> bool:
        """Whether generators are known for the rate."""
        return bool(finding.rate.known_for)


def _clock_time(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


BRANCH: Final = PartsBranch()
