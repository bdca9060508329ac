"""A release from a tag: versions, files and refusals, in a clone that is thrown away."""

import os
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from deploy import release
from deploy.release import ReleaseError
from tests.support.paths import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")


def git(clone: Path, *words: str) -> str:
    names = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "tag.gpgSign=false")
    command = ["git", "-C", str(clone), *names, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clone of what is committed here, without tags."""
    folder = tmp_path_factory.mktemp("release") / "clone"
    subprocess.run(["git", "clone", "-q", "--no-tags", str(ROOT), str(folder)], check=True)
    for name in ("pyproject.toml", "models/pyproject.toml", "models/hatch_build.py"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    git(folder, "commit", "-q", "--allow-empty", "-am", "as here")
    return folder


def versions(clone: Path) -> set[str]:
    """Return what hatch and the script of the image take this clone for."""
    hatch = [sys.executable, "-m", "hatchling", "version"]
    commands = ((hatch, clone), (hatch, clone / "models"), (["sh", "deploy/version.sh"], clone))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SETUPTOOLS_SCM")}
    return {
        subprocess.run(
            command, cwd=where, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()
        for command, where in commands
    }


def test_a_tag_names_the_version_and_a_clone_without_tags_has_one(
    clone: Path, tmp_path: Path
) -> None:
    (untagged,) = versions(clone)
    assert untagged.startswith("0.post1.dev")
    with pytest.raises(ReleaseError, match="no tag is on this commit"):
        release.tagged_version(clone)
    git(clone, "tag", "-a", "v7.8.9", "-m", "7.8.9")
    assert versions(clone) == {"7.8.9"}
    assert release.tagged_version(clone) == "7.8.9"
    with pytest.raises(ReleaseError, match=r"set 7\.8\.9"):
        release.check_chart(clone, "7.8.9")
    chart = clone / release.CHART
    chart.write_text("version: 7.8.9\nappVersion: 7.8.9\n")
    release.check_chart(clone, "7.8.9")
    with pytest.raises(ReleaseError, match="has changes"):
        release.tagged_version(clone)
    git(clone, "commit", "-qam", "one more")
    (later,) = versions(clone)
    assert later.startswith("7.8.9.post1.dev1+g")
    git(clone, "checkout", "-q", "v7.8.9")
    out = tmp_path / "out"
    release.build(clone, out)  # each wheel from its sdist is compared with that of the clone
    names = {f"earmark-7.8.9{end}" for end in ("-py3-none-any.whl", ".tar.gz")}
    expected = names | {name.replace("earmark-", "earmark_train-") for name in names}
    written = {path.name for path in out.iterdir()}
    assert expected <= written
    assert len(written - expected) <= 1  # with compiled kernels, where a C compiler is
    with zipfile.ZipFile(out / "earmark_train-7.8.9-py3-none-any.whl") as archive:
        metadata = message_from_bytes(archive.read("earmark_train-7.8.9.dist-info/METADATA"))
    assert "earmark[gpu]==7.8.9" in (metadata.get_all("Requires-Dist") or ())
    for line in release.sums(out).splitlines():
        digest, name = line.split("  ")
        assert (len(digest), (out / name).is_file()) == (64, True)


def test_notes_are_one_section_and_nothing_may_be_left_over() -> None:
    text = (
        "# Changelog\n\n## Unreleased\n\n## 1.0.0 - 2026-12-01\n\n### Added\n- a\n\n## 0.9.0\n- b\n"
    )
    assert release.notes(text, "1.0.0") == "# Earmark 1.0.0\n\n### Added\n- a\n"
    assert release.notes(text, "0.9.0") == "# Earmark 0.9.0\n\n- b\n"
    with pytest.raises(ReleaseError, match=r"no section 1\.0\.1"):
        release.notes(text, "1.0.1")
    left = text.replace("## Unreleased\n", "## Unreleased\n- c\n")
    with pytest.raises(ReleaseError, match="move what is under Unreleased to 1"):
        release.notes(left, "1.0.0")
