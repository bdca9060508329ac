"""Dockerfile and compose.yaml: style, schema, and that they fit the program."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy import provenance
from streams.contract.processes import PROCESSES
from streams.runtime.settings import PREFIX, Settings
from tests.deploy.published import compose_schema
from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
RUNS = {"topics", "migrate", "submit", *PROCESSES}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def ours(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in compose["services"].items() if name in RUNS}


def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text()


def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint is not None  # a wheel among the development packages
    done = subprocess.run(
        [hadolint, str(DEPLOY / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_image_runs_as_nobody_in_particular() -> None:
    last_stage = dockerfile().rsplit("\nFROM ", 1)[1]
    assert "\nUSER 65532:65532\n" in last_stage  # a number: Kubernetes' runAsNonRoot reads no names
    assert "\nHEALTHCHECK " in last_stage
    assert "/live" in last_stage
    assert "EARMARK_SANDBOX=required" in last_stage
    assert "org.earmark.sbom.path=" in last_stage


def test_the_image_builds_with_the_pinned_backend() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    backend = " ".join(project["build-system"]["requires"])
    assert backend == "hatchling==1.33.0 hatch-vcs==0.5.0"
    assert f"pip install --no-cache-dir {backend}\n" in dockerfile()


def test_every_package_of_the_image_is_the_tested_one_and_has_hashes() -> None:
    """``make lock`` writes the file."""
    blocks = re.split(r"\n(?=\S)", (DEPLOY / "requirements-gpu.txt").read_text().strip())
    packages = {re.split(r"[\[=]", block)[0]: block for block in blocks}
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    dependencies = [*project["dependencies"], *project["optional-dependencies"]["tracing"]]
    dependencies += project["optional-dependencies"]["gpu"]
    names = {canonicalize_name(Requirement(line).name) for line in dependencies}
    assert names <= packages.keys()
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        pin = Requirement(line)
        block = packages.get(canonicalize_name(pin.name), f"{pin.name}{pin.specifier}")
        assert f"{pin.specifier} " in f"{block.splitlines()[0]} ", line


def test_the_image_without_cuda_has_the_same_packages_but_pytorchs() -> None:
    small, large = (
        set(re.split(r"\n(?=\S)", (DEPLOY / name).read_text().strip()))
        for name in ("requirements.txt", "requirements-gpu.txt")
    )
    assert small < large
    assert len(small) > 90
    left_out = {re.split("[=-]", block)[0] for block in large - small}
    assert left_out >= {"torch", "nvidia", "triton"}
    assert left_out <= {
        "cuda", "filelock", "mpmath", "networkx", "nvidia", "setuptools", "sympy", "torch", "triton"
    }  # fmt: skip


def test_what_the_image_copies_is_sent_to_the_build() -> None:
    sent = {
        line.removeprefix("!")
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        name
        for line in dockerfile().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    assert copied == sent
    assert all((ROOT / name).exists() for name in sent)


ENGINE = f"""#!/bin/sh
# Writes down what it is asked for, and what an engine would leave.
echo "$*" >> "$(dirname "$0")/asked"
while [ $# -gt 0 ]; do
    case $1 in
    --iidfile) printf 'sha256:{"1" * 64}' > "$2" ;;
    --output) echo "{"2" * 64}  /wheel/earmark-0.1.0-py3-none-any.whl" \
        > "${{2##*dest=}}/wheel.sha256" ;;
    esac
    shift
