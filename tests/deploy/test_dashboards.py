"""Dashboards: sound as files, and every panel has data from a live pipeline."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import true

from models.commands import write_samples
from streams.accounts.users import create
from streams.broker.embedded import EmbeddedBroker, ensure_topics
from streams.cli import WorkerName
from streams.ingest import IngestHook, upload_from_file
from streams.ledger.database import Ledger
from streams.local.processes import free_port
from streams.local.supervisor import Supervisor
from streams.metrics_table import ALL, exposed
from streams.records import Declaration, Extent, Upload
from streams.review.reasons import REASONS
from streams.review.tasks import take_next
from streams.review.verdicts import Form, give
from streams.settings import Settings
from tests.deploy.helm import CHART, ROOT
from tests.deploy.prometheus import Server

FILES = sorted((CHART / "files" / "dashboards").glob("*.json"))
ALERTS = CHART / "files" / "alerts.yaml"
SHADOW = max((ROOT / "models").glob("clock-*"))  # whichever is released
PATIENCE_S = 150.0
UNITS = {"ops", "percentunit", "s", "short", "bytes"}
# What a healthy minute does not move, and why.
QUIET = {
    "earmark_certificate_not_after_seconds": "no TLS here: tests/streams/test_monitor.py",
    "earmark_rules_tripped": "no rule goes wrong in a healthy minute",
    "earmark_topic_differences": "the topics are right: tests/streams/test_monitor.py",
}


def panels(file: Path) -> list[dict[str, Any]]:
    return [one for one in json.loads(file.read_text())["panels"] if one["type"] != "row"]


def expressions() -> list[tuple[str, str, str]]:
    return [
        (file.stem, panel["title"], target["expr"])
        for file in FILES
        for panel in panels(file)
        for target in panel["targets"]
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_is_sound(file: Path) -> None:
    board = json.loads(file.read_text())
    assert board["uid"] == f"earmark-{file.stem}"
    ids = [one["id"] for one in board["panels"]]
    assert len(ids) == len(set(ids))
    assert board["templating"]["list"][0]["type"] == "datasource"
    places = set()
    for panel in panels(file):
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["datasource"]["uid"] == "${datasource}"
        assert [one["refId"] for one in panel["targets"]] == list("ABCDEF"[: len(panel["targets"])])
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert places.isdisjoint(cells), panel["title"]
        places |= cells


def test_panels_ask_for_documented_metrics_alone() -> None:
    asked = {
        name
        for _, _, expression in expressions()
        for name in re.findall(r"\b(?:earmark|process)_\w+", expression)
    }
    assert asked <= exposed()
    table = (ROOT / "deploy" / "RUNBOOKS.md").read_text()
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked - {"earmark_batch_size"}}
    assert {name for name in bare if f"`{name}`" not in table} == set()


def test_every_metric_is_shown_or_alerted_on() -> None:
    text = " ".join(expression for _, _, expression in expressions()) + ALERTS.read_text()
    names = {metric._name for metric in ALL}
    assert {name for name in names if name not in text} == set()


@dataclass
class Live:
    """The house at work, and who watches it."""

    settings: Settings
    house: Supervisor
    server: Server

    def query(self, expression: str) -> list[dict[str, Any]]:
        return self.server.query(expression)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A Prometheus that has watched the whole house work on self-made tracks, twice."""
    folder = tmp_path_factory.mktemp("live")
    with EmbeddedBroker(log_file=folder / "broker.log") as broker:
        settings = Settings(
            brokers=broker.bootstrap,
            session_timeout_s=6,
            fetch_max_wait_ms=50,
            store=f"file://{folder}/store",
            ledger=f"sqlite:///{folder}/ledger.db",
            file_roots=str(folder),
            monitor_interval_s=1,
            shadow_model=SHADOW,
            console_port=free_port(),
        )
        ensure_topics(settings)
        with Supervisor([name.value for name in WorkerName], settings, folder / "logs") as house:
            assert house.wait_ready(PATIENCE_S) == []
            targets = {
                child.name: f"127.0.0.1:{child.settings.metrics_port}" for child in house.children
            }
            with Server(folder / "prometheus", targets, [_hurried(folder)]) as server:
                for seed in (1, 2):  # rates need an increase that was watched
                    time.sleep(3)
                    _work(settings, folder / f"samples-{seed}", seed)
                    if seed == 1:
                        _bank(settings, next((folder / "samples-1").glob("01-*")))
                _judge(settings)
                time.sleep(18)  # the monitor asks about quality and drift every eight seconds
                yield Live(settings, house, server)


def _work(settings: Settings, folder: Path, seed: int) -> None:
    """Have the samples decided, and something that is no audio refused."""
    folder.mkdir()
    (folder / "noise.wav").write_bytes(b"this is not audio" * 100 * seed)
    uploads = [_upload(one.path, one.contains_ai) for one in write_samples(folder, seed)]
    uploads.append(upload_from_file(folder / "noise.wav"))
    uploads += [upload_from_file(known) for known in folder.parent.glob("again.*")]
    with IngestHook(settings) as hook:
        assert all(one.error is None for one in hook.submit_many(uploads))
    ids = [one.upload_id for one in uploads]
    ledger = Ledger.open(settings.ledger)
    deadline = time.monotonic() + PATIENCE_S
    while ledger.ended_uploads(ids) != set(ids):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    ledger.close()


