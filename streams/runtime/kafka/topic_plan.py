"""What the topics should be, what a broker has, and the difference as changes.

``target_shapes`` defines how many partitions, replicas and how much retention a topic gets.
``plan`` compares and changes nothing; ``apply`` does what can be done without harm. Partitions are
added only when asked for: a track's later events would go to another partition than those that
still wait, so its order would be lost. Replicas are moved by Kafka's own tools alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

from streams.contract import topics
from streams.contract.dead_letters import MAX_DEAD_LETTER_BYTES
from streams.runtime.kafka.clients import kafka_client_settings, opened
from streams.runtime.kafka.errors import BrokerFailed
from streams.runtime.settings import Settings

TOPIC: Final = ConfigResourceType.TOPIC
HOUR_MS: Final = 3_600_000
FOR_EVER: Final = -1

Kind = Literal["create", "configure", "grow", "note"]


@dataclass(frozen=True)
class Shape:
    """What a topic is: its configuration as far as Earmark cares."""

    partitions: int
    replication: int
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One difference, in words. ``note``: nothing here changes it."""

    topic: str
    kind: Kind
    says: str
    to: Shape


def target_shapes(settings: Settings) -> dict[str, Shape]:
    """Return every topic of this release, in the order in which an upload meets them."""
    return {name: _shape(name, settings) for name in topics.ALL}


def plan(targets: Mapping[str, Shape], there: Mapping[str, Shape]) -> list[Change]:
    """Return what differs, in the order of ``targets``; empty: nothing."""
    pairs = ((name, shape, there.get(name)) for name, shape in targets.items())
    return [change for pair in pairs for change in _differences(*pair)]


def apply(admin: Any, changes: Sequence[Change], *, grow: bool = False) -> list[Change]:
    """Do what can be done, partitions only with ``grow``; return the changes that were made.

    Raises:
        BrokerFailed: the broker refuses one; those before it are done.
    """
    done = []
    for change in changes:
        try:
            match change.kind:
                case "create":
                    create(admin, change.topic, change.to)
                case "configure":
                    configs = dict(change.to.configs)
                    admin.alter_configs([ConfigResource(TOPIC, change.topic, configs)])
                case "grow" if grow:
                    admin.create_partitions({change.topic: change.to.partitions})
                case _:
                    continue
        except (KafkaError, ValueError) as error:
            raise BrokerFailed(f"{change.topic}: the broker refuses: {error!r}") from error
        done.append(change)
    return done


def create(admin: Any, name: str, shape: Shape) -> None:
    """Create a topic; one that is there already, perhaps since a moment ago, is left alone."""
    counts = {"num_partitions": shape.partitions, "replication_factor": shape.replication}
    with suppress(TopicAlreadyExistsError):
        admin.create_topics({name: counts | {"configs": dict(shape.configs)}})


def on_broker(admin: Any) -> dict[str, Shape]:
    """Return the topics of ours that the broker has.

    Raises:
        BrokerFailed: the broker does not describe them.
    """
    try:
        names = sorted(set(admin.list_topics()) & set(topics.ALL))
        described = admin.describe_topics(names) if names else []
        resources = [ConfigResource(TOPIC, name) for name in names]
        described_configs = admin.describe_configs(resources, config_filter="all") if names else {}
    except (KafkaError, ValueError) as error:
        raise BrokerFailed(f"the broker does not describe its topics: {error!r}") from error
    configs = described_configs.get("topic", {})
    return {
        topic["name"]: Shape(
            len(topic["partitions"]),
            min((len(one["replica_nodes"]) for one in topic["partitions"]), default=0),
            {key: _value(value) for key, value in configs.get(topic["name"], {}).items()},
        )
        for topic in described
    }


@contextmanager
def open_admin(settings: Settings) -> Iterator[Any]:
    """Connect to the broker for administration.

    Raises:
        BrokerAway, BrokerRefuses: see ``clients.opened``.
    """
    options = kafka_client_settings(settings) | {"client_id": f"{settings.group_prefix}-admin"}
    del options["allow_auto_create_topics"]  # not of an admin client
    with closing(opened(settings, lambda: KafkaAdminClient(**options))) as admin:
        yield admin


def _shape(name: str, settings: Settings) -> Shape:
    dead = name in topics.DEAD
    hours = settings.dead_retention_h if dead else settings.retention_h
    for_ever = name in topics.FOR_EVER or hours == FOR_EVER
    configs = {
        # Never compacted: a track may be uploaded twice, and both uploads are history.
        "cleanup.policy": "delete",
        "retention.ms": str(FOR_EVER if for_ever else hours * HOUR_MS),
        # With one replica down, writing goes on; with more, it stops rather than lose.
        "min.insync.replicas": str(max(1, settings.replication - 1)),
    }
    if dead:
        configs["max.message.bytes"] = str(MAX_DEAD_LETTER_BYTES)
    return Shape(1 if dead else settings.partitions, settings.replication, configs)


def _differences(name: str, shape: Shape, has: Shape | None) -> Iterator[Change]:
    if has is None:
        says = f"{shape.partitions} partitions, {shape.replication} replicas"
        yield Change(name, "create", says, shape)
        return
    if has.partitions < shape.partitions:
        says = f"partitions {has.partitions} -> {shape.partitions}"
        yield Change(name, "grow", says, shape)
    elif has.partitions > shape.partitions:
        says = f"has {has.partitions} partitions, not {shape.partitions}: Kafka takes none away"
        yield Change(name, "note", says, shape)
    if has.replication != shape.replication:
        says = f"has {has.replication} replicas, not {shape.replication}: kafka-reassign-partitions"
        yield Change(name, "note", says, shape)
    # A broker that does not tell a value (the embedded one) is not asked to change it.
    wrong = {k: value for k, value in shape.configs.items() if has.configs.get(k, value) != value}
    if wrong:
        says = ", ".join(f"{key} {has.configs[key]} -> {value}" for key, value in wrong.items())
        yield Change(name, "configure", says, Shape(shape.partitions, shape.replication, wrong))


def _value(config: Any) -> str:
    return str(config["value"] if isinstance(config, dict) else config)
