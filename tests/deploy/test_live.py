"""A Prometheus that has watched the whole installation at work: dashboards, alerts, traces.

One installation for all of it: its start is what costs.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from sqlalchemy import select

from detector.evidence.arrays import cuda
from models.synthesis.samples import Sample
from streams.contract import topics
from streams.contract.processes import PROCESSES
from streams.contract.records import Declaration, Extent, Tool, Upload
from streams.contract.records.reviews import VerdictOutcome
from streams.contract.records.rights import RightsConditions
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.supervisor import Supervisor
from streams.runtime import tracing
from streams.runtime.kafka.clients import send_all
from streams.runtime.metrics import ALL
from streams.runtime.processes import free_port
from streams.runtime.settings import Settings
from streams.services.accounts import keys
from streams.services.accounts.users import User
from streams.services.review_quality import ask_twice
from streams.services.reviews import REASONS, Form, give, take_next
from streams.services.upload_inputs import upload_from_file
from streams.stages.ingest import IngestHook
from streams.store.account_tables import TASK_STATES
from streams.store.database import Ledger
from tests.deploy.collector import Collector
from tests.deploy.prometheus import Server
from tests.deploy.test_dashboards import ALERTS, FILES, expressions
from tests.support import events
from tests.support.accounts import create_user
from tests.support.audio import write_wav
from tests.support.forks import forks
from tests.support.paths import ROOT
from tests.support.samples import samples

pytestmark = pytest.mark.pipeline

SHADOW = max((ROOT / "models").glob("clock-*"))  # whichever is released
PATIENCE_S = 150.0
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
# What a healthy minute does not move, and why.
QUIET = {
    "earmark_certificate_not_after_seconds": "no TLS here: .../ops/checks/test_certificates.py",
    "earmark_false_positive_share": "few cases here: .../services/test_accuracy.py",
    "earmark_recall_share": "few cases here: .../services/test_accuracy.py",
    "earmark_rules_tripped": "no rule goes wrong here: .../services/policies/test_publishing.py",
    "earmark_topic_differences": "the topics are right: tests/integration/test_broker.py",
    "earmark_watermark_faults": "no detector is switched on: .../stages/test_classify.py",
    "earmark_watermarks": "no detector is switched on: .../stages/test_classify.py",
}
# The last figures that the monitor works out: when they are there, all are.
LAST = (
    "earmark_reviewer_kappa",
    "earmark_p_value_distance",
    "earmark_estimated_ai_share",
    "earmark_false_positive_cases",
    "earmark_recall_cases",
    'earmark_opt_outs{source="gema"}',
    'earmark_redecided_total{cause="rights"}',
)


@dataclass
class Live:
    """The pipeline at work, with its monitoring."""

    settings: Settings
    installation: Supervisor
    server: Server
    collector: Collector
    logs: Path

    def query(self, expression: str) -> list[dict[str, Any]]:
        return self.server.query(expression)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A Prometheus that has watched the whole installation work on self-made tracks, twice."""
    with at_work(tmp_path_factory.mktemp("live")) as answers:
        yield answers


@contextmanager
def at_work(folder: Path) -> Iterator[Live]:
    """Let a whole installation work on self-made tracks, twice, while a Prometheus watches it."""
    os.environ["OTEL_BSP_SCHEDULE_DELAY"] = "500"  # the children's spans need not wait for five s
    with Collector() as collector, EmbeddedBroker(log_file=folder / "broker.log") as broker:
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
            traces_endpoint=collector.endpoint,
            catalogue_bank="remembered",
        )
        ensure_topics(settings)
        with Supervisor(list(PROCESSES), settings, folder / "logs", forks()) as installation:
            assert installation.wait_ready(PATIENCE_S) == []
            targets = {
                child.name: f"127.0.0.1:{child.settings.metrics_port}"
                for child in installation.children
            }
            with Server(folder / "prometheus", targets, [_hurried(folder)]) as server:
                time.sleep(3)  # rates need an increase that was watched
                made = samples(folder / "samples")
                ai = next(one.path for one in made if one.kind == "decoder")
                uploads = [*map(_upload, made), _marked(folder, ai, 1)]
                _decide(settings, uploads, _no_audio(folder, 1))
                _command(settings, "rescore", "--shadow", "--yes")
                _bank(settings, made[0].path)
                _register(settings)
                time.sleep(3)
                more = [*_more(folder, made), _marked(folder, ai, 2)]
                _decide(settings, more, _no_audio(folder, 2))
                _hand_in(settings, made[1].path)
                _judge(settings)
                deadline = time.monotonic() + PATIENCE_S
                while missing := [one for one in LAST if not server.query(one)]:
                    assert time.monotonic() < deadline, missing
                    time.sleep(0.5)
                time.sleep(2.5)  # two scrapes make a rate
                yield Live(settings, installation, server, collector, folder / "logs")
    tracing.install(None)
    del os.environ["OTEL_BSP_SCHEDULE_DELAY"]


