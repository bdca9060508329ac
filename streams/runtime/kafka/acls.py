"""What each process may do on the broker, from the registry of processes: least rights.

With a Kafka user for each process, one that is taken over reads and writes no more than it has to.
READ and WRITE of a topic include DESCRIBE.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import KafkaError, SecurityDisabledError

from streams.contract import topics
from streams.contract.processes import GROUPS, PROCESSES, Process
from streams.runtime.kafka.errors import BrokerFailed
from streams.runtime.settings import Settings

TOPIC, GROUP = ResourceType.TOPIC, ResourceType.GROUP
READ, WRITE, DESCRIBE = ACLOperation.READ, ACLOperation.WRITE, ACLOperation.DESCRIBE


def targets(settings: Settings, principal: str) -> set[ACL]:
    """Return the rights of all processes; ``principal``: their users' names, with {process}."""
    return {
        ACL(
            *(principal.format(process=process.name), "*", operation, ACLPermissionType.ALLOW),
            ResourcePattern(kind, name),
        )
        for process in PROCESSES.values()
        for operation, kind, name in _needs(process, settings.group_prefix)
    }


def differences(admin: Any, rights: set[ACL]) -> tuple[list[ACL], list[ACL]]:
    """Return the rights that are missing, and those that the same users have beyond ``rights``.

    Raises:
        BrokerFailed: the broker has no authorizer, or does not show its rights.
    """
    anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    every = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, anything)
    try:
        there, _ = admin.describe_acls(every)
    except SecurityDisabledError as error:
        raise BrokerFailed("the broker has no authorizer (authorizer.class.name)") from error
    except (KafkaError, ValueError) as error:
        raise BrokerFailed(f"the broker does not show its rights: {error!r}") from error
    users = {acl.principal for acl in rights}
    ours = {acl for acl in there if acl.principal in users}
    return sorted(rights - ours, key=as_text), sorted(ours - rights, key=as_text)


def grant(admin: Any, missing: Iterable[ACL]) -> None:
    """Create the rights.

    Raises:
        BrokerFailed: the broker refuses one.
    """
    if failed := admin.create_acls(list(missing))["failed"]:
        raise BrokerFailed(f"the broker refuses to grant rights: {failed[0].__name__}")


def as_text(acl: ACL) -> str:
    """Return a right for people."""
    resource = acl.resource_pattern
    kind = resource.resource_type.name.lower()
    return f"{acl.principal} {acl.operation.name} {kind} {resource.resource_name}"


def _needs(process: Process, prefix: str) -> Iterator[tuple[ACLOperation, ResourceType, str]]:
    dead = (topics.dead(topic) for topic in process.reads if topic in topics.EVENTS)
    yield from ((READ, TOPIC, topic) for topic in process.reads)
    yield from ((WRITE, TOPIC, topic) for topic in (*process.writes, *dead))
    if process.reads:
        yield (READ, GROUP, f"{prefix}.{process.name}")
    if process.watches:
        for topic in topics.ALL:
            yield (DESCRIBE, TOPIC, topic)
            yield (ACLOperation.DESCRIBE_CONFIGS, TOPIC, topic)
        yield from ((DESCRIBE, GROUP, f"{prefix}.{group}") for group in GROUPS)
