"""Memory that was freed stays with the process, for the next array of the same size.

By itself the C library gives large pieces back to the system at once and asks for them again a
moment later, in pages that the kernel must fill with zeros: an eighth of the time to
observe a track. What is kept is bounded, and is little beside what PyTorch takes.
"""

import ctypes
import sys
from typing import Final

KEPT_BYTES: Final = 32 * 2**20
LARGEST_BYTES: Final = 8 * 2**20  # larger ones go back: those of a mix of hours

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_memory() -> bool:
    """Tell the C library so, for this process; return whether it is one that can (glibc)."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    return bool(
        mallopt(_M_MMAP_THRESHOLD, LARGEST_BYTES) and mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
    )
