"""Releasing a policy: proposed, approved, live; rules switched off and on; tracks reopened.

A change that can restrict more than before (``policy.changes``) goes live only when two people
have approved it. Where two people or more have accounts that may release policies, approvers must
be among them. That whoever runs the command is who they say is taken on trust, and noted: anyone
who can write to the broker and the ledger could approve in any name. Keep both to people whom
you would let release a policy.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from kafka.errors import KafkaError
from sqlalchemy import select

from detector.errors import BadInput
from streams.contract.records import PolicyRef, Record, parse, stable_id
from streams.contract.records.policy import PolicyChanged
from streams.policy.bundle import Bundle
from streams.policy.bundle import parse as parse_bundle
from streams.policy.changes import Change, changes, needs_two
from streams.runtime.kafka.clients import open_producer
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.settings import Settings
from streams.services.accounts import users
from streams.services.accounts.roles import Right
from streams.store.database import Ledger
from streams.store.policy_releases import live_bundle, version_of
from streams.store.tables import POLICIES

PEOPLE_NEEDED: Final = 2


class NotReleased(BadInput):
    """A policy cannot go live as it is asked for."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_released", detail)


@dataclass(frozen=True)
class Release:
    """What is to be told, and why it is live or not yet."""

    changed: PolicyChanged
    changes: tuple[Change, ...]
    needs_two: bool


def said_about(ledger: Ledger, name: str) -> list[PolicyChanged]:
    """Return all that was said about the policies of one name."""
    with ledger.reading() as connection:
        texts = connection.scalars(select(POLICIES.c.record).where(POLICIES.c.name == name)).all()
    return [parse(PolicyChanged, text.encode()) for text in texts]


def running(ledger: Ledger, configured: Bundle) -> Bundle:
    """Return the policy that workers decide by, as far as the ledger and the file tell."""
    newest = live_bundle(said_about(ledger, configured.name))
    if newest is None or newest.text is None:
        return configured
    if version_of(newest.policy.version) <= version_of(configured.version):
        return configured
    return parse_bundle(newest.text, newest.policy.name)


def publish(
    bundle: Bundle, text: str, live: Bundle, said: Iterable[PolicyChanged], by: str, why: str,
    now: datetime,
) -> Release:  # fmt: skip
    """Propose a bundle, or approve one that was proposed, in the name of ``by``.

    Raises:
        NotReleased: it could never take over, or nothing would change.
    """
    if bundle.name != live.name:
        raise NotReleased(f"the running policy is called {live.name!r}, and this {bundle.name!r}")
    if bundle.digest == live.digest:
        raise NotReleased("this policy is running already")
    if version_of(bundle.version) <= version_of(live.version):
        raise NotReleased(
            f"version {bundle.version} is not above the running {live.version}: raise version:"
        )
    found = changes(live, bundle)
    two = needs_two(found)
    known = [one for one in said if one.kind == "bundle" and one.policy.digest == bundle.digest]
    newest = max(known, key=lambda one: (one.changed_at, one.change_id), default=None)
    before = newest.approved_by if newest and newest.state == "proposed" else ()
    again = by.casefold() in {one.casefold() for one in before}
    approved = before if again else (*before, by)
    state: Literal["proposed", "live"] = (
        "proposed" if two and len(approved) < PEOPLE_NEEDED else "live"
    )
    changed = PolicyChanged(
        change_id=stable_id("pol", bundle.digest, state, *approved, now.isoformat()),
        kind="bundle",
        policy=bundle.ref,
        state=state,
        text=text,
        approved_by=approved,
        why=why,
        changed_by=by,
        changed_at=now,
    )
    return Release(changed, tuple(found), two)


def approver(ledger: Ledger, given: str) -> tuple[str, str]:
    """Return who approves, as events name them and as people do.

    Raises:
        NotReleased: nobody of that name may release policies here.
    """
    name = " ".join(unicodedata.normalize("NFKC", given).split())
    people = [one for one in users.everybody(ledger) if one.may(Right.POLICY)]
    if len(people) < PEOPLE_NEEDED:  # a trial on one machine: names are enough
        return name, name
    for one in people:
        if name.casefold() in (one.name.casefold(), one.user_id.casefold()):
            return one.user_id, one.name
    known = ", ".join(sorted(one.name for one in people))
    raise NotReleased(
        f"{name!r} has no account here that may release policies: --by takes one of {known}"
    )


def named(ledger: Ledger, approved_by: str) -> str:
    """Return what people call an approver."""
    with ledger.reading() as connection:
        return users.names(connection).get(approved_by, approved_by)


def switched(
    policy: PolicyRef,
    rule_id: str,
    state: Literal["killed", "on"],
    by: str,
    why: str,
    now: datetime,
) -> PolicyChanged:
    """Return the event by which a rule is switched off or on, whatever the bundle says."""
    return PolicyChanged(
        change_id=stable_id("pol", policy.name, rule_id, state, now.isoformat()),
        kind="rule",
        policy=policy,
        state=state,
        rule_id=rule_id,
        why=why,
        changed_by=by,
        changed_at=now,
    )


def send(settings: Settings, topic: str, records: Iterable[Record]) -> int:
    """Publish records and wait until the broker has them; return how many.

    Raises:
        BrokerAway: it does not have all of them; sending them again is harmless.
    """
    producer = open_producer(settings, "operator")
    try:
        sent: list[Any] = []
        count = 0
        for record in records:
            sent.append(producer.send(topic, key=record.key.encode(), value=record.to_bytes()))
            count += 1
            if len(sent) >= 1_000:
                _await(sent, settings)
                sent = []
        _await(sent, settings)
        return count
    except KafkaError as error:
        raise BrokerAway(f"no acknowledgement: {error!r}") from error
    finally:
        producer.close(timeout=5)


def _await(sent: Iterable[Any], settings: Settings) -> None:
    for future in sent:
        future.get(timeout=2 * settings.request_timeout_s)
