"""How long a link is by its own header: what that states beyond what can be decoded was cut off."""

import os
from typing import Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from detector.audio import mpeg
from detector.audio.chunks import chunks
from detector.audio.container import name_of
from detector.audio.reading import behind_id3, from_descriptor

STATES_DURATION: Final = ("wav", "flac", "mov", "aiff", "matroska", "wv")
"""What FFmpeg reads is in their headers; of the others it is an estimate by size."""
HEAD_BYTES: Final = 4_096
ROUNDED_S: Final = 0.1
"""Encoders pad: a length within so much of what is there is all of it."""


def stated_s(
    container: InputContainer, stream: AudioStream, descriptor: int, start: int, decoded_s: float
) -> float:
    """Return the seconds that the header of a link states; 0 where none does.

    ``start`` is its first byte in the file, ``decoded_s`` what was decoded of it. A length that is
    as good as that is ``decoded_s``.
    """
    stated = _stated_s(container, stream, descriptor, start, decoded_s)
    return decoded_s if abs(stated - decoded_s) <= ROUNDED_S else stated


def _stated_s(
    container: InputContainer, stream: AudioStream, descriptor: int, start: int, decoded_s: float
) -> float:
    name = name_of(container)
    if name == "mp3":
        read = from_descriptor(descriptor, start)
        return mpeg.stated_s(read(behind_id3(read), HEAD_BYTES))
    if name == "caf":  # FFmpeg's duration is cut with the file, its number of frames is not
        return stream.frames / stream.codec_context.sample_rate
    share = _share_held(descriptor, start)
    if share < 1.0:
        return decoded_s / share
    if name not in STATES_DURATION:
        return 0.0
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base if len(container.streams) == 1 else 0.0


def _share_held(descriptor: int, start: int) -> float:
    """Return the share of its samples that a WAV or Wave64 holds; less than 1 where it was cut."""
    for name, place, size, states_size in chunks(from_descriptor(descriptor, start)):
        if name == b"data":
            held = os.fstat(descriptor).st_size - start - place
            return held / size if states_size and 0 < held < size else 1.0
    return 1.0
