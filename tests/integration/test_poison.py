"""Poison among ordinary records, in every stage and on both databases.

Each record that a stage might stumble over lies before an ordinary one of the same partition.
All ordinary ones end, the poison is handled or a dead letter with its bytes, no process restarts.
"""

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
import pytest
from kafka.record.default_records import DefaultRecordBatchBuilder
from sqlalchemy import Table, select

from detector.observation.observation import VERSION
from models.synthesis.music import RATE_HZ, render
from streams.contract import dead_letters, processes, topics
from streams.contract.dead_letters import Message
from streams.contract.records import ObservationRef, Record, TrackDecided
from streams.contract.records.rights import Revocation
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.supervisor import Supervisor
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.kafka.clients import open_producer, open_reader, poll
from streams.runtime.kafka.offsets import behind
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.settings import Settings
from streams.store.database import Ledger
from streams.store.tables import APPLIED, DECISIONS
from tests.support.audio import write_wav
from tests.support.databases import BOTH
from tests.support.events import (
    agreement,
    appeal,
    classified,
    received,
    reopened,
    rescoring,
    verdict,
)
from tests.support.forks import forks
from tests.unit.streams.runtime.patches.test_record_batches import PACK, SPOILT, RawKey, packed

pytestmark = pytest.mark.pipeline

TOPICS = (
    *(topics.UPLOADED, topics.FINGERPRINTED, topics.CLASSIFIED, topics.DECIDED),
    *(topics.REVIEWS_DECIDED, topics.APPEALS_CHANGED, topics.RIGHTS_CHANGED, topics.REOPENED),
    topics.RESCORING,
)
PATIENCE_S = 120.0  # without any progress: a busy machine may be slow
CJK = "".join(map(chr, range(0x4E00, 0x4E00 + 2_000)))  # no database compresses it
TIMES = (
    *("uploaded_at", "decided_at", "changed_at", "received_at"),
    *("window_ends_at", "pinned_until", "asserted_at", "requested_for"),
)
Fields = dict[str, Any]


def at(time: str) -> Fields:
    return dict.fromkeys(TIMES, time)


# Fields of any record, and the readers of its topic that bury it; None: all of them.
EDITED: Mapping[str, tuple[Fields, frozenset[str] | None]] = {
    "NUL in the track's id": ({"track_id": "T\0"}, None),
    "an id too long": ({"track_id": "T" * 257}, None),
    "the longest ids": (
        {"track_id": CJK[:256], "entry_id": CJK[:256], "decision_id": "dec_" + CJK[:252]},
        frozenset(),
    ),
    "the longest texts": (
        {
            "title": CJK,
            "distributor": CJK[:256],
            "artists": ["\u0390" * 256],
            "grantee": CJK[:256],
            "notes": CJK,
            "statement": CJK,
        },
        frozenset(),
    ),
    "8,000 names": (
        {
            "artists": [f"Artist {number}" for number in range(8_000)],
            "isrcs": [f"USRC1{number:07}" for number in range(8_000)],
        },
        frozenset(),
    ),
    "before the first year": (at("0001-01-01T00:00:00+14:00"), None),
    "after the last year": (at("9999-12-31T23:59:59-14:00"), None),
    "a delivery of the future": ({"uploaded_at": "2999-01-01T00:00:00Z"}, None),
    "numbers out of range": ({"p_value": 1e300, "duration_s": 1e300}, frozenset()),
}
TOO_MANY_BITS: Mapping[str, tuple[Fields, frozenset[str]]] = {
    topics.FINGERPRINTED: ({"sample_rate_hz": 2**63}, frozenset({"classify", "ledger"})),
    topics.APPEALS_CHANGED: ({"sequence": 2**63}, frozenset({"ledger", "redecide"})),
    topics.RIGHTS_CHANGED: ({"version": 2**63}, frozenset({"ledger", "redecide"})),
}
RAW: Mapping[str, bytes | None] = {
    "no JSON": b"\xff\xfe",
    "nothing": None,
    "no bytes": b"",
    "nested deeply": b"[" * 100_000 + b"]" * 100_000,
}
REPLACED: Mapping[str, tuple[bytes, bytes]] = {
    "a lone surrogate": (b'"A title"', b'"\\ud800"'),
    "NaN": (b'"duration_s":', b'"decode_errors":NaN,"duration_s":'),
}


@dataclass
class Poison:
    """A poisonous message, and the processes that bury it."""

    name: str
    topic: str
    value: bytes | None
    buried_by: frozenset[str]
    key: bytes = b"poison"
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    spoil: Callable[[bytes], bytes] = bytes  # what becomes of its record batch
    lost: bool = False  # its bytes are in no dead letter, since no client can read them


def edited(record: Any, fields: Fields) -> Any:
    """Return a record with these fields changed, wherever it has them."""
    match record:
        case dict():
            return {
                name: fields[name] if name in fields else edited(value, fields)
                for name, value in record.items()
                if value is not None
            }
        case list():
            return [edited(value, fields) for value in record]
    return record


