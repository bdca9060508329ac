"""Detectors of watermarks: what each one answers, which ones are there, and how they are asked.

Perth comes with Earmark. Any other package registers its own as an entry point of the group
``earmark.watermarks``: something that is called without arguments and returns a ``Detector``.
The operator switches detectors on by the names of their entry points.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Final, NamedTuple, Protocol, runtime_checkable

from detector.errors import Fatal
from detector.types import AudioFacts, FloatArray
from detector.watermarks.excerpts import excerpts, resampled
from detector.watermarks.perth import Perth

GROUP: Final = "earmark.watermarks"
OWN: Final[Mapping[str, Callable[[], "Detector"]]] = {"perth": Perth}
RELIABLE: Final = 0.001
"""At most so many of people's recordings may have a watermark that is to declare anything."""


@runtime_checkable
class Detector(Protocol):
    """Detects one kind of watermark, in a process that can open no file and no socket."""

    generator: str
    """Whose tools put the watermark on."""
    version: str
    """Of code and weights: another version analyses a file again."""
    sample_rate_hz: int
    """Of the samples that ``confidence`` takes."""
    threshold: float
    """Least confidence, in every excerpt, of a recording that has the watermark."""
    false_positives: float
    """Upper limit, at 95 %, of the share of people's recordings above the threshold."""

    def confidence(self, samples: FloatArray) -> float:
        """Return 0 to 1 for an excerpt of some seconds: mono [n], full scale at 1."""


class Watermark(NamedTuple):
    """A watermark that every excerpt has."""

    name: str
    generator: str
    confidence: float
    """The least one."""
    excerpts: int
    reliable: bool


@dataclass(frozen=True)
class Watermarks:
    """The detectors that are switched on; another process gets their names and loads them."""

    detectors: Mapping[str, Detector] = field(default_factory=dict)

    @classmethod
    def load(cls, names: Iterable[str]) -> "Watermarks":
        """Load detectors by their names.

        Raises:
            Fatal: a name that nothing registers, or what it registers is no detector.
        """
        return cls({name: _loaded(name) for name in names})

    def __reduce__(self) -> tuple[Callable[..., "Watermarks"], tuple[tuple[str, ...]]]:
        return Watermarks.load, (tuple(self.detectors),)

    @property
    def versions(self) -> tuple[str, ...]:
        """Names and versions, on which findings depend."""
        return tuple(f"{name} {one.version}" for name, one in self.detectors.items())

    def search(self, descriptor: int, audio: AudioFacts) -> tuple[list[Watermark], list[str]]:
        """Return the watermarks in an open file, and a sentence for each detector that failed."""
        if not self.detectors:
            return [], []
        parts, rate = excerpts(descriptor, audio), audio.sample_rate_hz
        watermarks, faults = [], []
        for name, detector in self.detectors.items():
            try:
                levels = [
                    detector.confidence(resampled(part, rate, detector.sample_rate_hz))
                    for part in parts
                ]
            except Exception as error:  # noqa: BLE001 - another's code: its fault costs no upload
                faults.append(f"{name}: {type(error).__name__}: {error}")
                continue
            if levels and min(levels) >= detector.threshold:
                reliable = detector.false_positives <= RELIABLE
                watermarks.append(
                    Watermark(name, detector.generator, min(levels), len(levels), reliable)
                )
        return watermarks, faults


def _loaded(name: str) -> Detector:
    others = entry_points(group=GROUP)
    if name in OWN:
        return OWN[name]()
    if name not in others.names:
        known = ", ".join(sorted({*OWN, *others.names}))
        raise Fatal(f"no watermark detector {name!r} is installed; there are: {known}")
    detector = others[name].load()()
    if not isinstance(detector, Detector):
        raise Fatal(f"the entry point {name!r} of {GROUP} returns no watermark detector")
    return detector