def _marked(folder: Path, file: Path, number: int) -> Upload:
    """Return a copy of an AI track with the comment that a generator leaves."""
    path = folder / f"marked-{number}.flac"
    comment = f"made with suno; created=2026-01-05T10:00:0{number}Z; id={uuid.uuid4()}"
    with av.open(str(file)) as source, av.open(str(path), "w") as copy:
        copy.metadata["comment"] = comment
        stream = copy.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    return upload_from_file(path)


def _no_audio(folder: Path, number: int) -> Upload:
    path = folder / f"refused-{number}.wav"
    path.write_bytes(b"this is not audio" * 100 * number)
    return upload_from_file(path)


def _more(folder: Path, made: Sequence[Sample]) -> list[Upload]:
    """Return content that is decoded already, as other tracks; a known recording; new content.

    The new content is short, and all else is taken from the store, so this is cheap.
    """
    uploads = [_upload(one).model_copy(update={"track_id": f"T-{one.title}"}) for one in made]
    for number in range(3):
        noise = np.random.default_rng(number).normal(0, 0.1, (1, 8 * 44_100))
        write_wav(folder / f"noise-{number}.wav", noise.astype(np.float32))
        uploads.append(upload_from_file(folder / f"noise-{number}.wav"))
    return [*uploads, upload_from_file(folder / "again.flac")]


def _decide(settings: Settings, uploads: list[Upload], refused: Upload) -> None:
    """Wait until these have their decision, and the one that is no audio its dead letter."""
    uploads = [*uploads, refused]
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
    _command(settings, "bank", "create", "known", "--kind", "golden", "--owner", "test")
    _command(settings, "bank", "add", "known", str(file), "--why", "a test")
    shutil.copy(file, file.parents[1] / "again.flac")


def _command(settings: Settings, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "streams.cli.main", *words],
        env=os.environ | settings.environment(),
        check=True,
        capture_output=True,
    )


def _register(settings: Settings) -> None:
    """Enter the agreement that the samples name, which ends soon, and a refusal."""
    today = datetime.now(UTC).date()
    agreed = events.agreement(
        agreement_id="AGR-SAMPLE-1",
        conditions=RightsConditions(generator_ids=("Earmark Sample Generator",)),
        valid_until=today + timedelta(days=20),
    )
    refused = events.agreement(agreement_id="OUT-1", permission="opt_out", source="gema")
    send_all(settings, "test", topics.RIGHTS_CHANGED, [agreed, refused])


def _hand_in(settings: Settings, file: Path) -> None:
    """Hand a file in over HTTP, with a trace of the caller's own."""
    ledger = Ledger.open(settings.ledger)
    key = keys.create(ledger, "a pipeline", "ingest", "test")
    ledger.close()
    body = {"track_id": "T-over-http", "uri": file.as_uri()}
    answer = httpx.post(
        f"http://127.0.0.1:{settings.console_port}/v1/uploads",
        json=body,
        headers={
            "Authorization": f"Bearer {key}",
            "traceparent": PARENT,
        },
        timeout=30,
    )
    assert answer.status_code == 202, answer.text


def _judge(settings: Settings) -> None:
    """Have people review what waits, and another person the same again, blind.

    Quality, calibration and kappa are made of that; kappa of findings that differ by track.
    """
    ledger = Ledger.open(settings.ledger)
    anna, bob = (create_user(ledger, name, "reviewer") for name in ("anna", "bob"))
    answers = {}
    for extent in (Extent.NONE, Extent.ALL):
        task_id = take_next(ledger, anna)
        assert task_id is not None
        answers[_verdict(ledger, task_id, anna, extent)] = extent
    assert ask_twice(ledger, anna, 2) == 2
    for _ in answers:
        task_id = take_next(ledger, bob, "quality")
        assert task_id is not None
        with ledger.reading() as connection:
            same_task = TASK_STATES.c.task_id == task_id
            about = connection.scalars(select(TASK_STATES.c.about_verdict).where(same_task)).one()
        _verdict(ledger, task_id, bob, answers[about])
    ledger.close()


def _verdict(ledger: Ledger, task_id: str, user: User, extent: Extent) -> str:
    outcome: VerdictOutcome = "correct" if extent is Extent.NONE else "confirm"
    form = Form(f"f-{task_id}", outcome, (next(iter(REASONS)),), extent)
    return give(ledger, task_id, user, form).verdict_id


def _upload(sample: Sample) -> Upload:
    tool = Tool(name=sample.tool, agreement_id=sample.agreement_id) if sample.tool else None
    declared = Declaration(contains_ai=sample.contains_ai, tools=(tool,) if tool else ())
    return upload_from_file(sample.path, declared=declared, distributor="Sample Deliveries")


def _hurried(folder: Path) -> Path:
    """Return the file of alerts with delays of seconds: a test has no fifteen minutes."""
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


def test_every_panel_has_data(live: Live) -> None:
    empty = []
    for board, title, expression in expressions():
        if any(quiet in expression for quiet in QUIET):
            continue
        samples = live.query(substituted(expression))
        if not [one for one in samples if one["value"][1] != "NaN"]:
            empty.append(f"{board}: {title}: {expression}")
    assert empty == []


