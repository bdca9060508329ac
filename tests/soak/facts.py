"""What the topics say: every message of every topic, read from the start, outside any group."""

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from streams.contract import dead_letters, topics
from streams.contract.processes import GROUPS
from streams.runtime.kafka.clients import kafka_client_settings, open_reader
from streams.runtime.settings import Settings

QUIET: Final = 4  # polls without a message: nothing more lies there
POLL_MS: Final = 300

# The field that names a record of each topic, besides the upload.
IDS: Final = {
    topics.FINGERPRINTED: "content_sha256",
    topics.CLASSIFIED: "content_sha256",
    topics.LABELLED: "analysis_id",
    topics.DECIDED: "decision_id",
    topics.REVIEWS_REQUESTED: "task_id",
    topics.POLICIES_SHADOWED: "shadow_id",
    topics.STATEMENTS_WRITTEN: "statement_id",
    topics.USAGE_ATTRIBUTED: "usage_id",
    topics.CREDITS_DERIVED: "credits_id",
}
TIMES: Final = ("uploaded_at", "requested_for")  # of the delivery; another of each delivery
# What is computed from them: since when something holds, and until when one may object.
DATES: Final = frozenset(
    {"starts_at", "ends_at", "reconsider_at", "from_at", "content_date", "application_date"}
    | {"deadline", "texts"}
)


@dataclass(frozen=True, order=True)
class Newest:
    """A decision and its place among the decisions of its track."""

    uploaded_at: str
    decided_at: int
    decision_id: str


@dataclass
class Facts:
    """Grows while messages are taken; nothing is kept of them but ids and digests."""

    messages: Counter[str] = field(default_factory=Counter)
    delivered: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    decided: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    dead: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    letters: set[tuple[str, bytes]] = field(default_factory=set)
    reasons: Counter[str] = field(default_factory=Counter)
    records: defaultdict[tuple[str, ...], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )
    """Topic, upload, id, and time of the delivery -> digests of the exact bytes."""
    timeless: defaultdict[tuple[str, ...], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )
    """Topic, upload and id -> digests of everything but the time of the delivery."""
    answers: defaultdict[tuple[str, ...], set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )
    """Upload, content, model and policy -> decision ids."""
    labels: set[str] = field(default_factory=set)
    applied: set[str] = field(default_factory=set)
    newest: dict[str, Newest] = field(default_factory=dict)
    unreadable: int = 0

    def take(self, message: Any) -> None:
        """Take note of one message."""
        self.messages[message.topic] += 1
        if message.topic in topics.DEAD:
            self._take_letter(message)
            return
        try:
            document = json.loads(message.value)
            upload_id = document["upload_id"]
            if message.topic == topics.UPLOADED:
                self.delivered[upload_id].add(document["uploaded_at"])
            elif message.topic == topics.DECISIONS_APPLIED:
                self.applied.add(document["decision_id"])
            else:
                self._take_record(message, document, upload_id)
        except (ValueError, KeyError, TypeError):
            self.unreadable += 1

    def conflicts(self) -> int:
        """Count records that come twice and differ, and uploads with two answers."""
        several = (*self.records.values(), *self.timeless.values(), *self.answers.values())
        return sum(len(found) > 1 for found in several)

    def distinct(self, topic: str) -> int:
        """Count the records of a topic, each once."""
        return sum(key[0] == topic for key in self.timeless)

    def ids(self, topic: str) -> set[str]:
        """Return the ids of the records of a topic."""
        return {key[2] for key in self.timeless if key[0] == topic}

    def _take_letter(self, message: Any) -> None:
        letter = dead_letters.read(message.topic, message.key, message.value, message.headers)
        if (letter.origin, message.value) not in self.letters:
            self.letters.add((letter.origin, message.value))
            self.reasons[letter.reason] += 1
        try:
            upload_id = json.loads(message.value)["upload_id"]
        except (ValueError, KeyError, TypeError):
            self.unreadable += 1
        else:
            self.dead[upload_id].add(letter.reason)

    def _take_record(self, message: Any, answer: dict[str, Any], upload_id: str) -> None:
        identity = (message.topic, upload_id, answer[IDS[message.topic]])
        times = [answer.pop(name) for name in TIMES if name in answer]
        if message.topic == topics.STATEMENTS_WRITTEN:  # it contains a deadline for objections
            times.append(answer["redress"]["deadline"])
        if message.topic == topics.USAGE_ATTRIBUTED:
            times.append(answer["from_at"])
        self.records[*identity, *times].add(_digest(message.value))
        self.timeless[identity].add(_digest(json.dumps(_undated(answer)).encode()))
        if message.topic == topics.LABELLED:
            self.labels |= {label["label_id"] for label in answer["labels"]}
        if message.topic == topics.DECIDED:
            decision_id = answer["decision_id"]
            self.decided[upload_id].add(decision_id)
            versions = (answer["model"]["digest"], answer["policy"]["digest"])
            self.answers[upload_id, answer["content_sha256"], *versions].add(decision_id)
            newest = Newest(times[0], message.timestamp, decision_id)
            known = self.newest.get(answer["track_id"], newest)
            self.newest[answer["track_id"]] = max(newest, known)


class Log:
    """Reads all topics as far as they go; again for what has come since."""

    def __init__(self, settings: Settings, facts: Facts) -> None:
        self._facts = facts
        self._consumer = open_reader(settings)
        self._partitions = [
            TopicPartition(topic, number)
            for topic in topics.ALL
            for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        self._consumer.assign(self._partitions)
        self._consumer.seek_to_beginning(*self._partitions)

    def read(self) -> int:
        """Read until nothing more comes; return how many messages came."""
        quiet = count = 0
        while quiet < QUIET:
            polled = self._consumer.poll(timeout_ms=POLL_MS)
            quiet = 0 if polled else quiet + 1
            for messages in polled.values():
                for message in messages:
                    self._facts.take(message)
                    count += 1
        return count

    def ends(self) -> dict[TopicPartition, int]:
        """Return the end of each partition: as read, or the broker's answer, if that is more.

        The embedded broker's own answer may lie within its last batch.
        """
        ends = self._consumer.end_offsets(self._partitions)
        return {at: max(self._consumer.position(at), ends[at]) for at in self._partitions}

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()


def stuck(settings: Settings, ends: dict[TopicPartition, int]) -> dict[str, int]:
    """Return by group and partition how many messages are not committed."""
    admin = KafkaAdminClient(**_admin(settings))
    try:
        left: dict[str, int] = {}
        for worker, sources in GROUPS.items():
            group = f"{settings.group_prefix}.{worker}"
            committed = admin.list_group_offsets([group])[group]
            for at, end in ends.items():
                if at.topic not in sources:
                    continue
                offset = getattr(committed.get(at), "offset", 0) or 0
                if max(0, offset) != end:
                    left[f"{worker} {at.topic}/{at.partition}"] = end - max(0, offset)
        return left
    finally:
        admin.close()


def _admin(settings: Settings) -> dict[str, Any]:
    known = kafka_client_settings(settings)
    known.pop("allow_auto_create_topics", None)
    return known


def _undated(answer: Any) -> Any:
    if isinstance(answer, dict):
        return {key: _undated(value) for key, value in answer.items() if key not in DATES}
    return [_undated(one) for one in answer] if isinstance(answer, list) else answer


def _digest(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
