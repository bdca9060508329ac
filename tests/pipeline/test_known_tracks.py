"""Known tracks from the hook to the decision: real audio, processes, broker and index."""

import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import TopicPartition
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from models.augmentation.effects import sped
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from streams.cli.main import app
from streams.contract import topics
from streams.contract.records import (
    R,
    Record,
    ReviewRequested,
    TrackDecided,
    TrackFingerprinted,
    parse,
)
from streams.known.index import open_index
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.state import State
from streams.ops.supervisor import Supervisor
from streams.runtime.kafka.clients import open_reader
from streams.runtime.settings import Settings
from streams.services.upload_inputs import upload_from_file
from streams.stages.ingest import IngestHook
from tests.support.forks import forks

pytestmark = pytest.mark.pipeline

WORKERS = ("fingerprint", "classify", "decide")
EXPECTED = (topics.FINGERPRINTED, topics.DECIDED, topics.REVIEWS_REQUESTED)
PATIENCE_S = 90.0


class Installation:
    """Three workers, and the events that they published about each track."""

    def __init__(self, settings: Settings, state: State, supervisor: Supervisor) -> None:
        self.settings, self.state, self.supervisor = settings, state, supervisor
        self.records: dict[tuple[type[Record], str], list[Record]] = defaultdict(list)
        self.reader = open_reader(settings)
        self.reader.assign(
            [
                TopicPartition(topic, number)
                for topic in (*EXPECTED, *topics.DEAD)
                for number in self.reader.partitions_for_topic(topic) or ()
            ]
        )
        self.reader.seek_to_beginning()

    def decided(self, path: Path, *tracks: str) -> list[tuple[TrackFingerprinted, TrackDecided]]:
        """Send a file as these tracks at once; return fingerprint and decision of each."""
        with IngestHook(self.settings) as hook:
            uploads = [upload_from_file(path, track_id=track) for track in tracks]
            assert [one.error for one in hook.submit_many(uploads)] == [None] * len(tracks)
        return [
            (self.of(TrackFingerprinted, track), self.of(TrackDecided, track)) for track in tracks
        ]

    def of(self, kind: type[R], track: str) -> R:
        """Wait for the only record of a kind about a track."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.records[kind, track]:
            words = [child.last_words() for child in self.supervisor.children]
            assert time.monotonic() < deadline, f"no {kind.__name__} of {track}: {words}"
            self.supervisor.watch()
            for messages in self.reader.poll(200).values():
                for message in messages:
                    assert message.topic in EXPECTED, f"a dead letter: {message}"
                    record = parse(topics.RECORDS[message.topic], message.value)
                    self.records[type(record), message.key.decode()].append(record)
        (only,) = self.records[kind, track]
        assert isinstance(only, kind)
        return only

    def run(self, *words: str) -> str:
        """Type a command against this instance."""
        run = CliRunner().invoke(app, [*words, "--state", str(self.state.folder)])
        assert run.exit_code == 0, run.output
        return run.output

    def counted(self, metric: str) -> dict[str, float]:
        """Read a counter of the workers by its only label."""
        result: dict[str, float] = defaultdict(float)
        for child in self.supervisor.children:
            with urllib.request.urlopen(child.metrics_url) as answer:  # noqa: S310 - our own address
                text = answer.read().decode()
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.name == metric:
                        (label,) = sample.labels.values()
                        result[label] += sample.value
        return result


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("pipeline")
    state = State(folder / "state")
    state.folder.mkdir()
    with EmbeddedBroker(log_file=folder / "tansu.log") as broker:
        settings = state.settings(broker.bootstrap).model_copy(update={"decode_workers": 1})
        ensure_topics(settings)
        with Supervisor(list(WORKERS), settings, state.logs, forks()) as supervisor:
            assert supervisor.wait_ready(120) == []
            state.announce(settings)
            installation = Installation(settings, state, supervisor)
            yield installation
            installation.reader.close()


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    piece = render(3, 30.0)
    for name, wave in (("piece.wav", piece), ("faster.flac", sped(piece, 4))):
        write_audio(folder / name, wave, sample_rate_hz=RATE_HZ)
    return folder


def test_the_story_of_a_known_track(installation: Installation, music: Path) -> None:
    # Two uploads of one file at once: decoded once, decided alike.
    (decoded, first), (heard_too, second) = installation.decided(music / "piece.wav", "A", "B")
    assert installation.counted("earmark_decodes_total") == {"decoded": 1, "reused": 1}
    assert decoded.observation == heard_too.observation
    assert first.upload_id != second.upload_id
    unnamed = {"label_id": ""}
    assert first.label.model_copy(update=unnamed) == second.label.model_copy(update=unnamed)
    assert (first.analysis, first.actions) == (second.analysis, second.actions)
    assert first.matches == second.matches == ()

    # The same content again, under another track id: the stored analysis is used.
    before = installation.counted("earmark_classified_total")
    ((_, again),) = installation.decided(music / "piece.wav", "C")
    after = installation.counted("earmark_classified_total")
    assert (after["scored"], after["reused"]) == (before["scored"], before["reused"] + 1)
    assert installation.counted("earmark_decodes_total") == {"decoded": 1, "reused": 2}
    assert (again.analysis, again.actions) == (first.analysis, first.actions)

    # It is known from now on, and comes back four per cent faster.
    content = decoded.content_sha256
    installation.run("bank", "create", "ours", "--kind", "catalogue", "--owner", "Catalogue")
    installation.run("bank", "add", "ours", content, "--id", "A", "--why", "released")
    ((faster, decisions),) = installation.decided(music / "faster.flac", "D")
    (match,) = faster.matches
    assert (match.match_class, match.bank, match.item_id) == ("sped_up", "ours", "A")
    assert match.speed_ratio == pytest.approx(1.04, abs=0.002)
    assert decisions.matches == faster.matches
    assert decisions.features["values"]["known.catalogue"] == "sped_up"
    assert decisions.actions == first.actions, "a match with the catalogue is on trial only"

    # It is removed: what comes back is held, and a person is asked. The analysis is not made
    # anew for that; the decision is.
    installation.run(
        "bank", "create", "removed", "--kind", "stay_down", "--owner", "Trust and Safety"
    )
    installation.run("bank", "add", "removed", content, "--id", "A", "--why", "notice 17")
    before = installation.counted("earmark_classified_total")
    ((_, held),) = installation.decided(music / "piece.wav", "E")
    assert installation.counted("earmark_classified_total")["scored"] == before["scored"]
    assert held.analysis == first.analysis
    assert {(one.bank, one.match_class) for one in held.matches} == {
        ("ours", "exact"), ("removed", "exact"),
    }  # fmt: skip
    assert (held.actions.availability, held.actions.monetisation) == ("hold", "allow")
    task = installation.of(ReviewRequested, "E")
    assert (task.task_id, task.queue) == (held.review_task_id, "stay-down")
    assert task.reason_codes == ("R-STAY-DOWN",)


def test_a_rescan_tells_each_end_and_ends(
    installation: Installation, music: Path, tmp_path: Path
) -> None:
    catalogue = tmp_path / "catalogue.jsonl"
    catalogue.write_text('{"track_id": "no address"}\n')
    words = ["submit", "--rescan", "--at-once", "2", "--state", str(installation.state.folder)]
    run = CliRunner().invoke(app, [*words, str(music / "piece.wav"), str(music / "faster.flac")])
    assert run.exit_code == 0, run.output
    ends = [line for line in run.output.splitlines() if "piece" in line or "faster" in line]
    assert len(ends) == 2
    assert run.output.splitlines()[-1].startswith("rescan: 2 ")
    wrong = CliRunner().invoke(app, [*words, str(catalogue)])
    assert wrong.exit_code == 1
    assert "not sent: line 1" in wrong.output
    assert "rescan: 1 not sent" in wrong.output


def test_a_replica_follows_by_snapshot_and_topic(
    installation: Installation, music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((decoded, _),) = installation.decided(music / "piece.wav", "F")
    archive, there = tmp_path / "releases.banks", f"file://{tmp_path}/replica"
    installation.run("bank", "create", "releases", "--kind", "catalogue", "--owner", "Catalogue")
    installation.run(
        "bank", "add", "releases", decoded.content_sha256, "--id", "OLD", "--why", "released"
    )
    installation.run("bank", "snapshot", str(archive), "--bank", "releases")

    monkeypatch.setenv("EARMARK_INDEX", there)
    installation.run("bank", "restore", str(archive))
    words = [
        "bank",
        "replicate",
        "releases",
        "--as",
        "second",
        "--state",
        str(installation.state.folder),
    ]
    process = subprocess.Popen([sys.executable, "-m", "streams.cli.main", *words])
    try:
        installation.decided(music / "faster.flac", "G")
        with open_index(there) as replica:
            deadline = time.monotonic() + PATIENCE_S
            while not (known := {one.item_id for one in replica.items()}) >= {"OLD", "F", "G"}:
                assert process.poll() is None
                assert time.monotonic() < deadline, known
                time.sleep(0.2)
    finally:
        process.terminate()
        assert process.wait(30) == 0
    with open_index(f"file://{installation.state.folder}/index") as ours:
        assert [one.item_id for one in ours.items(["releases"])] == ["OLD"], "untouched"
