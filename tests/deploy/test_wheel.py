"""What the image installs: the wheel in a bare environment, far from the source tree.

Bare means: of all that is installed here, it sees the wheel and what the wheel declares that
it needs (and what those need), and nothing else: no test tool, no editable install.
"""

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement

from streams.runtime.settings import Settings
from tests.support.audio import write_wav
from tests.support.paths import ROOT

MODEL = Settings().model.name
TRAINING = ("models/augmentation/", "models/training/", "models/evaluation/")
NOT_LINKED = {"__pycache__", "bin", ".."}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("earmark-*.whl")
    return built


def test_the_wheel_is_the_same_each_time(wheel: Path, tmp_path: Path) -> None:
    """So the digest in an image's provenance can be checked by a build."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the environment's folder."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (installed,) = Distribution.discover(path=[str(site)])
    for needed in _closure(installed):
        for name in _top_levels(needed):
            if not (site / name).exists():
                (site / name).symlink_to(Path(str(needed.locate_file(name))).resolve())
    script = folder / "bin" / "earmark"
    # as installers write it; children that start by "spawn" import it again
    script.write_text(
        f"#!{folder}/bin/python\nimport sys\nfrom streams.cli.main import main\n"
        'if __name__ == "__main__":\n    sys.exit(main())\n'
    )
    script.chmod(0o755)
    return folder


def _closure(root: Distribution) -> Iterator[Distribution]:
    """Yield what a distribution needs to run here, and what that needs."""
    waiting: list[tuple[Distribution, tuple[str, ...]]] = [(root, ("",))]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        needing, extras = waiting.pop()
        for text in needing.requires or ():
            item = Requirement(text)
            if item.marker and not any(item.marker.evaluate({"extra": extra}) for extra in extras):
                continue
            known = (item.name.lower(), tuple(sorted(item.extras)))
            if known in seen:
                continue
            seen.add(known)
            try:
                members = distribution(item.name)
            except PackageNotFoundError:
                continue  # for another platform's build of it
            yield members
            waiting.append((members, ("", *item.extras)))


def _top_levels(needed: Distribution) -> set[str]:
    return {file.parts[0] for file in needed.files or ()} - NOT_LINKED


def execute(
    bare: Path, where: Path, program: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("EARMARK_")}
    return subprocess.run(
        [str(bare / "bin" / program), *arguments],
        cwd=where,
        env=inherited | {"PYTHONPATH": "", "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def run(bare: Path, where: Path, *arguments: str, program: str = "earmark") -> str:
    done = execute(bare, where, program, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_what_is_not_code(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for required in (
        "streams/policy/default.yaml",
        "streams/contract/schemas/asyncapi.json",
        "streams/contract/schemas/tracks.decided.v1.json",
        "streams/store/migrations/versions/0001_first.py",
        *(
            f"models/{MODEL}/{name}"
            for name in ("manifest.json", "weights.safetensors", "rates.toml")
        ),
        "streams/py.typed",
        "streams/examples/catalogue_consumer.py",
    ):
        assert required in names
    assert not [name for name in names if name.startswith(("tests/", "deploy/", *TRAINING))]


def test_a_wheel_of_its_own_holds_what_trains_and_measures(wheel: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT / "models", check=True, capture_output=True)
    (built,) = tmp_path.glob("earmark_train-*.whl")
    with zipfile.ZipFile(built) as archive:
        names = {name for name in archive.namelist() if name.startswith("models/")}
    files = (path for path in (ROOT / "models").rglob("*") if path.suffix in {".py", ".html"})
    sources = {path.relative_to(ROOT).as_posix() for path in files}
    sources -= {"models/hatch_build.py"}  # of the build
    with zipfile.ZipFile(wheel) as archive:
        assert names == sources - set(archive.namelist())
    assert all(name.startswith(TRAINING) for name in names)
    assert built.name.split("-")[1] == wheel.name.split("-")[1]


def test_defaults_lie_inside_the_installation(bare: Path, tmp_path: Path) -> None:
    printed = run(bare, tmp_path, "settings")
    values = dict(
        line.split("=", 1)
        for line in printed.splitlines()
        if line.startswith("EARMARK_") and "=" in line
    )
    for name in ("EARMARK_MODEL", "EARMARK_POLICY"):
        assert Path(values[name]).is_relative_to(bare)
        assert Path(values[name]).exists()


def test_it_analyses_a_file(bare: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    write_wav(tmp_path / "one.wav", random.normal(0, 0.1, (1, 8 * 44_100)).astype(np.float32))
    answer: dict[str, Any] = json.loads(run(bare, tmp_path, "analyze", "--json", "one.wav"))
    assert answer["status"] == "ok"
    assert answer["model"]["name"] == MODEL
    assert answer["outcome"] in {"no_trace", "uncertain", "suspected"}
    refused = execute(bare, tmp_path, "earmark", "analyze", "--device", "cuda", "one.wav")
    assert "pip install 'earmark[gpu]'" in refused.stderr


def test_it_makes_samples_and_learns_without_pytorch(bare: Path, tmp_path: Path) -> None:
    assert not list(bare.glob("lib/python*/site-packages/torch*"))
    assert "tracks/" in run(bare, tmp_path, "samples", "tracks")
    run(bare, tmp_path, "-c", "import models.learning.few_shot", program="python")


def test_training_without_its_extra_is_refused_with_what_to_install(
    bare: Path, tmp_path: Path
) -> None:
    done = execute(bare, tmp_path, "earmark", "card", "model", "report")
    assert done.returncode == 1
    assert "install earmark[train]" in done.stderr


def test_it_migrates_a_ledger_and_reads_its_policy(bare: Path, tmp_path: Path) -> None:
    assert "upgraded" in run(bare, tmp_path, "ledger", "upgrade", "--state", str(tmp_path / "s"))
    assert "tracks.decided.v1.json" in run(bare, tmp_path, "schemas", "--out", "out")
    load = "from streams.policy.bundle import load; from streams.runtime.settings import Settings; "
    digest = load + "print(load(Settings().policy).digest)"
    assert len(run(bare, tmp_path, "-c", digest, program="python").strip()) == 64


def test_traces_without_their_packages_are_refused_with_what_to_install(bare: Path) -> None:
    done = subprocess.run(
        [str(bare / "bin" / "earmark"), "worker", "decide"],
        env=os.environ | {"EARMARK_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "install earmark[tracing]" in done.stderr


def test_the_reference_catalogue_runs_from_the_wheel(bare: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [str(bare / "bin" / "earmark"), "worker", "catalogue"],
        env=os.environ
        | {"EARMARK_BROKERS": "127.0.0.1:1", "EARMARK_LEDGER": f"sqlite:///{tmp_path}/ledger.db"},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    awaited = next((line for line in process.stderr if "attempt_failed" in line), "")
    process.terminate()
    process.stderr.read()
    assert (bool(awaited), process.wait(20)) == (True, 0)
