"""Raw streams of MPEG audio (MP1 to MP3) and AAC (ADTS): nothing but frames, each with a header.

No signature shows where such a stream begins. Several frames do, each right behind the other: that
happens by chance once in 2^60 places.
"""

import re
from collections.abc import Container, Iterator
from typing import Final

RUN: Final = 5  # frames in a row: an eighth of a second
LARGEST_FRAME: Final = 2**13  # ADTS has 13 bits for it
RUN_BYTES: Final = RUN * LARGEST_FRAME

_HEADER: Final = re.compile(
    rb"\xff(?:[\xe2-\xe7\xf2-\xf7\xfa-\xff][\x10-\xef]|[\xf0\xf1\xf8\xf9])", re.DOTALL
)
_RATES_HZ: Final = (44_100, 48_000, 32_000)
_SLOWER: Final = {3: 1, 2: 2, 0: 4}
"""By the bits of the version: MPEG 1, 2 and 2.5."""
_KBITS: Final = {  # by (MPEG 1?, layer)
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_VBRI_AT: Final = 36


KINDS: Final = ("mp3", "aac")
"""As the containers are named: MPEG audio, ADTS."""


def runs(data: bytes, start: int = 0, kinds: Container[str] = KINDS) -> Iterator[int]:
    """Yield where streams may begin: at the first of ``RUN`` frames like it, one behind another."""
    for match in _HEADER.finditer(data, start):
        kind = "mp3" if match[0][1] & 0x06 else "aac"
        if kind in kinds and _runs_from(data, match.start()):
            yield match.start()


def stated_s(head: bytes) -> float:
    """Return the seconds of audio that the first frame of an MP3 states; 0 where it states none.

    Encoders write a silent frame with the number of all others (Xing, Info, VBRI), and how much
    of the first and the last one is padding.
    """
    layout = _layout(head)
    if layout is None:
        return 0.0
    rate_hz, samples, info_at = layout
    tag = head[info_at : info_at + 4]
    if tag in (b"Xing", b"Info") and head[info_at + 7] & 1:
        frames, padding = int.from_bytes(head[info_at + 8 : info_at + 12]), 0
        delays = int.from_bytes(head[info_at + 141 : info_at + 144])
        if head[info_at + 120 : info_at + 124] in (b"LAME", b"Lavf", b"Lavc"):
            padding = (delays >> 12) + (delays & 0xFFF)
        return max(0.0, (frames * samples - padding) / rate_hz)
    if head[_VBRI_AT : _VBRI_AT + 4] == b"VBRI":
        return int.from_bytes(head[_VBRI_AT + 14 : _VBRI_AT + 18]) * samples / rate_hz
    return 0.0


def _runs_from(data: bytes, start: int) -> bool:
    kind, at = _kind(data, start), start
    for _ in range(RUN):
        size = _frame_size(data, at)
        if size == 0 or _kind(data, at) != kind:
            return False
        at += size
    return True


def _kind(data: bytes, at: int) -> tuple[int, int]:
    """Return what all frames of a stream have in common: version, layer, sampling rate."""
    third = data[at + 2 : at + 3]
    is_adts = data[at + 1 : at + 2] in (b"\xf0", b"\xf1", b"\xf8", b"\xf9")
    rate = (third[0] if third else 0) & (0x3C if is_adts else 0x0C)
    return data[at + 1] & 0xFE if at + 1 < len(data) else 0, rate


def _frame_size(data: bytes, at: int) -> int:
    """Return the bytes of the frame that begins at a byte; 0 where none does."""
    head = data[at : at + 7]
    if len(head) < 7 or not _HEADER.match(head):
        return 0
    if not head[1] & 0x06:
        size = (head[3] & 0x03) << 11 | head[4] << 3 | head[5] >> 5
        return size if size > 7 and head[2] & 0x3C < 13 << 2 else 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    if head[2] >> 2 & 3 == 3:
        return 0
    rate_hz = _RATES_HZ[head[2] >> 2 & 3] // _SLOWER[version]
    bits = (
        1_000 * _KBITS[version == 3, layer if version == 3 else min(layer, 2)][(head[2] >> 4) - 1]
    )
    padding = head[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // rate_hz + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * bits // rate_hz + padding


def _layout(head: bytes) -> tuple[int, int, int] | None:
    """Return rate, samples a frame, and the place of Xing's tag, of a frame of MP3."""
    if _frame_size(head, 0) == 0 or head[1] >> 1 & 3 != 1:
        return None
    version, is_mono = head[1] >> 3 & 3, head[3] >> 6 == 3
    rate_hz = _RATES_HZ[head[2] >> 2 & 3] // _SLOWER[version]
    if version == 3:
        return rate_hz, 1_152, 4 + (17 if is_mono else 32)
    return rate_hz, 576, 4 + (9 if is_mono else 17)
