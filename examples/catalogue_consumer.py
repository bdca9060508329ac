"""A catalogue that applies Earmark's decisions. Copy it, and put your own work into ``apply``.

It needs kafka-python, jsonschema and two published schemas (``streams/contract/schemas``),
nothing else of Earmark. Three rules make it right, whatever ``apply`` does:

1. The same decision applied twice changes nothing: it is known by its ``decision_id``.
2. An older decision never undoes a newer one. Newer means: with the later ``uploaded_at``; of
   one upload, with the later Kafka timestamp; of one timestamp, with the greater ``decision_id``.
3. It answers on ``decisions.applied``, and commits its offset once that answer is stored. So
   silence means: not applied yet.

What it cannot read it puts on ``tracks.decided.dead``. After any other failure it begins again from
the offsets that were committed, so the same decisions come again.

    python examples/catalogue_consumer.py          # settings: environment variables

    CATALOGUE_KAFKA     kafka-python's options as JSON; {"bootstrap_servers": "localhost:9092"}
    CATALOGUE_GROUP     consumer group; catalogue
    CATALOGUE_DATABASE  sqlite:///FILE or postgresql://... (with psycopg); sqlite:///catalogue.db
    CATALOGUE_SCHEMAS   folder of the schemas; ../streams/contract/schemas
    CATALOGUE_HTTP      address of /live, /ready and /metrics; 127.0.0.1:0
"""

import json
import os
import re
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

DECIDED, APPLIED = "tracks.decided", "decisions.applied"
SCHEMAS = Path(
    os.environ.get("CATALOGUE_SCHEMAS", Path(__file__).parents[1] / "streams/contract/schemas")
)
SCHEMA, ANSWER_SCHEMA = (
    json.loads((SCHEMAS / f"{topic}.v1.json").read_bytes()) for topic in (DECIDED, APPLIED)
)
DECISION, ANSWER = Draft202012Validator(SCHEMA), Draft202012Validator(ANSWER_SCHEMA)
DIMENSIONS = SCHEMA["$defs"]["Actions"]["properties"]
BATCH = 500
TIMEOUT_S = 30.0
AHEAD = timedelta(minutes=5)  # so much may clocks differ
PAUSE_S = 1.0  # between a failure and the next attempt
LOCK = 5_730_211  # any number that nothing else locks in this database
MOVED = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)

Headers = list[tuple[str, bytes]]


