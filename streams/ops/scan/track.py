"""One track of a scan: what its file, the manifest and the detector state of it."""

from dataclasses import dataclass

from streams.contract.records import Provenance
from streams.ops.scan.records import Listing, Reading
from streams.policy.identity import Identity


@dataclass(frozen=True, slots=True)
class Track:
    """One file of the report; texts are as the file or the manifest has them."""

    path: str
    title: str | None
    artists: tuple[str, ...]
    release: str | None
    deliverer: str | None
    isrc: str | None
    folder: str
    track_id: str | None
    reading: Reading | None
    marks: tuple[str, ...] = ()
    provenance: str | None = None

    @classmethod
    def of(cls, listing: Listing, reading: Reading | None) -> "Track":
        """Return the track of a file: what a manifest states prevails over the file's tags."""
        tags = reading.tags if reading else Reading(status="unreadable").tags
        by = f"{tags.release} ({tags.release_artist})" if tags.release_artist else tags.release
        stated = reading.provenance if reading else None
        return cls(
            path=listing.path,
            title=listing.title or tags.title,
            artists=listing.artists or ((tags.artist,) if tags.artist else ()),
            release=listing.release or (by if tags.release else None),
            deliverer=listing.deliverer or tags.label,
            isrc=listing.isrc or tags.isrc,
            folder=listing.folder,
            track_id=listing.track_id,
            reading=reading,
            marks=marks_of(stated),
            provenance=provenance_of(stated),
        )

    @property
    def content(self) -> str | None:
        """The SHA-256 of its bytes."""
        return self.reading.content_sha256 if self.reading else None

    @property
    def outcome(self) -> str | None:
        """The detector's answer; None: unreadable, or not read yet."""
        return self.reading.outcome.value if self.reading and self.reading.outcome else None

    @property
    def finds_ai(self) -> bool:
        """Whether the detector identifies or suspects AI."""
        return bool(self.reading and self.reading.outcome and self.reading.outcome.finds_ai)

    @property
    def states_ai(self) -> bool:
        """Whether the file itself states or carries that it was made with AI."""
        return bool(self.marks or self.provenance)

    @property
    def unreadable(self) -> bool:
        """Whether it could not be read."""
        return self.reading is not None and self.reading.status == "unreadable"

    @property
    def seconds(self) -> float:
        """Its duration."""
        return self.reading.audio.duration_s if self.reading and self.reading.audio else 0.0

    @property
    def identity(self) -> Identity:
        """Under which names it is delivered."""
        return Identity(self.artists, self.isrc, self.deliverer)


def marks_of(provenance: Provenance | None) -> tuple[str, ...]:
    """Return the marks of generators that a file carries, in words."""
    marks = provenance.marks if provenance else ()
    texts = (" ".join(filter(None, (one.generator, one.version))) for one in marks)
    return tuple(f"{text} ({one.kind})" for text, one in zip(texts, marks, strict=True))


def provenance_of(provenance: Provenance | None) -> str | None:
    """Return what manifest and AIGC tag state about AI, in words; None: nothing."""
    if provenance is None:
        return None
    texts = []
    if provenance.state != "absent" and provenance.extent.value in ("All", "Partly"):
        texts.append(f"C2PA {provenance.state}: {provenance.extent.value}")
    if provenance.aigc is not None:
        texts.append(f"AIGC label {provenance.aigc.label}")
    return "; ".join(texts) or None
