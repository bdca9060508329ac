"""Every value of the chart arrives: set to something unmistakable, it stands in what is rendered.

A value without effect goes unnoticed in a cluster until it matters: a node selector, a secret's
key, a peer of the network policy.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.helm import CHART, render

DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
# What the schema or the meaning of a value leaves open, where a word would not do.
SOME: dict[str, Any] = {
    "image.digest": "",  # it counts instead of the tag: tests below
    "image.pullPolicy": "Always",
    "settings": {"brokers": "broker-7701:7702", "partitions": 7703, "alpha": 0.00077},
    "ledger.url": "",  # excluded by existingSecret: ci/minimal
    "kafka.securityProtocol": "SASL_SSL",
    "kafka.sasl.mechanism": "SCRAM-SHA-256",
    "policy.content": "",  # excluded by existingConfigMap: test_chart.py
    "persistence.accessModes": ["ReadWriteOncePod"],
    "persistence.size": "7704Gi",
    "common.resources": {"limits": {"cpu": 7705}},
    "common.settings": {"batch_size": 3706, "trusted_proxies": "10.77.16.0/24"},
    "common.image": {"repository": "own-7707"},
    "common.autoscaling.kind": "keda",
    "common.autoscaling.maxReplicas": 7702,
    "common.autoscaling.minReplicas": 77,
    "common.gpu.image": {"tag": "cuda-7708"},
    "common.gpu.resource": "example.org/gpu-7708",
    "common.tmpSize": "7709Gi",
    "common.topologySpreadConstraints": [{"topologyKey": "example.org/rack-7710"}],
    "common.extraEnvFrom": [{"secretRef": {"name": "secret-7711"}}],
    "console.url": "https://console-7712.example.org",
    "console.oidc.issuer": "https://login-7713.example.org",
    "console.service.type": "NodePort",
    "console.service.port": 7714,
    "console.ingress.host": "host-7715.example.org",
    "podSecurityContext": {"runAsUser": 7716},
    "containerSecurityContext": {"runAsUser": 7717},
    "networkPolicy.except": ["10.77.18.0/24"],
    "networkPolicy.egress": [{"ports": [{"port": 7719}]}],
    "podMonitor.interval": "7720s",
    "prometheusRule.disabled": ["EarmarkDrift"],
    "imagePullSecrets": ["pull-7721"],
    "extraObjects": [{"kind": "ConfigMap", "metadata": {"name": "object-7722"}}],
    "jobResources": {"limits": {"cpu": 7723}},
    "doctor.resources": {"limits": {"cpu": 7724}},
}
# set, and not seen as they are: below, or in tests/deploy/checks.py
OFF = {"image.digest", "ledger.url", "policy.content", "prometheusRule.disabled"}
OFF |= {"common.startupSeconds"}
OF_A_CLAIM = {"persistence.storageClass", "persistence.size", "persistence.accessModes"}
OF_A_CLAIM |= {"persistence.annotations"}


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        here = f"{path}.{name}".removeprefix(".")
        whole = here in SOME or here == "processors" or here.endswith("annotations")
        if whole or not (isinstance(value, dict) and value):
            yield here, value
        else:
            yield from leaves(value, here)


def some(path: str, default: Any, number: int) -> Any:
    """Return a value of the default's kind that stands nowhere else."""
    if path in SOME:
        return SOME[path]
    mark = f"value-{number}"
    match default:
        case bool():
            return True
        case int():
            return 8_000 + number
        case list():
            return [{"name": mark}]
        case dict():
            return {f"key-{number}": mark} if "affinity" not in path.lower() else {mark: {}}
        case _:
            return mark


VALUES = {
    path: some(path, default, number)
    for number, (path, default) in enumerate(leaves(DEFAULTS))
    if path != "processors"
}


def nested(values: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *above, last = path.split(".")
        place = tree
        for name in above:
            place = place.setdefault(name, {})
        place[last] = value
    return tree


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The chart with everything set; with a claim of its own; by HPA."""
    folder = tmp_path_factory.mktemp("values")
    unscaled: dict[str, Any] = {
        name: {"autoscaling": {"kind": "none"}} for name in ("console", "monitor")
    }
    unscaled["monitor"]["replicas"] = 1
    every = nested(VALUES) | {"processors": unscaled}
    variants = {
        "all": every,
        "claim": every | {"persistence": {**every["persistence"], "existingClaim": ""}},
        "named": every | {"fullnameOverride": ""},
    }
    difference = {}
    for name, values in variants.items():
        file: Path = folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(values))
        difference[name] = json.dumps(render("-f", str(file)))
    return difference


def marks(value: Any) -> Iterator[str]:
    """Yield what must be seen of a value."""
    match value:
        case bool() | "":
            return
        case dict():
            for name, inner in value.items():
                if str(name).startswith(("key-", "value-")):
                    yield name
                yield from marks(inner)
        case list():
            for inner in value:
                yield from marks(inner)
        case _:
            yield f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("path", [path for path in VALUES if path not in OFF])
def test_a_value_arrives(path: str, rendered: dict[str, str]) -> None:
    variant = "claim" if path in OF_A_CLAIM else "named" if path == "nameOverride" else "all"
    for mark in marks(VALUES[path]):
        assert mark in rendered[variant], path


def test_a_digest_counts_instead_of_a_tag() -> None:
    digest = "sha256:" + "7" * 64
    response = json.dumps(render("--set", f"image.digest={digest},image.tag=old"))
    assert f"earmark@{digest}" in response
    assert ":old" not in response


def test_an_alert_can_be_left_out() -> None:
    arguments = ("--set", "prometheusRule.enabled=true", "--set", "prometheusRule.disabled={A}")
    assert "EarmarkDrift" in json.dumps(render(*arguments))
    assert "EarmarkDrift" not in json.dumps(
        render(*arguments[:3], "prometheusRule.disabled={EarmarkDrift}")
    )
