"""The one pass over the audio: a local file in, everything that later stages need out."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from detector.audio.chromaprint import Fingerprinter
from detector.audio.decode import Decoder
from detector.audio.mixdown import Mixdown, side_of
from detector.audio.spectra import gated_loudness
from detector.errors import InvalidAudio
from detector.matching.landmarks import Landmarker, with_sides
from detector.observation.observation import Observation, Observer
from detector.types import AudioFacts, DecodedTrack

SILENCE_PEAK = 10 ** (-60 / 20)


def listen(source: Path | int, *, max_duration_s: float) -> DecodedTrack:
    """Decode a file, given by path or descriptor, and return all that is measured.

    Raises:
        InvalidAudio: with its reason; never for a file that merely has damaged parts.
    """
    decoder = Decoder(source, max_duration_s)
    decoded, sides = _listen(decoder)
    if decoder.main_rate_hz > decoder.sample_rate_hz:  # a short first link may hide the high bands
        decoder = Decoder(source, max_duration_s, decoder.main_rate_hz)
        decoded, sides = _listen(decoder)
    if not sides:
        return decoded
    return _with_sides(decoded, sides, Decoder(source, max_duration_s, decoder.sample_rate_hz))


def _listen(decoder: Decoder) -> tuple[DecodedTrack, tuple[str, ...]]:
    """Return what the mix is, and the sides that are to be observed beside it."""
    mixdown = Mixdown()
    observer: Observer | None = None
    fingerprinter: Fingerprinter | None = None
    landmarker: Landmarker | None = None
    samples = hashlib.sha256()
    for chunk in decoder.chunks():
        if observer is None or fingerprinter is None or landmarker is None:
            observer = Observer(decoder.sample_rate_hz)
            fingerprinter = Fingerprinter(decoder.sample_rate_hz)
            landmarker = Landmarker(decoder.sample_rate_hz)
            samples.update(str(decoder.sample_rate_hz).encode())
        mono = mixdown.feed(chunk)
        observer.feed(mono)
        fingerprinter.feed(mono)
        landmarker.feed(mono)
        samples.update(np.ascontiguousarray(mono, "<f4").data)
    if (
        observer is None or fingerprinter is None or landmarker is None
    ):  # chunks() raises before this can happen
        raise InvalidAudio("undecodable", "no sample could be decoded")
    observation = observer.finish()
    peaks = observation.peaks
    peak = float(peaks.max()) if len(peaks) else 0.0
    facts = AudioFacts(
        container=decoder.container,
        codec=decoder.codec,
        sample_rate_hz=decoder.sample_rate_hz,
        channels=decoder.channels,
        duration_s=round(decoder.duration_s, 3),
        bit_rate=decoder.bit_rate,
        loudness_lufs=_rounded(
            gated_loudness(observer.loudness_frames, mixdown.channel_power / mixdown.mix_power)
            if mixdown.mix_power > 0
            else None
        ),
        peak_dbfs=_rounded(20 * float(np.log10(peak)) if peak > 0 else None),
        silent_share=round(float((peaks < SILENCE_PEAK).mean()) if len(peaks) else 1.0, 4),
        decode_errors=decoder.decode_errors,
        heard_share=round(decoder.heard_share, 4),
        streams=decoder.streams,
        channels_cancel=round(mixdown.cancelled_share, 4),
        channels_differ=round(mixdown.difference, 4),
    )
    decoded = DecodedTrack(
        facts,
        fingerprinter.finish(),
        observation.to_bytes(),
        pcm_sha256=samples.hexdigest(),
        landmarks=landmarker.finish().to_bytes(),
    )
    return decoded, mixdown.sides(decoder.duration_s)


def _with_sides(decoded: DecodedTrack, names: tuple[str, ...], decoder: Decoder) -> DecodedTrack:
    """Decode once more, and add the sides: one may hide in the mix."""
    observers = {name: Observer(decoder.rate_hz or 0) for name in names}
    landmarkers = {name: Landmarker(decoder.rate_hz or 0) for name in names}
    for chunk in decoder.chunks():
        for name in names:
            samples = side_of(name, chunk)
            observers[name].feed(samples)
            landmarkers[name].feed(samples)
    sides = {name: observer.finish() for name, observer in observers.items()}
    whole = replace(Observation.from_bytes(decoded.observation), sides=sides)
    marks = {name: landmarker.finish().to_bytes() for name, landmarker in landmarkers.items()}
    landmarks = with_sides(decoded.landmarks, marks)
    return replace(decoded, observation=whole.to_bytes(), landmarks=landmarks)


def _rounded(level: float | None) -> float | None:
    return None if level is None else round(level, 2)
