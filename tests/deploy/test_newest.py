"""The nightly job that tries the newest versions of all packages."""

import re
import subprocess
import tomllib
from typing import Any

import yaml
from packaging.requirements import Requirement

from tests.support.paths import ROOT

SCRIPT = ROOT / "deploy" / "newest.sh"


def test_a_job_runs_it_each_night_with_what_it_needs() -> None:
    workflow: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/newest.yml").read_text())
    (nightly,) = workflow[True]["schedule"]  # YAML reads the word "on" as a yes
    assert re.fullmatch(r"\d+ \d+ \* \* \*", nightly["cron"])
    commands = [step["run"] for step in workflow["jobs"]["newest"]["steps"] if "run" in step]
    assert commands[-1] == "make newest"
    assert "libchromaprint1" in commands[0]
    oldest = (ROOT / "pyproject.toml").read_text().split('requires-python = ">=')[1][:4]
    assert oldest in workflow["jobs"]["newest"]["strategy"]["matrix"]["python"]


def test_every_dependency_has_an_upper_bound() -> None:
    """A version that takes something away is none that an installation without constraints gets."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["gpu"], *extras["tracing"], *extras["parquet"]]
    unbound = [
        one.name
        for one in map(Requirement, lines)
        if not {spec.operator for spec in one.specifier} & {"<", "=="}
    ]
    assert unbound == []


def test_it_asks_for_every_package_without_an_upper_bound() -> None:
    code = SCRIPT.read_text().split("<<'END'\n")[1].split("END\n")[0]
    done = subprocess.run(
        ["python3", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    asked = [Requirement(line) for line in done.stdout.splitlines()]
    assert {"av", "torch", "pytest"} <= {one.name for one in asked}
    bounds = {spec.operator for one in asked for spec in one.specifier}
    assert bounds <= {"=="}  # ours of the build
