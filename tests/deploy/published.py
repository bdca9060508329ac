"""Schemas that other projects publish, brought by the Go module proxy, kept in ``build/``.

Only the modules' archives are fetched, nothing is compiled: the custom resource definitions
in them are what their authors generate from their Go types. Where there is no Go, or no way
to its modules, the tests that need them skip and say so.
"""

import fcntl
import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.paths import ROOT

CACHE: Final = ROOT / "build" / "published"
COMPOSE: Final = "github.com/compose-spec/compose-go/v2@v2.16.2"
KEDA: Final = "github.com/kedacore/keda/v2@v2.20.2"
OPERATOR: Final = "github.com/prometheus-operator/prometheus-operator@v0.90.1"
FETCH_S: Final = 120
DEFINITIONS: Final = {  # kind: where its definition lies
    "ScaledObject": (KEDA, "config/crd/bases/keda.sh_scaledobjects.yaml"),
    "TriggerAuthentication": (KEDA, "config/crd/bases/keda.sh_triggerauthentications.yaml"),
    "PodMonitor": (
        OPERATOR,
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
    ),
    "PrometheusRule": (
        OPERATOR,
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
}


def compose_schema() -> Path:
    """Return the JSON Schema of Compose files."""
    return _file(COMPOSE, "schema/compose-spec.json")


def definition(kind: str) -> Path:
    """Return the custom resource definition of a kind."""
    return _file(*DEFINITIONS[kind])


def _file(module: str, path: str) -> Path:
    """Return a file of a Go module, from the cache or from the module proxy."""
    kept = CACHE / module.replace("/", "_") / Path(path).name
    if not kept.exists():
        if shutil.which("go") is None:
            pytest.skip(f"no Go here, so no {module}")
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _fetch(module, path, kept)
    return kept


def _fetch(module: str, path: str, kept: Path) -> None:
    try:
        done = subprocess.run(
            ["go", "mod", "download", "-json", module],
            cwd=CACHE,
            capture_output=True,
            text=True,
            check=True,
            timeout=FETCH_S,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{module} cannot be fetched: {error}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part")
    shutil.copyfile(Path(json.loads(done.stdout)["Dir"]) / path, part)
    part.rename(kept)