done
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ``make image`` has left all that it leaves, with a program in place of an engine."""
    folder = tmp_path_factory.mktemp("image")
    engine = folder / "podman"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    base = f"BASE=python:3.12@sha256:{'3' * 64}"
    options = [f"ENGINE={engine}", f"OUT={folder}", "TAG=r.example.org/e:1", "DEVICE=gpu", base]
    subprocess.run(["make", "-s", "image", *options], cwd=ROOT, capture_output=True, check=True)
    return folder


def test_make_image_asks_for_what_the_dockerfile_takes(made: Path) -> None:
    sbom, image = ((made / "asked").read_text()).splitlines()
    assert sbom.endswith(f"--target sbom --output type=local,dest={made} .")
    assert "\nFROM scratch AS sbom\n" in dockerfile()
    words = image.split()
    assert words[:3] == ["build", "-f", "deploy/Dockerfile"]
    assert "--format docker -t r.example.org/e:1 " in image  # podman: else without health check
    variables = [words[at + 1] for at, word in enumerate(words) if word == "--build-arg"]
    assert "DEVICE=gpu" in variables
    taken = {line[4:].split("=")[0] for line in dockerfile().splitlines() if line[:4] == "ARG "}
    assert {one.split("=")[0] for one in variables} == taken


def test_make_image_leaves_provenance_that_can_be_checked(made: Path) -> None:
    path = made / "provenance.json"
    stated = json.loads(path.read_text())
    assert stated["_type"] == "https://in-toto.io/Statement/v1"
    assert stated["subject"] == [{"name": "r.example.org/e:1", "digest": {"sha256": "1" * 64}}]
    assert stated["predicateType"] == "https://slsa.dev/provenance/v1"
    build = stated["predicate"]["buildDefinition"]
    assert build["externalParameters"]["DEVICE"] == "gpu"
    materials = {one["uri"]: one["digest"] for one in build["resolvedDependencies"]}
    assert materials["docker:python:3.12"] == {"sha256": "3" * 64}
    assert materials["wheel:earmark-0.1.0-py3-none-any.whl"] == {"sha256": "2" * 64}
    locked = hashlib.sha256((DEPLOY / "requirements.txt").read_bytes()).hexdigest()
    assert materials["file:deploy/requirements.txt"] == {"sha256": locked}
    assert provenance.differences(stated, f"sha256:{'1' * 64}") == []
    assert provenance.main("verify", str(path)) == 0


def test_provenance_of_another_image_or_clone_is_found(made: Path, tmp_path: Path) -> None:
    text = (made / "provenance.json").read_text()
    assert provenance.differences(json.loads(text), "sha256:9") == [
        "it is about another image than sha256:9"
    ]
    path = tmp_path / "other.json"
    path.write_text(text.replace(provenance.git("rev-parse", "HEAD"), "0" * 40))
    assert provenance.main("verify", str(path)) == 1


def test_a_base_without_a_digest_is_named(made: Path, tmp_path: Path) -> None:
    """A registry gives another image under the same tag tomorrow."""
    engine = shutil.copy(made / "podman", tmp_path / "podman")
    options = {"ENGINE": str(engine), "OUT": str(tmp_path), "BASE": ""}
    command = ["sh", "deploy/image.sh"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | options, capture_output=True, text=True, check=True
    )
    assert "python:3.12-slim-bookworm has no digest" in done.stderr
    stated = json.loads((tmp_path / "provenance.json").read_text())
    assert provenance.differences(stated) == ["docker:python:3.12-slim-bookworm has no digest"]


def test_every_variable_in_the_image_is_a_setting() -> None:
    names = {
        word.split("=")[0].split("'")[0] for word in dockerfile().split() if word.startswith(PREFIX)
    }
    assert names
    assert {name.removeprefix(PREFIX).lower() for name in names} <= Settings.model_fields.keys()


def test_compose_follows_its_published_schema(compose: dict[str, Any]) -> None:
    jsonschema.validate(compose, json.loads(compose_schema().read_text()))


def test_compose_prepares_topics_and_tables(compose: dict[str, Any]) -> None:
    jobs = {tuple(one["command"]) for one in ours(compose).values()}
    assert {("topics", "apply"), ("ledger", "upgrade")} <= jobs


def test_compose_settings_are_settings(compose: dict[str, Any]) -> None:
    for service in ours(compose).values():
        variables = {
            name: "auto" if name == PREFIX + "DEVICE" else value
            for name, value in service["environment"].items()
        }
        assert Settings.from_env(variables).brokers == "kafka:9092"


def test_compose_gives_our_containers_no_rights(compose: dict[str, Any]) -> None:
    for service in ours(compose).values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert any(mount.startswith("/tmp") for mount in service["tmpfs"])  # noqa: S108


def test_every_file_that_compose_mounts_is_there(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (DEPLOY / source).exists(), source


def test_prometheus_of_compose_asks_the_port_of_the_image() -> None:
    config = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    (discovery,) = job["dns_sd_configs"]
    assert f"EARMARK_METRICS_PORT={discovery['port']}" in dockerfile()