def test_every_variable_has_values(live: Live) -> None:
    for file in FILES:
        for variable in json.loads(file.read_text())["templating"]["list"][1:]:
            metric, label = re.fullmatch(
                r"label_values\((\w+), (\w+)\)", variable["query"]
            ).groups()  # type: ignore[union-attr]
            assert live.server.label_values(label, metric), variable["name"]


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


def test_all_processes_are_scraped(live: Live) -> None:
    assert {one["metric"]["process"] for one in live.query("up == 1")} == set(PROCESSES)


def test_no_process_has_loaded_torch(live: Live) -> None:
    """After tracks went through all of them; fingerprint closes its memory: test_torch.py."""
    loaded = set()
    for child in live.installation.children:
        if child.name != "fingerprint" and child.process is not None:
            maps = Path(f"/proc/{child.process.pid}/maps").read_text()
            loaded |= {child.name} if "libtorch" in maps else set()
    assert loaded == ({"classify"} if cuda() else set())


def test_one_trace_leads_from_the_request_to_the_acknowledgement(live: Live) -> None:
    """Over real headers: HTTP, outbox, each topic; the ledger sees the acknowledgement."""
    caller = "http.request.header.traceparent"
    (request,) = (one for one in live.collector.spans if one.attributes.get(caller) == PARENT)
    spans = live.collector.of(request.trace_id)
    answers = {(one.process.removeprefix("earmark-"), one.name) for one in spans}
    assert answers >= {
        ("console", "POST /v1/uploads"),
        ("console", "outbox publish"),
        ("fingerprint", "fingerprint tracks.uploaded"),
        ("fingerprint", "fingerprint fetch"),
        ("fingerprint", "fingerprint publish"),
        ("classify", "classify tracks.fingerprinted"),
        ("decide", "decide tracks.classified"),
        ("ledger", "ledger batch"),
    }
    ids = {one.span_id for one in spans} | {""}
    assert {one.parent_id for one in spans} <= ids, "no span hangs in the air"
    seen = {
        one.attributes.get("messaging.destination.name")
        for one in spans
        if one.process == "earmark-ledger"
    }
    assert seen >= {topics.UPLOADED, topics.DECIDED, topics.DECISIONS_APPLIED}


def test_the_hook_begins_a_trace_and_batches_link_to_theirs(live: Live) -> None:
    spans = live.collector.spans
    began = [one for one in spans if one.name == "tracks.uploaded publish"]
    assert len({one.trace_id for one in began}) == len(began) >= 20
    acknowledged = {
        span.trace_id
        for span in spans
        if span.attributes.get("messaging.destination.name") == topics.DECISIONS_APPLIED
    }
    decided = {one.trace_id for one in began if live.collector.of(one.trace_id)[1:]}
    assert decided >= acknowledged & {one.trace_id for one in began}
    scored = {one.span_id for one in spans if one.name == "classify score"}
    batches = [one for one in spans if one.name == "classify batch"]
    assert scored
    assert scored == {link for one in batches for link in one.links}


def test_a_log_line_leads_to_its_trace(live: Live) -> None:
    (log,) = live.logs.glob("fingerprint*.log")
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    dead = {
        (line["trace_id"], line["reason"]) for line in lines if line["event"] == "dead_letter_sent"
    }
    ended = [one for one in live.collector.spans if one.name == "fingerprint tracks.uploaded"]
    assert dead
    assert {(one.trace_id, one.failed) for one in ended if one.failed} == dead


def test_the_dead_letter_alert_fires_on_the_live_pipeline(live: Live) -> None:
    """One upload in about ten was no audio: 5 % is the limit."""
    firing = live.query('ALERTS{alertname="EarmarkDeadLetterShare", alertstate="firing"}')
    assert [one["metric"]["processor"] for one in firing] == ["fingerprint"]
    # and what should be silent is
    names = {one["metric"]["alertname"] for one in live.query('ALERTS{alertstate="firing"}')}
    assert names.isdisjoint({"EarmarkModelsDiffer", "EarmarkMonitorBlind", "EarmarkNoDecisions"})


def test_the_lag_alert_fires_when_a_stage_dies(live: Live) -> None:
    """The last test here: a process is missing after it."""
    (dead,) = (child for child in live.installation.children if child.name == "decide")
    assert dead.process is not None
    dead.process.kill()
    firing = 'ALERTS{alertname="EarmarkLagGrowing", alertstate="firing", processor="decide"}'
    assert live.query(firing) == []
    number = 0
    with IngestHook(live.settings) as hook:
        deadline = time.monotonic() + PATIENCE_S
        while not live.query(firing):  # its lag is seen although it cannot report it
            assert time.monotonic() < deadline
            for _ in range(5):
                number += 1
                again = upload_from_file(Path(live.settings.file_roots) / "again.flac")
                hook.submit(again.model_copy(update={"track_id": f"T-{number}"}))
            time.sleep(1)
