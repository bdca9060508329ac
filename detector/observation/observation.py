"""The observation: what the detector reads, taken from the audio in one streaming pass.

A new model scores stored observations again without decoding. ``docs/explanation/detector.md``
describes the modulation spectrum. An observation contains

- ``clock`` [3, bins]: modulation spectrum of three high bands, averaged over the track;
- ``timeline`` [segments, bins]: the same of all bands together, for each segment;
- ``shares`` [5951]: how often each spectral bin is the maximum of its neighbourhood;
- ``ltas`` [windows, 96]: mean level of 250 Hz bands, in dB, for each segment's hop;
- ``peaks`` [n]: largest sample of each 0.1 s, for drawing the waveform;
- ``sides``: where the channels differ, the same of left, right and their difference.

Changing anything here changes ``VERSION``; a model names the version that it reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
import orjson
import safetensors.numpy
import scipy.fft
import zstandard
from numpy.typing import NDArray

from detector import kernels
from detector.audio.framing import Framer, hann
from detector.audio.spectra import LTAS_FLOOR_DB, Spectra
from detector.errors import ModelError
from detector.kernels.reference import power_of
from detector.observation.geometry import FILTER_TAPS, Geometry
from detector.observation.storage import PEAK_S, unpack
from detector.types import OBSERVATION_VERSION, BoolVector, FloatArray

VERSION: Final = OBSERVATION_VERSION

# modulation front end
GROUPS_HZ: Final = ((4_500.0, 8_000.0), (8_000.0, 12_000.0), (12_000.0, 16_000.0))
POWER_FLOOR: Final = 1e-9
EMPTY_BAND: Final = -17.0  # median ln power below which a filter has nothing to say
STRIDE: Final = 16  # of the levels that are counted
SHARPEN_HZ: Final = 5.5
SHARPEN_QUANTILE: Final = 0.92
SHARPEN_ABOVE_HZ: Final = 20.0
MIN_ENVELOPE_S: Final = 1.0

_TIMELINE_STEP: Final = 0.25  # nepers: 30 levels compress to about three bits


@dataclass(frozen=True)
class Observation:
    """See the module docstring; arrays are read-only by convention."""

    sample_rate_hz: int
    duration_s: float
    clock: FloatArray
    groups: tuple[bool, bool, bool]
    timeline_steps: NDArray[np.int8]
    """The timeline in steps of 0.25 neper: hours of audio make hundreds of MB as floats."""
    shares: FloatArray
    share_frames: int
    ltas: FloatArray
    peaks: FloatArray
    version: int = VERSION
    sides: Mapping[str, "Observation"] = field(default_factory=dict)

    @property
    def geometry(self) -> Geometry:
        """The geometry of this sample rate."""
        return Geometry(self.sample_rate_hz)

    @property
    def timeline(self) -> FloatArray:
        """Lines of each segment, in nepers; made at every call."""
        return self.timeline_steps.astype(np.float32) * np.float32(_TIMELINE_STEP)

    def to_bytes(self) -> bytes:
        """Return the compressed form (safetensors in zstandard; no pickle anywhere)."""
        header: dict[str, Any] = {
            "version": self.version,
            "sample_rate_hz": self.sample_rate_hz,
            "duration_s": round(self.duration_s, 4),
            "groups": list(self.groups),
            "share_frames": self.share_frames,
        }
        tensors = self._tensors("")
        if self.sides:  # readers of before pass over them
            header["sides"] = {
                name: {"groups": list(side.groups), "share_frames": side.share_frames}
                for name, side in self.sides.items()
            }
            for name, side in self.sides.items():
                tensors |= side._tensors(f"{name}.")
        plain = safetensors.numpy.save(tensors, {"earmark": orjson.dumps(header).decode()})
        return zstandard.ZstdCompressor(level=3).compress(plain)

    def _tensors(self, prefix: str) -> dict[str, NDArray[Any]]:
        tensors: dict[str, NDArray[Any]] = {
            "clock": self.clock.astype(np.float16),
            "timeline": self.timeline_steps,
            "shares": np.rint(self.shares * self.share_frames).astype(np.uint32),
            "ltas": np.rint((self.ltas - LTAS_FLOOR_DB) * 2).clip(0, 255).astype(np.uint8),
            "peaks": np.rint(self.peaks * 255).clip(0, 255).astype(np.uint8),
        }
        return {prefix + name: values for name, values in tensors.items()}

    @classmethod
    def from_bytes(cls, data: bytes) -> "Observation":
        """Read what ``to_bytes`` wrote.

        Raises:
            ModelError: another version, or not an observation at all.
        """
        try:
            header, tensors = unpack(data)
            if header["version"] != VERSION:
                raise ModelError(f"observation version {header['version']}, not {VERSION}")
            sides = {
                name: cls._of(header | facts, tensors, f"{name}.")
                for name, facts in header.get("sides", {}).items()
            }
            return replace(cls._of(header, tensors, ""), sides=sides)
        except (KeyError, ValueError) as error:
            raise ModelError(f"not an observation: {error}") from error

    @classmethod
    def _of(
        cls, header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]], prefix: str
    ) -> "Observation":
        frames = int(header["share_frames"])
        ltas = tensors[f"{prefix}ltas"].astype(np.float32) / np.float32(2)
        return cls(
            sample_rate_hz=int(header["sample_rate_hz"]),
            duration_s=float(header["duration_s"]),
            clock=tensors[f"{prefix}clock"].astype(np.float32),
            groups=tuple(bool(flag) for flag in header["groups"]),  # type: ignore[arg-type]  # three by construction
            timeline_steps=tensors[f"{prefix}timeline"],
            shares=tensors[f"{prefix}shares"].astype(np.float32) / np.float32(max(frames, 1)),
            share_frames=frames,
            ltas=ltas + np.float32(LTAS_FLOOR_DB),
            peaks=tensors[f"{prefix}peaks"].astype(np.float32) / np.float32(255),
        )


@dataclass(frozen=True)
class _Half:
    """Half a segment, whose sums serve two segments; see ``_count_loud``."""

    levels: FloatArray
    sums: FloatArray
    loud: NDArray[np.intp]


def _count_loud(levels: FloatArray) -> NDArray[np.intp]:
    """Return how many of every sixteenth level [filters, n] are not those of an empty band."""
    counts: NDArray[np.intp] = np.count_nonzero(levels[:, ::STRIDE] >= EMPTY_BAND, axis=1)
    return counts


def _enough(length: int) -> int:
    """Return how many of them must be, for the lower median to be one: counted, not sorted."""
    count = -(-length // STRIDE)
    return count - (count - 1) // 2


def quantise_timeline(timeline: FloatArray) -> NDArray[np.int8]:
    """Return the timeline in steps of 0.25 neper."""
    steps: NDArray[np.int8] = np.rint(timeline / _TIMELINE_STEP).clip(-20, 20).astype(np.int8)
    return steps


class Observer:
    """Takes mono samples of any number of calls, cut anyhow; ``finish`` returns the observation.

    Memory grows by the timeline only (19 kB for each 6 s).
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.geometry = geometry = Geometry(sample_rate_hz)
        self._filters = _filter_bank(geometry)
        self._groups = _filter_groups(geometry)
        half = geometry.segment // 2
        self._envelope = Framer(
            half * geometry.hop + geometry.taps - geometry.hop, half * geometry.hop
        )
        self._last: _Half | None = None
        self._power = np.zeros((3, geometry.bins))
        self._count = np.zeros(3)
        self._timeline = bytearray()  # one piece: it would have to be copied to become one
        self._spectra = Spectra(sample_rate_hz, geometry.segment_s / 2)
        self._peak_samples = max(1, int(PEAK_S * sample_rate_hz))
        self._peak_rest = np.empty(0, np.float32)
        self._peaks: list[float] = []
        self._samples = 0

    def feed(self, mono: FloatArray) -> None:
        """Take float32 samples, full scale at 1."""
        self._samples += len(mono)
        for frame in self._envelope.feed(mono):
            self._take_envelope(self._log_envelope(frame))
        self._spectra.feed(mono)
        self._take_peaks(mono)

    def finish(self) -> Observation:
        """Return the observation of all that was fed."""
        geometry = self.geometry
        if not self._timeline:  # shorter than a segment: use what there is, zero-padded
            rest = self._envelope.rest
            pieces = [] if self._last is None else [self._last.levels]
            if len(rest) >= geometry.taps:
                pieces.append(self._log_envelope(rest))
            if pieces:
                envelope = np.concatenate(pieces, axis=1)  # a copy
                if envelope.shape[1] >= MIN_ENVELOPE_S * geometry.envelope_hz:
                    self._take_short(envelope)
        mean = self._power / self._count.clip(min=1)[:, None]
        shares, frames, ltas = self._spectra.finish()
        return Observation(
            sample_rate_hz=geometry.sample_rate_hz,
            duration_s=self._samples / geometry.sample_rate_hz,
            clock=sharpen(mean.astype(np.float32), geometry),
            groups=tuple(bool(n) for n in self._count > 0),  # type: ignore[arg-type]  # three groups
            timeline_steps=np.frombuffer(self._timeline, np.int8).reshape(-1, geometry.bins),
            shares=shares,
            share_frames=frames,
            ltas=ltas,
            peaks=np.array(self._peaks, np.float32).clip(0, 1),
        )

    @property
    def loudness_frames(self) -> FloatArray:
        """K-weighted mean square of each 0.37 s frame of the mono mix."""
        return self._spectra.loudness

    @property
    def peaks(self) -> list[float]:
        """Largest absolute sample of each 0.1 s so far."""
        return self._peaks

    def _take_peaks(self, mono: FloatArray) -> None:
        held = np.concatenate((self._peak_rest, mono))
        count, width = len(held) // self._peak_samples, self._peak_samples
        frames = held[: count * width].reshape(count, width)
        self._peaks.extend(np.maximum(frames.max(axis=1), -frames.min(axis=1)).tolist())
        self._peak_rest = held[count * width :]

    def _log_envelope(self, samples: FloatArray) -> FloatArray:
        """Return ln power [filters, n] of the filter bank at every hop, phase by phase."""
        geometry = self.geometry
        taps, hop = geometry.taps, geometry.hop
        count = (len(samples) - taps) // hop + 1
        phases = taps // hop
        parts = np.empty((phases, -(-count // phases), self._filters.shape[1]), np.float32)
        for phase in range(min(phases, count)):
            rows = (count - phase + phases - 1) // phases
            frames = samples[phase * hop :][: rows * taps].reshape(rows, taps)
            # frames times filters: the other way round the product takes twice the time
            np.matmul(frames, self._filters, out=parts[phase, :rows])
        levels = kernels.chosen.filter_power(parts, count, POWER_FLOOR)
        return np.log(levels, out=levels)

    def _take_envelope(self, levels: FloatArray) -> None:
        """Add the segment of the half before and this one, ln power [filters, segment / 2]."""
        half = _Half(levels, levels.sum(axis=1), _count_loud(levels))
        if self._last is not None:
            self._take_segment(self._last, half)
        self._last = half

    def _take_segment(self, first: "_Half", second: "_Half") -> None:
        size, bins = self.geometry.segment, self.geometry.bins
        means = (first.sums + second.sums) / np.float32(size)
        halves = first.levels, second.levels
        power = kernels.chosen.segment_power(halves, means, _hann(size), bins)
        self._add(power, first.loud + second.loud >= _enough(size))

    def _take_short(self, envelope: FloatArray) -> None:
        """Add all there is [filters, n], shorter than a segment."""
        length, bins = envelope.shape[1], self.geometry.bins
        windowed = (envelope - envelope.mean(axis=1, keepdims=True)) * _hann(length)
        power = power_of(scipy.fft.rfft(windowed, n=self.geometry.segment)[:, :bins])
        self._add(power, _count_loud(envelope) >= _enough(length))

    def _add(self, power: FloatArray, loud: BoolVector) -> None:
        """Add the power [filters, bins] of a segment to average and timeline.

        ``loud`` [filters]: which have something to say.
        """
        geometry = self.geometry
        if len(power) == 0:  # at 8 kHz and below no filter lies in any band
            self._timeline += bytes(geometry.bins)
            return
        upper = power[:, geometry.bins // 8 :].mean(axis=1).clip(min=1e-20)
        used = self._groups * loud
        totals = (used / upper) @ power  # [3, bins]
        counts = used.sum(axis=1)
        self._power += totals
        self._count += counts
        some_group = counts > 0
        if some_group.any():
            means = totals[some_group] / counts[some_group, None]
            lines = sharpen(means.mean(axis=0, keepdims=True), geometry)[0]
        else:
            lines = np.zeros(geometry.bins, np.float32)
        self._timeline += quantise_timeline(lines).tobytes()


def sharpen(power: FloatArray, geometry: Geometry) -> FloatArray:
    """Return ln power [rows, bins] minus the 92 % quantile of its surroundings (+-5.5 Hz).

    A line stands out by several nepers; a rhythm, dense in lines, does not. Zero below 20 Hz.
    """
    log = np.log(power.clip(min=1e-12))
    width = 2 * round(SHARPEN_HZ / geometry.bin_hz) + 1
    largest = width - round(SHARPEN_QUANTILE * (width - 1))
    rows = [kernels.chosen.ranked(row, largest, width) for row in log]
    lines: FloatArray = log - np.stack(rows)
    lines[:, : round(SHARPEN_ABOVE_HZ / geometry.bin_hz)] = 0
    return lines


@lru_cache(maxsize=16)
def _hann(length: int) -> FloatArray:
    return hann(length).astype(np.float32)


@lru_cache(maxsize=16)
def _filter_centres(geometry: Geometry) -> tuple[int, ...]:
    """Return the filter numbers (multiples of rate / taps) in any group."""
    spacing = geometry.sample_rate_hz / geometry.taps
    last = geometry.taps // 2  # the filter at half the rate has only a cosine; leave it out
    return tuple(
        k for k in range(1, last) if any(low <= k * spacing < high for low, high in GROUPS_HZ)
    )


def _filter_groups(geometry: Geometry) -> FloatArray:
    """Return [3, filters], 1 where a filter lies in a group."""
    spacing = geometry.sample_rate_hz / geometry.taps
    centres = np.array(_filter_centres(geometry)) * spacing
    return np.array([(low <= centres) & (centres < high) for low, high in GROUPS_HZ], np.float32)


@lru_cache(maxsize=16)
def _filter_bank(geometry: Geometry) -> FloatArray:
    """Return the cosine, then the sine filters [taps, 2 x filters]."""
    taps = geometry.taps
    phase = 2 * np.pi * np.outer(np.arange(taps), _filter_centres(geometry)) / taps
    window = hann(taps) * (FILTER_TAPS / taps)  # the same level at any rate
    filters = np.concatenate((np.cos(phase), np.sin(phase)), axis=1) * window[:, None]
    return filters.astype(np.float32)
