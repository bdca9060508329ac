"""Files of a scan as it stores them, made up."""

from typing import Any

from detector.assessment.model import Model
from detector.types import Rates
from streams.contract.records import AudioFacts, Mark, Provenance
from streams.contract.vocabulary import Outcome
from streams.media.file_tags import FileTags
from streams.ops.scan.page import About
from streams.ops.scan.records import Listing, Reading
from streams.runtime.settings import Settings
from streams.store.scan_state import Pair

AUDIO = AudioFacts(
    container="flac",
    codec="flac",
    sample_rate_hz=44_100,
    channels=2,
    duration_s=180.0,
    silent_share=0.0,
)
HOSTILE = '=HYPERLINK("http://evil.example") <script>alert(1)</script>\u202e'


def listing(name: str, **stated: Any) -> Listing:
    fields = {"path": f"/music/{name}", "uri": f"file:///music/{name}", "folder": "music"}
    return Listing(**(fields | stated))


def reading(content: str, outcome: str = "no_trace", **more: Any) -> Reading:
    fields = {
        "status": "read",
        "content_sha256": content * 64,
        "outcome": Outcome(outcome),
        "p_value": {"identified": 0.0005, "suspected": 0.004}.get(outcome, 0.5),
        "audio": AUDIO,
    }
    return Reading(**(fields | more))


def unreadable(reason: str = "undecodable", detail: str = "not one sample") -> Reading:
    return Reading(status="unreadable", reason=reason, detail=detail)


def tags(**names: str) -> FileTags:
    return FileTags(**names)


def marked(generator: str) -> Provenance:
    mark = Mark(generator=generator, kind="tag", strength="strong", place="comment")
    return Provenance(marks=(mark,))


def catalogue() -> tuple[list[tuple[Listing, Reading | None]], list[Pair]]:
    """A label's catalogue: an AI artist, one recording under two names, and hostile texts."""
    lines: list[tuple[Listing, Reading | None]] = [
        (
            listing("a1.flac", artists=("Nova",), release="Sky", deliverer="D1", isrc="DEA1"),
            reading("a", "identified", generator="Suno", provenance=marked("Suno")),
        ),
        (
            listing("a2.flac", artists=("NOVA",), release="Sky", deliverer="D1"),
            reading("b", "suspected"),
        ),
        (listing("b1.mp3"), reading("c", tags=tags(artist="The Boats", release="Harbour"))),
        (
            listing("b2.mp3", artists=("Other Name",), deliverer="D2"),
            reading("d", tags=tags(artist="ignored", title="Boats")),
        ),
        (listing("b3.mp3"), reading("c", tags=tags(artist="Boats feat. Guest"))),
        (listing("c.wav", title=HOSTILE, artists=(HOSTILE,)), reading("e", "not_assessable")),
        (listing("d.wav"), unreadable(detail=HOSTILE)),
        (listing("e.wav"), None),
    ]
    pairs = [
        Pair("c" * 64, "d" * 64, "near_duplicate", 180.0),
        Pair("a" * 64, "c" * 64, "contained", 30.0),
        Pair("a" * 64, "f" * 64, "exact", 180.0),  # of a file that is gone
    ]
    return lines, pairs


def about(known: bool = False) -> About:
    return About(("/music",), Model.load(Settings().model), Rates(), passed_over=3, known=known)
