"""The library of compiled kernels: its file, its sources, and the sizes that C and Python share.

The build reads this file by itself, so it imports nothing but the standard library.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
LIBRARY: Final = "libkernels.so.1"  # ".so" would be an extension module to importlib
SOURCES: Final = ("kernels.c", "transform.h")  # the first one is compiled

LANES: Final = 8  # sequences transformed together: more do not fit into the second cache
TILE: Final = 64  # numbers that are laid side by side at once
LONGEST_NEIGHBOURHOOD: Final = 1_024  # in the first cache together with two more such rows
MOST_RANKED: Final = 32
SIDE: Final = 16  # stretches ranked side by side
WAVES: Final = 256  # bins of all blocks of a template in the first cache
SIZES: Final[Mapping[str, int]] = {
    "LANES": LANES,
    "TILE": TILE,
    "BLOCK": LONGEST_NEIGHBOURHOOD,
    "MOST_RANKED": MOST_RANKED,
    "SIDE": SIDE,
    "WAVES": WAVES,
}
"""The macros of the C sources."""


def sources_digest(folder: Path = FOLDER) -> str:
    """Return the SHA-256 of the C sources and of the sizes."""
    sources = b"".join((folder / name).read_bytes() for name in SOURCES)
    return hashlib.sha256(sources + repr(sorted(SIZES.items())).encode()).hexdigest()


def definitions(folder: Path = FOLDER) -> list[str]:
    """Return the options of the C compiler that define the sizes and the digest."""
    sizes = [f"-D{name}={size}" for name, size in SIZES.items()]
    return [*sizes, f'-DSOURCES="{sources_digest(folder)}"']
