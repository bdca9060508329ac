"""Prometheus for the tests: Debian's package, where it is there; a server of a test's own."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest
import yaml

from streams.runtime.metrics import ALL, STANDARD
from streams.runtime.processes import free_port

PATIENCE_S: Final = 20.0
SERIES: Final = {"gauge": ("",), "counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}


def promtool() -> str:
    """Return where promtool is."""
    return _program("promtool")


def exposed() -> set[str]:
    """Return the names of all series, as a scrape shows them."""
    series = {metric._name + suffix for metric in ALL for suffix in SERIES[metric._type]}
    return series | STANDARD.keys()


def _program(name: str) -> str:
    binary = shutil.which(name)
    if binary is None:
        pytest.skip(f"no {name} here: Debian's package prometheus has it")
    return binary


class Server:
    """A Prometheus that scrapes every second, a context manager.

    Args:
        folder: where its data lie.
        targets: ``host:port`` by process.
        rules: rule files.
    """

    def __init__(
        self, folder: Path, targets: Mapping[str, str], rules: Sequence[Path] = ()
    ) -> None:
        self._program = _program("prometheus")
        self._folder = folder
        self._port = free_port()
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rule) for rule in rules],
            "scrape_configs": [
                {
                    "job_name": "earmark",
                    "static_configs": [
                        {"targets": [target], "labels": {"process": process}}
                        for process, target in targets.items()
                    ],
                }
            ],
        }
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    self._program,
                    f"--config.file={self._folder}/prometheus.yml",
                    f"--storage.tsdb.path={self._folder}/data",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.ask("/-/ready")
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise RuntimeError((self._folder / "log").read_text()) from None
                time.sleep(0.1)
            else:
                return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)

    def ask(self, path: str, **query: str) -> bytes:
        """Return what it answers; refusals are raised with its words."""
        url = f"http://127.0.0.1:{self._port}{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            if error.code == 503:
                raise
            raise ValueError(f"{query}: {error.read().decode()}") from error

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples of an instant query."""
        body = json.loads(self.ask("/api/v1/query", query=expression))
        return list(body["data"]["result"])

    def label_values(self, label: str, match: str) -> list[str]:
        """Return the values of a label among matching series."""
        body = json.loads(self.ask(f"/api/v1/label/{label}/values", **{"match[]": match}))
        return list(body["data"])