class Database:
    """The catalogue's tables, in SQLite or PostgreSQL."""

    def __init__(self, url: str) -> None:
        self.sqlite = url.startswith("sqlite:///")
        self.refusals: tuple[type[Exception], ...] = (sqlite3.DataError, sqlite3.IntegrityError)
        if self.sqlite:
            file = Path(url.removeprefix("sqlite:///"))
            file.parent.mkdir(parents=True, exist_ok=True)
            self._connection: Any = sqlite3.connect(file, TIMEOUT_S, isolation_level=None)
        else:
            import psycopg

            address = re.sub(r"^postgresql\+\w+", "postgresql", url)
            self.refusals = (psycopg.DataError, psycopg.IntegrityError)
            self._connection = psycopg.connect(address, autocommit=True, options="-c timezone=UTC")
        actions = ", ".join(f"{name} TEXT NOT NULL" for name in DIMENSIONS)
        with self.transaction():
            if not self.sqlite:  # two processes that create one table at once fail there
                self.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            self.execute(
                "CREATE TABLE IF NOT EXISTS catalogue_tracks (track_id TEXT NOT NULL PRIMARY KEY, "
                "decision_id TEXT NOT NULL, uploaded_at TIMESTAMP WITH TIME ZONE NOT NULL, "
                f"decided_at TIMESTAMP WITH TIME ZONE NOT NULL, {actions})"
            )
            # Territories in which something else holds; replaced together with the track.
            self.execute(
                "CREATE TABLE IF NOT EXISTS catalogue_territories (track_id TEXT NOT NULL, "
                f"territory TEXT NOT NULL, decision_id TEXT NOT NULL, {actions}, "
                "PRIMARY KEY (track_id, territory))"
            )
            for table in ("catalogue_tracks", "catalogue_territories"):
                self._add_dimensions(table)

    def _add_dimensions(self, table: str) -> None:
        """Add the dimensions that a later release brings; existing rows take the neutral action."""
        rows = self.execute(f"SELECT * FROM {table} WHERE 1 = 0")  # noqa: S608 - names of ours
        existing = {column[0] for column in rows.description}
        for name, field in DIMENSIONS.items():
            if name not in existing:
                self.execute(
                    f"ALTER TABLE {table} ADD COLUMN {name} TEXT NOT NULL "
                    f"DEFAULT '{field['default']}'"
                )

    def execute(self, sql: str, *values: str) -> Any:
        """Run a statement; ``?`` stands for a value."""
        return self._connection.execute(sql if self.sqlite else sql.replace("?", "%s"), values)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def insert(self, table: str, row: dict[str, str]) -> None:
        """Add a row."""
        marks = ", ".join("?" * len(row))
        self.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())  # noqa: S608

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Store everything within, or nothing."""
        self.execute("BEGIN IMMEDIATE" if self.sqlite else "BEGIN")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    @contextmanager
    def decision(self) -> Iterator[None]:
        """Store one decision whole, or leave it out of the transaction.

        Raises:
            ValueError: the database refuses what the decision contains.
        """
        self.execute("SAVEPOINT decision")
        try:
            yield
        except self.refusals as error:
            self.execute("ROLLBACK TO SAVEPOINT decision")
            raise ValueError(f"unstorable: {error}") from error
        self.execute("RELEASE SAVEPOINT decision")


def apply(database: Database, decision: dict[str, Any], decided_at: str) -> str:
    """Apply a decision; return applied, already_applied or stale. Yours does more than this."""
    track_id, decision_id = decision["track_id"], decision["decision_id"]
    times = (moment(decision["uploaded_at"]), decided_at)
    order = (*times, decision_id)
    # One partition holds all decisions of a track, so no other process writes this row now.
    known = database.execute(
        "SELECT decision_id, (uploaded_at, decided_at, decision_id) > (?, ?, ?) "
        "FROM catalogue_tracks WHERE track_id = ?",
        *(*order, track_id),
    ).fetchone()
    if known is not None:
        known_id, is_newer = known
        if known_id == decision_id:
            if not is_newer:  # the same upload, delivered again: it is the newest from now on
                database.execute(
                    "UPDATE catalogue_tracks SET uploaded_at = ?, decided_at = ? "
                    "WHERE track_id = ?",
                    *(*times, track_id),
                )
            return "already_applied"
        if is_newer:
            return "stale"
    database.execute("DELETE FROM catalogue_tracks WHERE track_id = ?", track_id)
    database.execute("DELETE FROM catalogue_territories WHERE track_id = ?", track_id)
    row = {"track_id": track_id, "decision_id": decision_id}
    moments = {"uploaded_at": times[0], "decided_at": times[1]}
    database.insert("catalogue_tracks", row | moments | actions(decision))
    for scoped in decision.get("territorial", []):
        for territory in scoped["territories"]:
            place = row | {"territory": territory}
            database.insert("catalogue_territories", place | actions(scoped))
    return "applied"


def actions(scope: dict[str, Any]) -> dict[str, str]:
    """Return the action in every dimension."""
    return {
        name: scope["actions"].get(name, field["default"]) for name, field in DIMENSIONS.items()
    }


def moment(iso: str) -> str:
    """Return a time as the tables hold it: UTC, to the microsecond."""
    utc = datetime.fromisoformat(iso).astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(" ", "microseconds")


def read(record: Any) -> dict[str, Any]:
    """Return the decision in a message; raise ValueError where it is none."""
    try:
        decision: dict[str, Any] = json.loads(record.value or b"")
        DECISION.validate(decision)
        if moment(decision["uploaded_at"]) > moment((datetime.now(UTC) + AHEAD).isoformat()):
            raise ValueError("uploaded_at is in the future: all later ones would be stale")
        if "\0" in decision["track_id"] + decision["decision_id"]:
            raise ValueError("an id contains NUL")
        json.dumps(decision, ensure_ascii=False).encode()  # lone surrogates cannot be stored
    except (ValidationError, OverflowError, RecursionError) as error:
        raise ValueError(str(error).partition("\n")[0]) from error
    return decision


def carried(record: Any) -> Headers:
    """Return the headers that travel on: trace context, not those of an earlier dead letter."""
    headers = [(name, value or b"") for name, value in record.headers or ()]
    return [header for header in headers if not header[0].startswith("earmark.dead.")]


def dead_letter(record: Any, error: ValueError) -> Headers:
    """Return the headers of a message's dead letter; its key and value are the message's own."""
    ours = {
        "processor": "catalogue",
        "reason": "invalid_record",
        "detail": str(error)[:1_000],
        "origin": f"{record.topic}/{record.partition}/{record.offset}",
        "origin-time-ms": str(max(0, record.timestamp)),
    }
    if record.key is None and record.value is None:
        ours["value"] = "null"  # a message needs one of both
    return carried(record) + [
        (f"earmark.dead.{name}", text.encode(errors="replace")) for name, text in ours.items()
    ]


class Status:
    """What /live, /ready and /metrics show."""

    def __init__(self) -> None:
        self.beat = time.monotonic()
        self.missing = ["broker_reachable", "partitions_assigned"]
        self.counts: Counter[str] = Counter()
        self.count("earmark_received_total", 0)
        for outcome in ("emitted", "dead_letter"):
            self.count("earmark_ended_total", 0, outcome=outcome)

    def count(self, metric: str, by: int = 1, **labels: str) -> None:
        """Add to a counter."""
        pairs = labels if "result" in labels else {"processor": "catalogue", **labels}
        shown = ",".join(f'{name}="{value}"' for name, value in pairs.items())
        self.counts[f"{metric}{{{shown}}}"] += by

    def answer(self, path: str) -> tuple[int, str]:
        """Return the HTTP status and body for a path."""
        if path == "/metrics":
            return 200, "".join(f"{name} {count}\n" for name, count in self.counts.items())
        if path == "/ready":
            ready = {"ready": not self.missing, "missing": self.missing}
            return 503 if self.missing else 200, json.dumps(ready)
        live = time.monotonic() - self.beat < 2 * TIMEOUT_S
        return 200 if live else 503, json.dumps({"live": live})


def serve(status: Status, address: str) -> None:
    """Serve the status over HTTP, in a thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = status.answer(self.path)
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            pass

    host, _, port = address.rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


