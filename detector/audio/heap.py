"""Keeps freed memory in the process, for the next array of the same size.

Without it an eighth of the time to observe a track goes into new pages that the kernel clears.
"""

import ctypes
import sys
from typing import Final

KEPT_BYTES: Final = 32 * 2**20
LARGEST_BYTES: Final = 8 * 2**20  # larger ones go back: those of a mix of hours

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_memory() -> bool:
    """Set the limits for this process; return whether its C library has them (glibc)."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    return bool(
        mallopt(_M_MMAP_THRESHOLD, LARGEST_BYTES) and mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
    )
