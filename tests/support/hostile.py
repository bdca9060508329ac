"""Hostile files: as an attacker or a broken machine would upload them.

The same seed makes the same files. Large ones are sparse or pack themselves: a thousand
take less than 300 MB of disk and a minute to make. From a shell:

    python -m tests.support.hostile make FOLDER --count 1000     only the files
    python -m tests.support.hostile run --count 1000             and the whole pipeline over them
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support import hostile_audio as audio
from tests.support import hostile_other as other
from tests.support.hostile_audio import Maker


@dataclass(frozen=True)
class HostileFile:
    """One upload: its URI, where it lies if it is a file, and what is wrong with it."""

    uri: str
    kind: str
    path: Path | None = None


Kind = Callable[[Maker], Path | str]
WEIGHTS: Final[dict[int, tuple[Kind, ...]]] = {  # how often, once each kind has been there
    12: (audio.truncated, audio.bits_flipped, audio.spliced),
    8: (audio.lying_wav, audio.lying_flac, audio.lying_mp4),
    5: (audio.no_samples, audio.cover, audio.video, audio.noise),
    6: (other.playlist, other.strange_name, other.special, other.strange_uri),
    4: (other.archive, other.text, other.reference_movie, audio.nested),
    3: (audio.many_channels, audio.many_hertz, audio.long_claims, audio.many_tags),
    2: (audio.one_byte_for_ever,),
    1: (audio.ten_hours, audio.long_wav, audio.huge_tag),
}
KINDS: Final = {kind: weight for weight, kinds in WEIGHTS.items() for kind in kinds}


def hostile_files(folder: Path, seed: int, count: int) -> list[HostileFile]:
    """Make ``count`` files in ``folder``; every kind is among them if there is room."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    return [
        _made(kind, Maker(folder, number, random.Random(f"{seed} {number}")))
        for number, kind in zip(range(count), _kinds(chance), strict=False)
    ]


def _kinds(chance: random.Random) -> Iterator[Kind]:
    yield from KINDS
    while True:
        yield chance.choices(list(KINDS), list(KINDS.values()))[0]


def _made(kind: Kind, make: Maker) -> HostileFile:
    what = kind(make)
    if isinstance(what, str):
        return HostileFile(what, kind.__name__)
    return HostileFile(what.as_uri(), kind.__name__, what)


def main() -> None:
    """Make the files, or run the pipeline over them."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.hostile")
    parser.add_argument("what", choices=("make", "run"))
    parser.add_argument("folder", nargs="?", type=Path, help="default: a temporary one")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="earmark-hostile-") as temporary:
        folder = options.folder or Path(temporary)
        if options.what == "make":
            files = hostile_files(folder, options.seed, options.count)
            sys.stdout.write(f"{len(files)} files in {folder}\n")
            return
        from tests.support.hostile_run import run

        sys.stdout.write(run(folder, options.seed, options.count).summary() + "\n")


if __name__ == "__main__":
    main()
