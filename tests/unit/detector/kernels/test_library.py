"""The library's facts: readable without numpy, and named by a digest of sources and sizes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from detector.kernels import library
from detector.kernels.library import FOLDER, SOURCES, definitions, sources_digest


def test_the_build_reads_it_with_the_standard_library_alone() -> None:
    code = f"import runpy; print(runpy.run_path({library.__file__!r})['sources_digest']())"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == sources_digest()


def test_other_sources_and_other_sizes_have_another_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SOURCES:
        shutil.copy(FOLDER / name, tmp_path)
    assert sources_digest(tmp_path) == sources_digest()
    with (tmp_path / SOURCES[-1]).open("a") as file:
        file.write("/* more */")
    monkeypatch.setattr(library, "SIZES", {**library.SIZES, "LANES": 16})
    digests = {sources_digest(tmp_path), sources_digest()}
    monkeypatch.undo()
    assert len(digests | {sources_digest()}) == 3
    assert definitions()[0] == "-DLANES=8"
    assert definitions()[-1] == f'-DSOURCES="{sources_digest()}"'