def poisons(topic: str, template: Fields) -> Iterator[Poison]:
    readers = frozenset(name for name, read in processes.GROUPS.items() if topic in read)
    good = orjson.dumps(template)
    for name, (fields, buried_by) in EDITED.items():
        if (record := edited(template, fields)) != template:
            yield Poison(
                name, topic, orjson.dumps(record), readers if buried_by is None else buried_by
            )
    if topic in TOO_MANY_BITS:
        fields, buriers = TOO_MANY_BITS[topic]
        yield Poison("too many bits", topic, orjson.dumps(edited(template, fields)), buriers)
    # JSON Schema knows no largest number
    yield Poison("an endless number", topic, good[:-1] + b',"x":1e999}', readers - {"catalogue"})
    for name, (old, new) in REPLACED.items():
        if old in good:
            yield Poison(name, topic, good.replace(old, new), readers)
    for name, value in RAW.items():
        yield Poison(name, topic, value, readers)
    yield Poison("a long key", topic, b"{}", readers, CJK.encode() * 5)
    yield Poison("a key that is no UTF-8", topic, good, frozenset(), b"\xff\xfe")
    yield Poison("a header key", topic, good, frozenset(), headers=[(RawKey(), b"\xff")])
    if topic in (topics.UPLOADED, topics.DECIDED):  # clients read all topics alike
        for codec in PACK:
            pack = partial(packed, codec=codec)
            yield Poison(f"codec {codec}", topic, good, frozenset(), spoil=pack)
        for fault, spoil in SPOILT.items():
            yield Poison(fault, topic, good, readers, spoil=spoil, lost=True)
    if topic == topics.DECIDED:
        forged = template | {"decision_id": "dec_forged", "upload_id": "upl_forged"}
        yield Poison("no analysis", topic, orjson.dumps(forged), frozenset({"redecide"}))
    if topic == topics.RIGHTS_CHANGED:
        for moment in ("9999-12-31T00:00:00Z", "0001-01-01T00:00:00+14:00"):
            ends = Revocation(effective_at=datetime.fromisoformat(moment), grace_days=3_650)
            entry = agreement(agreement_id=moment, revocation=ends, valid_until=date.max)
            yield Poison(f"revoked at {moment}", topic, entry.to_bytes(), frozenset())


class Pipeline:
    """A pipeline under test, and what it was sent."""

    def __init__(self, settings: Settings, good: Path) -> None:
        self.settings, self._good = settings, good
        self._policy = load(settings.policy)
        self._numbers = itertools.count()
        self._producer = open_producer(settings, "test")
        self._heard: Fields = {}
        self._decided: list[TrackDecided] = []
        self.sent: list[tuple[Poison, Any]] = []
        self.tracks: set[str] = set()

    def send(self, topic: str, record: Record | Fields) -> None:
        """Send an ordinary record."""
        value = record.to_bytes() if isinstance(record, Record) else orjson.dumps(record)
        self._producer.send(topic, key=b"T", value=value)

    def poison(self) -> None:
        """Send every poison of every topic, each followed by an ordinary record."""
        self.send(topics.UPLOADED, self._ordinary(topics.UPLOADED))
        self._heard = orjson.loads(first(self.settings, topics.FINGERPRINTED).value or b"")
        for topic in TOPICS:
            ordinary = set(self.tracks)
            template = self._ordinary(topic)
            self.tracks = ordinary  # poison has its ids
            fields = orjson.loads(template.to_bytes()) if isinstance(template, Record) else template
            for poison in poisons(topic, fields):
                self.sent.append((poison, self._send_poison(poison)))
                self.send(topic, self._ordinary(topic))
        self._producer.flush()

    def _send_poison(self, poison: Poison) -> Any:
        self._producer.flush()
        build = DefaultRecordBatchBuilder.build
        message = {"key": poison.key, "value": poison.value, "headers": poison.headers}
        with mock.patch.object(
            DefaultRecordBatchBuilder,
            "build",
            lambda builder: bytearray(poison.spoil(bytes(build(builder)))),
        ):
            future = self._producer.send(poison.topic, **message)
            self._producer.flush()
        return future

    def _ordinary(self, topic: str) -> Record | Fields:
        track = f"T-{next(self._numbers)}"
        match topic:
            case topics.UPLOADED:
                self.tracks.add(track)
                return received(track, uri=self._good.as_uri(), title="A title")
            case topics.FINGERPRINTED:
                self.tracks.add(track)
                ids = {"track_id": track, "upload_id": f"upl-{track}"}
                return dict(edited(self._heard, ids))
            case topics.CLASSIFIED:
                self.tracks.add(track)
                return classified(track_id=track, title="A title", distributor="Acme")
            case topics.DECIDED:
                self.tracks.add(track)
                event = classified(track_id=track)
                self.send(topics.CLASSIFIED, event)
                self._decided.append(decide(event, self._policy).decided)
                return self._decided[-1]
            case topics.RIGHTS_CHANGED:
                return agreement(agreement_id=f"AGR-{track}")
        decided = self._decided[int(track[2:]) % len(self._decided)]
        ids = {name: getattr(decided, name) for name in ("track_id", "upload_id", "decision_id")}
        match topic:
            case topics.RESCORING:  # of an upload that the ledger has not decoded: nothing follows
                observation = ObservationRef(uri="file:///x", version=VERSION, sha256="e" * 64)
                return rescoring(track, observation=observation)
            case topics.REVIEWS_DECIDED:
                return verdict(**ids, verdict_id=f"vrd-{track}", notes="Heard it.")
            case topics.APPEALS_CHANGED:
                return appeal(**ids, change_id=f"apc-{track}", appeal_id=f"apl-{track}")
        return reopened(track_id=decided.track_id)


