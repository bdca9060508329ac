"""``README.md`` of the chart: its text and the table of all values.

The table is made from the comments in ``values.yaml`` that begin with ``# --``. A value without
a comment of its own or above it is an error.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

KEY: Final = re.compile(r"^( *)([A-Za-z][A-Za-z0-9_]*):")
TEXT: Final = """\
# Helm chart of Earmark

A Deployment for every process, jobs for topics and tables, and what one expects around them:
probes, disruption budgets, autoscaling on consumer lag (KEDA or HPA, off by default), GPUs and
their slices, NetworkPolicy, PodMonitor, PrometheusRule, dashboards, `helm test`.

## Before

- Kubernetes 1.29 or newer, Helm 3.14 or newer.
- An Apache Kafka (4.1 is what we test on) with at least `settings.replication` brokers: 3;
  set it to 1 for one broker.
- A PostgreSQL with an empty database.
- For the artefact store either a storage class that can ReadWriteMany, or a bucket. Without
  either, on one node: `persistence.accessModes: [ReadWriteOnce]`.
- Earmark's image in a registry that your cluster can pull from:

  ```sh
  make image TAG=registry.example.org/earmark:1.0.0     # by docker, podman or buildah
  docker push registry.example.org/earmark:1.0.0
  ```

  With `PACKAGES=s3fs` (or gcsfs, adlfs) where the store or the uploads are in such buckets. For
  processes with a GPU also the image with CUDA: `DEVICE=gpu`, and
  `common.gpu.image: {repository: registry.example.org/earmark-classify}`. Without make:
  `docker build -f deploy/Dockerfile -t NAME .`; see its comments.

## Install

```sh
kubectl create namespace earmark
kubectl -n earmark create secret generic earmark-ledger \\
  --from-literal=url='postgresql://earmark:PASSWORD@postgres:5432/earmark'
helm upgrade --install earmark deploy/helm/earmark -n earmark --reset-values -f mine.yaml
kubectl -n earmark wait --for=condition=available deployment --all --timeout=10m
helm -n earmark test earmark --logs
```

with a `mine.yaml` such as

```yaml
image: {repository: registry.example.org/earmark, tag: 1.0.0}
settings:
  brokers: kafka-1:9092,kafka-2:9092
  partitions: 24
  uri_schemes: https
  # store: s3://labels/artefacts      # and persistence: {enabled: false}
# these three need the Prometheus operator's kinds and Grafana's sidecar
podMonitor: {enabled: true, labels: {release: prometheus}}
prometheusRule: {enabled: true, labels: {release: prometheus}}
dashboards: {enabled: true}
```

`helm test` runs `earmark doctor` in a pod with the settings of all: it names each fault and its
remedy. Pods that are not ready give the reason at `/ready`. They wait for broker, topics and
tables without a restart.

`--reset-values` matters on upgrades. Without it and without `--set`, Helm takes the values of the
last release, not those of the new chart. More examples are in `ci/`: `minimal` (one node),
`gpu` (slices of GPUs, KEDA), `sasl` (a secured Kafka). Certificates, passwords and a ConfigMap
of your own are read at start: when they change, `kubectl -n earmark rollout restart deployment`,
or let a controller do it (`common.annotations`).

## Upgrade and uninstall

The migration job and every process that opens the ledger migrate its tables, one at a time.
Nothing needs to be stopped. `helm uninstall earmark -n earmark` leaves the claim of
the artefact store, the topics and the ledger.

- **Settings** are the project's own, by their names: docs/reference/settings.md, without
  the prefix and in lower case. A name that does not exist is refused by Helm.
- **GPUs**: `processors.classify.gpu.enabled`. Where no GPU is free for one pod more, a rollout
  would wait for ever: `rollingUpdate: {maxSurge: 0, maxUnavailable: 1}`.
- **NetworkPolicy** opens DNS, the brokers' ports, 5432 and 443, and never the clouds' metadata
  services. A store, a database or a collector on another port: `networkPolicy.egress`.
- **Partitions** limit how many copies of a process have work. The topics job never adds
  any to an existing topic; see `docs/how-to/partitions.md`.
- **`monitor`** is one pod and must stay one. Everything else may be scaled.
- **Uploads** are fetched by URI, of the schemes in `uri_schemes` (https, s3 ...).
  http and https never lead to an address inside. Credentials of buckets come by
  `common.extraEnvFrom` or the service account.
- **Traces**: `settings.traces_endpoint`, an OpenTelemetry collector's OTLP over HTTP.
- **Probes**: `/live` checks the main loop, `/ready` that every condition holds. A broker
  that is away makes pods unready and never restarts them for it.

## Values

"""


class Unexplained(ValueError):
    """A value without a comment."""


@dataclass(frozen=True)
class Value:
    """One key of ``values.yaml`` with what it means."""

    path: tuple[str, ...]
    meaning: str
    default: Any


def readme(values: str) -> str:
    """Return the README for the text of a ``values.yaml``.

    Raises:
        Unexplained: a leaf has no comment, nor has anything above it.
    """
    rows = [
        f"| `{'.'.join(one.path)}` | {_shown(one.default)} | {one.meaning} |"
        for one in explained(values)
    ]
    return TEXT + "\n".join(["| value | default | meaning |", "|---|---|---|", *rows]) + "\n"


def explained(values: str) -> list[Value]:
    """Return every key that has a comment, in the order of the file."""
    tree = yaml.safe_load(values)
    described = list(_comments(values, tree))
    covered = {one.path for one in described}
    for path in _leaves(tree):
        if not any(path[: depth + 1] in covered for depth in range(len(path))):
            raise Unexplained(f"values.yaml: {'.'.join(path)} has no comment that begins with # --")
    return described


def _comments(values: str, tree: Any) -> Iterator[Value]:
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in values.splitlines():
        text = line.strip()
        if text.startswith("# -- "):
            comment = [text.removeprefix("# -- ")]
        elif text.startswith("# ") and comment:
            comment.append(text.removeprefix("# "))
        elif match := KEY.match(line):
            indent, name = len(match[1]), match[2]
            path = [(depth, key) for depth, key in path if depth < indent] + [(indent, name)]
            keys = tuple(key for _, key in path)
            if comment:
                yield Value(keys, " ".join(comment), _at(tree, keys))
            comment = []
        elif not text:
            comment = []


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(tree, dict) and tree:
        for name, value in tree.items():
            yield from _leaves(value, (*path, name))
    else:
        yield path


def _at(tree: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        tree = tree[key]
    return tree


def _shown(default: Any) -> str:
    return f"`{json.dumps(default, separators=(', ', ': '))}`".replace("|", "\\|")
