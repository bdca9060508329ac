"""What people name on the command line, as uploads: files, folders, URIs, manifests.

What is not an upload comes back as a ``Skipped`` with one sentence.
"""

import os
import shlex
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streams.media.audio_formats import AUDIO_SUFFIXES
from streams.services.upload_inputs import readable


@dataclass(frozen=True)
class Skipped:
    """Something that was named and is not sent, with the reason."""

    path: str
    reason: str
    detail: str


def named(audio: str) -> list[str]:
    """Split a make variable: one path (with spaces if that exists), or several, quoted.

    Where none of several exists, the text was one path with a slip in it.
    """
    if os.path.lexists(Path(audio).expanduser()):
        return [str(Path(audio).expanduser())]
    try:
        several = [str(Path(name).expanduser()) for name in shlex.split(audio)]
    except ValueError:  # a lone apostrophe
        return [audio]
    return several if any(map(os.path.lexists, several)) else [audio]


def gather(names: list[str]) -> Iterator[Path | Skipped]:
    """Yield files to send; folders are walked in order, their non-audio files passed over.

    A file named itself is sent whatever it is called. Links are followed for files, never folders.
    """
    for name in names:
        path = Path(name)
        if path.is_dir():
            files = _walk(path)
            yield next(files, Skipped(readable(name), "empty_folder", "no files in this folder"))
            yield from files
        else:
            yield _judge(path)


def _walk(folder: Path) -> Iterator[Path | Skipped]:
    for here, folders, files in os.walk(folder, onerror=None):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        for name in sorted(one for one in files if not one.startswith(".")):
            path = Path(here) / name
            if path.suffix.lower() in AUDIO_SUFFIXES:
                yield _judge(path)
            else:
                detail = "not named like audio; name the file to send it"
                yield Skipped(readable(path), "not_audio_name", detail)


def _judge(path: Path) -> Path | Skipped:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        detail = "a link to nothing" if path.is_symlink() else "no such file"
        return Skipped(readable(path), "missing_file", detail)
    except OSError as error:
        return Skipped(readable(path), "unreadable_file", error.strerror or "cannot be read")
    if not stat.S_ISREG(mode):
        return Skipped(readable(path), "not_a_file", "a special file (pipe, device or socket)")
    if not os.access(path, os.R_OK):
        return Skipped(readable(path), "unreadable_file", "no permission to read it")
    return path