def _bank(settings: Settings, file: Path) -> None:
    """Put a recording into a bank, so that it is known when it comes again."""
    for command in (
        ("create", "known", "--kind", "golden", "--owner", "test"),
        ("add", "known", str(file), "--why", "a test"),
    ):
        subprocess.run(
            [sys.executable, "-m", "streams.cli", "bank", *command],
            env=os.environ | settings.environment(),
            check=True,
            capture_output=True,
        )
    shutil.copy(file, file.parents[1] / f"again{file.suffix}")


def _judge(settings: Settings) -> None:
    """Have a reviewer correct what waits: quality and calibration are made of that."""
    ledger = Ledger.open(settings.ledger)
    with ledger.transaction() as connection:
        anna = create(connection, "anna", "reviewer", "test")
    task_id = take_next(ledger, anna, true())
    assert task_id is not None
    give(ledger, task_id, anna, Form("f1", "correct", (next(iter(REASONS)),), Extent.NONE))
    ledger.close()


def _upload(path: Path, contains_ai: Any) -> Upload:
    return upload_from_file(path, declared=Declaration(contains_ai=contains_ai))


def _hurried(folder: Path) -> Path:
    """Return the alerts' file with the patience taken out: a test has no fifteen minutes."""
    text = re.sub(r"for: \d+[mh]", "for: 1s", ALERTS.read_text())
    text = text.replace("earmark:consumer_lag:sum > 100", "earmark:consumer_lag:sum > 3")
    text = text.replace("offset 10m", "offset 4s")
    path = folder / "alerts.yaml"
    path.write_text(text)
    return path


def substituted(expression: str) -> str:
    for name, value in (("$__rate_interval", "1m"), ("$__range", "5m")):
        expression = expression.replace(name, value)
    return re.sub(r"\$(model|processor)\b", ".*", expression)


@pytest.mark.pipeline
def test_every_panel_has_data(live: Live) -> None:
    empty = []
    for board, title, expression in expressions():
        samples = live.query(substituted(expression))
        if not [one for one in samples if one["value"][1] != "NaN"]:
            empty.append(f"{board}: {title}: {expression}")
    assert empty == []


@pytest.mark.pipeline
def test_every_variable_has_values(live: Live) -> None:
    for file in FILES:
        for variable in json.loads(file.read_text())["templating"]["list"][1:]:
            metric, label = re.fullmatch(
                r"label_values\((\w+), (\w+)\)", variable["query"]
            ).groups()  # type: ignore[union-attr]
            assert live.server.label_values(label, metric), variable["name"]


@pytest.mark.pipeline
def test_no_metric_is_there_that_nothing_moves(live: Live) -> None:
    still = {
        metric._name
        for metric in ALL
        for name in [
            metric._name + {"counter": "_total", "histogram": "_count"}.get(metric._type, "")
        ]
        if not live.query(name)
    }
    assert still == QUIET.keys()


@pytest.mark.pipeline
def test_all_processes_are_scraped(live: Live) -> None:
    assert {one["metric"]["process"] for one in live.query("up == 1")} == set(WorkerName)


@pytest.mark.pipeline
def test_the_dead_letter_alert_fires_on_the_live_pipeline(live: Live) -> None:
    """One upload in about ten was no audio: 5 % is the limit."""
    firing = live.query('ALERTS{alertname="EarmarkDeadLetterShare", alertstate="firing"}')
    assert [one["metric"]["processor"] for one in firing] == ["fingerprint"]
    # and what should be silent is
    names = {one["metric"]["alertname"] for one in live.query('ALERTS{alertstate="firing"}')}
    assert names.isdisjoint({"EarmarkModelsDiffer", "EarmarkMonitorBlind", "EarmarkNoDecisions"})


@pytest.mark.pipeline
def test_the_lag_alert_fires_when_a_stage_dies(live: Live, tmp_path: Path) -> None:
    """The last test here: the house is not whole after it."""
    (dead,) = (child for child in live.house.children if child.name == "decide")
    assert dead.process is not None
    dead.process.kill()
    firing = 'ALERTS{alertname="EarmarkLagGrowing", alertstate="firing", processor="decide"}'
    assert live.query(firing) == []
    file = next(iter(write_samples(tmp_path, 3))).path
    shutil.copy(file, Path(live.settings.file_roots) / "again.wav")
    number = 0
    with IngestHook(live.settings) as hook:
        deadline = time.monotonic() + PATIENCE_S
        while not live.query(firing):  # its lag is seen although it cannot report it
            assert time.monotonic() < deadline
            for _ in range(5):
                number += 1
                again = upload_from_file(Path(live.settings.file_roots) / "again.wav")
                hook.submit(again.model_copy(update={"track_id": f"T-{number}"}))
            time.sleep(1)
