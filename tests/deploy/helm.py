"""Helm for the tests: ``build/helm-VERSION/helm``, which ``make helm`` builds where Go is."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.support.paths import ROOT

CHART: Final = ROOT / "deploy" / "helm" / "earmark"
VERSION: Final = "3.22.0"
BUILT: Final = ROOT / "build" / f"helm-{VERSION}" / "helm"
KUBERNETES: Final = ("1.30", "1.34", "1.37")
VARIANTS: Final = tuple(
    sorted(path.name.removesuffix("-values.yaml") for path in CHART.glob("ci/*-values.yaml"))
)

Object = dict[str, Any]


class Refused(AssertionError):
    """Helm does not render it; the message is Helm's own."""


def program() -> str:
    """Return where helm is."""
    binary = str(BUILT) if BUILT.exists() else shutil.which("helm")
    if binary is None:
        pytest.skip("no helm here: `make helm` builds it where Go is")
    return binary


def run(*arguments: str) -> str:
    """Run helm; its failure is ``Refused``."""
    kept = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "HELM_CACHE_HOME": "/nonexistent"}
    kept["GOGC"] = "off"  # a helm lives for a tenth of a second: its rubbish goes with it
    done = subprocess.run(
        [program(), *arguments], capture_output=True, text=True, check=False, env=kept, timeout=60
    )
    if done.returncode != 0:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def values_file(variant: str) -> Path:
    """Return the values of one of the chart's variants."""
    return CHART / "ci" / f"{variant}-values.yaml"


def render(*arguments: str, chart: Path = CHART, kubernetes: str = "1.34") -> list[Object]:
    """Return the objects of ``helm template`` (a helm without a cluster believes in 1.20)."""
    documents = run(
        *("template", "music", str(chart), "--namespace", "earmark"),
        *("--kube-version", f"{kubernetes}.0", *arguments),
    )
    return [one for one in yaml.load_all(documents, Loader=yaml.CSafeLoader) if one]


@cache
def variant(name: str, kubernetes: str = "1.34") -> tuple[Object, ...]:
    """Return the objects of one variant; rendered once a run. Do not change them."""
    return tuple(render("-f", str(values_file(name)), kubernetes=kubernetes))


def of_kind(objects: "Sequence[Object]", kind: str) -> dict[str, Object]:
    """Return the objects of a kind by name."""
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}