class Catalogue:
    """Consumes decisions, batch by batch."""

    def __init__(self, database: Database, status: Status, consumer: Any, producer: Any) -> None:
        self._database, self._status = database, status
        self._consumer, self._producer = consumer, producer

    def run(self, stop: threading.Event) -> None:
        """Consume until stopped."""
        while not stop.is_set():
            polled = self._consumer.poll(timeout_ms=500, max_records=BATCH)
            self._status.beat = time.monotonic()
            self._status.missing = [] if self._consumer.assignment() else ["partitions_assigned"]
            batch = [record for records in polled.values() for record in records]
            if batch:
                self.handle(batch)

    def handle(self, batch: Sequence[Any]) -> None:
        """Apply a batch in one transaction, answer, and commit."""
        self._status.count("earmark_received_total", len(batch))
        with self._database.transaction():
            answers = [self.answer(record) for record in batch]
        log("batch_stored", decisions=len(batch), last_offset=batch[-1].offset)
        for future in [self._producer.send(topic, **message) for topic, message in answers]:
            future.get(timeout=TIMEOUT_S)
        offsets = {
            TopicPartition(record.topic, record.partition): OffsetAndMetadata(
                record.offset + 1, "", -1
            )
            for record in batch
        }
        try:
            self._consumer.commit(offsets, int(TIMEOUT_S * 1_000))
        except MOVED as error:  # the new owner of the partition gets the batch again
            log("commit_skipped", error=repr(error))

    def answer(self, record: Any) -> tuple[str, dict[str, Any]]:
        """Apply one decision; return the message that answers it, or its dead letter."""
        try:
            decision = read(record)
            at = datetime.fromtimestamp(record.timestamp / 1_000, UTC).isoformat()
            with self._database.decision():
                result = apply(self._database, decision, moment(at))
        except ValueError as error:
            log(
                "dead_letter_sent", offset=record.offset, reason="invalid_record", detail=str(error)
            )
            self._status.count("earmark_dead_letters_total", reason="invalid_record")
            self._status.count("earmark_ended_total", outcome="dead_letter")
            value = b"" if record.key is None and record.value is None else record.value
            message = {"key": record.key, "value": value, "headers": dead_letter(record, error)}
            return f"{DECIDED}.dead", message
        self._status.count("earmark_decisions_applied_total", result=result)
        self._status.count("earmark_ended_total", outcome="emitted")
        answer = {
            "schema_version": 1,
            **{name: decision[name] for name in ("decision_id", "upload_id", "track_id")},
            "result": result,
        }
        ANSWER.validate(answer)
        key, value = decision["track_id"].encode(), json.dumps(answer).encode()
        return APPLIED, {"key": key, "value": value, "headers": carried(record)}


def log(event: str, **fields: Any) -> None:
    """Write a line of JSON to standard error."""
    sys.stderr.write(json.dumps({"event": event, "processor": "catalogue", **fields}) + "\n")


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    status = Status()
    serve(status, os.environ.get("CATALOGUE_HTTP", "127.0.0.1:0"))
    while not stop.is_set():
        try:
            consume(status, stop)
        except Exception as error:  # noqa: BLE001 - broker or database away: begin again
            log("attempt_failed", error=repr(error))
            status.missing = ["broker_reachable", "partitions_assigned"]
            stop.wait(PAUSE_S)


def consume(status: Status, stop: threading.Event) -> None:
    """Consume from the last committed offsets until ``stop`` is set, or until something fails."""
    with ExitStack() as opened:
        database = Database(os.environ.get("CATALOGUE_DATABASE", "sqlite:///catalogue.db"))
        opened.callback(database.close)
        consumer, producer = connect()
        opened.callback(consumer.close, autocommit=False, timeout_ms=5_000)
        opened.callback(producer.close, timeout=5)
        Catalogue(database, status, consumer, producer).run(stop)


def connect() -> tuple[Any, Any]:
    """Return a member of the consumer group, and a producer."""
    options = {"allow_auto_create_topics": False}
    options |= json.loads(os.environ.get("CATALOGUE_KAFKA", "{}"))
    group = os.environ.get("CATALOGUE_GROUP", "catalogue")
    consumer = KafkaConsumer(
        DECIDED,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **options,
    )
    shared = options.keys() & KafkaProducer.DEFAULT_CONFIG.keys()
    sending = {name: options[name] for name in shared}
    return consumer, KafkaProducer(acks="all", max_request_size=2_097_152, **sending)


if __name__ == "__main__":
    main()
