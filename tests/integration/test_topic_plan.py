"""Topics become what they should be, on a real Apache Kafka."""

import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from streams.contract import topics
from tests.support.kafka import ApacheKafka


@pytest.mark.pipeline
def test_a_kafka_becomes_what_it_should_be(
    kafka: ApacheKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARMARK_BROKERS", kafka.bootstrap)
    monkeypatch.setenv("EARMARK_PARTITIONS", "2")
    earmark = CliRunner()
    assert earmark.invoke(app, ["topics", "plan", "--check"]).exit_code == 1
    first = earmark.invoke(app, ["topics", "apply"])
    assert first.exit_code == 0
    assert first.stdout.count("create ") == len(topics.ALL)
    assert "as they should be" in earmark.invoke(app, ["topics", "plan", "--check"]).stdout

    monkeypatch.setenv("EARMARK_PARTITIONS", "3")
    monkeypatch.setenv("EARMARK_RETENTION_H", "24")
    changed = earmark.invoke(app, ["topics", "apply"]).stdout
    assert "retention.ms 604800000 -> 86400000" in changed
    assert "left as it is:\ngrow" in changed  # keys do not move unless without a request
    assert "stop the uploads first" in changed
    grown = earmark.invoke(app, ["topics", "apply", "--grow"]).stdout
    assert "tracks.uploaded: partitions 2 -> 3\n" in grown
    assert "left as it is" not in grown  # it waits until the broker shows the new count
    assert "restart all processes" in grown
    assert "as they should be" in earmark.invoke(app, ["topics", "plan", "--check"]).stdout
