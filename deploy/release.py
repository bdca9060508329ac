"""A release, from a tagged commit: ``make release`` writes it to ``build/release/VERSION``.

It holds wheel and sdist of earmark and of earmark-train, an SBOM (CycloneDX), the release notes,
and SHA256SUMS. The version is the tag's: v1.0.0 is 1.0.0. Nothing is published and no tag is made.

What is built is a clone of the tag, so that no file of the working tree enters. The wheel is built
a second time from the sdist, and both must have the same bytes. Then it is installed into a bare
environment, by the tested versions (constraints.txt), and decides about the synthetic samples.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
OUT: Final = ROOT / "build" / "release"
SBOM_TOOL: Final = "cyclonedx-bom==7.5.0"  # as deploy/Dockerfile
SUMS: Final = "SHA256SUMS"
UNRELEASED: Final = "Unreleased"
CHART: Final = Path("deploy/helm/earmark/Chart.yaml")
CHANGELOG: Final = "CHANGELOG.md"


class ReleaseError(Exception):
    """This commit cannot be released; the text contains what to do."""


def tagged_version(clone: Path) -> str:
    """Return the version of the tag on the current commit.

    Raises:
        ReleaseError: there is no tag, or the tree has changes.
    """
    if _git(clone, "status", "--porcelain"):
        raise ReleaseError("the working tree has changes: commit or remove them")
    tags = _git(clone, "tag", "--points-at", "HEAD", "--list", "v[0-9]*").split()
    if len(tags) != 1:
        raise ReleaseError("no tag is on this commit, or several: git tag -a v1.0.0 -m 1.0.0")
    if not re.fullmatch(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?", tags[0]):
        raise ReleaseError(f"{tags[0]} is no version such as v1.0.0 or v1.0.0rc1")
    return tags[0].removeprefix("v")


def notes(changelog: str, version: str) -> str:
    """Return what the changelog has about a version.

    Raises:
        ReleaseError: it has no section of that name, or entries that are in no release.
    """
    sections = dict(re.findall(r"^## (\S+).*\n((?:(?!## ).*\n?)*)", changelog, re.MULTILINE))
    if sections.get(UNRELEASED, "").strip():
        raise ReleaseError(f"{CHANGELOG}: move what is under {UNRELEASED} to {version}")
    if not (text := sections.get(version, "").strip()):
        raise ReleaseError(f"{CHANGELOG} has no section {version}")
    return f"# Earmark {version}\n\n{text}\n"


def check_chart(clone: Path, version: str) -> None:
    """Compare the chart's version with the release's.

    Raises:
        ReleaseError: they differ.
    """
    stated = set(re.findall(r"^(?:app)?[vV]ersion: (.+)$", (clone / CHART).read_text(), re.M))
    if stated != {version}:
        raise ReleaseError(f"{CHART} states {', '.join(sorted(stated))}: set {version}")


def build(clone: Path, out: Path) -> None:
    """Write wheels and sdist of both distributions to a folder.

    Of earmark there are two wheels where a C compiler is: with compiled kernels, for this kind of
    machine, and a pure one for all others.

    Raises:
        ReleaseError: a wheel from an sdist differs from that of the clone.
    """
    for source in (clone, clone / "models"):
        _hatch(source, out, "sdist")
        _wheels(source, out)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for sdist in out.glob("*.tar.gz"):
            with tarfile.open(sdist) as archive:
                archive.extractall(folder, filter="data")
            _wheels(folder / sdist.name.removesuffix(".tar.gz"), folder)
        for wheel in out.glob("*.whl"):
            if (folder / wheel.name).read_bytes() != wheel.read_bytes():
                raise ReleaseError(f"{wheel.name}: the sdist gives another one")


def installed(wheel: Path, clone: Path, folder: Path) -> Path:
    """Return the Python of a new environment that has the wheel and what it needs."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    _run(python, "-m", "pip", "install", "-q", "-c", clone / "constraints.txt", wheel)
    _run(python, "-m", "pip", "check")
    return python


def try_out(python: Path, version: str, folder: Path) -> str:
    """Return what ``earmark up --once`` prints about the synthetic samples.

    Raises:
        ReleaseError: the installed release has another version, has PyTorch, or decides nothing.
    """
    earmark = python.with_name("earmark")
    printed = _run(earmark, "--version")
    if not printed.startswith(f"earmark {version} "):
        raise ReleaseError(f"the installed wheel is {printed!r}, not {version}")
    if any(python.parents[1].glob("lib/python*/site-packages/torch")):
        raise ReleaseError("the wheel brings PyTorch: only earmark[gpu] may")
    answers = _run(earmark, "up", "--once", "--state", folder / "state")
    if not re.search(r"^\d+ uploads ended: .*identified", answers, re.MULTILINE):
        raise ReleaseError(f"earmark up --once decided nothing:\n{answers}")
    return answers


def sbom(python: Path, folder: Path, out: Path) -> None:
    """Write the SBOM of an environment; its tool has an environment of its own."""
    venv.create(folder, with_pip=True)
    _run(folder / "bin" / "python", "-m", "pip", "install", "-q", SBOM_TOOL)
    command = folder / "bin" / "cyclonedx-py"
    _run(command, "environment", "--output-reproducible", "--of", "JSON", "-o", out, python)


def sums(folder: Path) -> str:
    """Return the lines of SHA256SUMS of all files in a folder, for ``sha256sum --check``."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    digests = ((hashlib.sha256(path.read_bytes()).hexdigest(), path.name) for path in files)
    return "".join(f"{digest}  {name}\n" for digest, name in digests)


def release(root: Path, out: Path) -> Path:
    """Make and try a release of the tagged commit; return its folder.

    Raises:
        ReleaseError: it cannot be released. Nothing is left in ``out``.
    """
    version = tagged_version(root)
    folder = out / version
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        clone, made = temporary / "clone", temporary / "made"
        _run("git", "clone", "-q", "--branch", f"v{version}", root, clone)
        text = notes((clone / CHANGELOG).read_text(), version)
        check_chart(clone, version)
        build(clone, made)
        python = installed(_best_wheel(made, version), clone, temporary / "bare")
        sys.stdout.write(try_out(python, version, temporary))
        sbom(python, temporary / "sbom", made / f"earmark-{version}.cdx.json")
        (made / "RELEASE-NOTES.md").write_text(text)
        (made / SUMS).write_text(sums(made))
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, folder)
    return folder


def _best_wheel(folder: Path, version: str) -> Path:
    """Return the wheel that pip would choose here."""
    wheels = folder.glob(f"earmark-{version}-*.whl")
    return max(wheels, key=lambda wheel: not wheel.stem.endswith("-any"))


def _wheels(source: Path, out: Path) -> None:
    _hatch(source, out, "wheel", CC="no-compiler")
    _hatch(source, out, "wheel")


def _hatch(source: Path, out: Path, target: str, **variables: str) -> None:
    command = (sys.executable, "-m", "hatchling", "build", "-t", target, "-d", out.resolve())
    _run(*command, where=source, variables=variables)


def _git(clone: Path, *words: str) -> str:
    return _run("git", "-C", clone, *words).strip()


def _run(
    *command: str | Path, where: Path | None = None, variables: Mapping[str, str] | None = None
) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=where,
        env=os.environ | (variables or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ReleaseError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Make a release of this clone."""
    try:
        folder = release(ROOT, OUT)
    except ReleaseError as error:
        sys.exit(f"earmark: {error}")
    sys.stdout.write(f"{folder}\n{(folder / SUMS).read_text()}")


if __name__ == "__main__":
    main()
