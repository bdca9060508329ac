"""Settings of clients that another process is given."""

import json

from streams.runtime.kafka.clients import kafka_client_settings, plain_client_settings
from streams.runtime.settings import Settings


def test_another_process_is_given_what_json_can_hold() -> None:
    settings = Settings(brokers="one:9092, two:9092", session_timeout_s=8, request_timeout_s=5)
    plain = plain_client_settings(settings, "catalogue")
    assert json.loads(json.dumps(plain)) == plain
    assert kafka_client_settings(settings).items() <= plain.items()
    assert plain["bootstrap_servers"] == ["one:9092", "two:9092"]
    assert plain["client_id"] == "earmark.catalogue"
    assert (plain["session_timeout_ms"], plain["heartbeat_interval_ms"]) == (8_000, 2_000)
    assert plain["request_timeout_ms"] > plain["session_timeout_ms"], "a join may take a session"