def first(settings: Settings, topic: str) -> Message:
    reader = open_reader(settings, topic)
    with closing(reader):
        return next(chain.from_iterable(poll(reader, 500, 1) for _ in range(int(PATIENCE_S))))


def buried(settings: Settings) -> dict[str, dict[str, Message]]:
    """Return the dead letters, by origin and process."""
    letters: dict[str, dict[str, Message]] = defaultdict(dict)
    reader, quiet = open_reader(settings, *topics.DEAD), 0
    with closing(reader):
        while quiet < 3:
            batch = poll(reader, 500, 500)
            quiet = 0 if batch else quiet + 1
            for message in batch:
                letter = dead_letters.read(
                    message.topic, message.key, message.value, message.headers
                )
                letters[letter.origin][letter.processor] = replace(message, value=letter.value)
    return letters


def tracks_of(ledger: Ledger, table: Table) -> set[str]:
    with ledger.reading() as connection:
        return set(connection.scalars(select(table.c.track_id)))


@pytest.mark.parametrize("database", BOTH)
def test_poison_stops_nobody(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    databases = request.getfixturevalue("databases") if database == "postgresql" else None
    good = tmp_path / "good.wav"
    write_wav(good, render(1, 6.0), RATE_HZ)
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker(log_file=tmp_path / "broker.log"))
        url = f"sqlite:///{tmp_path}/ledger.db"
        settings = Settings(
            brokers=broker.bootstrap,
            partitions=1,
            session_timeout_s=6,
            fetch_max_wait_ms=50,
            retry_attempts=3,
            retry_base_s=0.05,
            file_roots=str(tmp_path),
            store=f"file://{tmp_path}/artefacts",
            index=f"file://{tmp_path}/index",
            ledger=stack.enter_context(databases.new("template0")) if databases else url,
            decode_workers=1,
            dead_letter_share=1.0,  # here is more poison than in any deployment
            redecide_per_s=100_000,
        )
        ensure_topics(settings)
        supervisor = Supervisor(list(processes.GROUPS), settings, tmp_path / "logs", forks())
        stack.enter_context(supervisor)
        pipeline = Pipeline(settings, good)
        assert not supervisor.wait_ready(PATIENCE_S)
        pipeline.poison()
        with closing(Ledger.open(settings.ledger)) as ledger, open_admin(settings) as admin:

            def waiting() -> dict[str, Any]:
                tables = {table.name: pipeline.tracks - tracks_of(ledger, table)
                          for table in (DECISIONS, APPLIED)}  # fmt: skip
                lag = {name: behind(admin, settings, name) for name in processes.GROUPS}
                return {name: left for name, left in (tables | lag).items() if left}

            left, since = waiting(), time.monotonic()
            while left:
                stopped = [child.name for child in supervisor.children if child.restarts]
                assert not stopped, f"{stopped} restarted; see {tmp_path}/logs"
                assert time.monotonic() - since < PATIENCE_S, left
                time.sleep(0.5)
                before, left = left, waiting()
                since = since if left == before else time.monotonic()
        assert [child.name for child in supervisor.children if child.restarts] == []
        letters = buried(settings)
    wrong = {}
    for poison, future in pipeline.sent:
        place = future.get(timeout=0)
        copies = letters.pop(f"{place.topic}/{place.partition}/{place.offset}", {})
        if copies.keys() != poison.buried_by:
            reasons = {name: dict(one.headers)[dead_letters.DETAIL] for name, one in copies.items()}
            wrong[f"{poison.topic}: {poison.name}"] = (sorted(poison.buried_by), reasons)
        content = (None, None) if poison.lost else (poison.key, poison.value)
        expected = {content} if copies else set()
        assert {(one.key, one.value) for one in copies.values()} == expected
    assert wrong == {}
    assert letters == {}, "ordinary records are no dead letters"
