"""Use cases of policies: release a bundle, disable or enable a rule, reopen tracks.

A change that can restrict more than before (``policy.changes``) goes live only when two people
have approved it. Where two people or more have accounts that may release policies, approvers must
be among them. The name of the operator is recorded and not verified: anyone who can write to the
broker and the ledger could approve in any name. Restrict both to people who may release a policy.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from kafka.errors import KafkaError

from detector.errors import BadInput
from streams.contract import topics
from streams.contract.records import Cause, PolicyRef, Record, stable_id
from streams.contract.records.policy import PolicyChanged, TrackReopened
from streams.policy.bundle import Bundle, load
from streams.policy.bundle import parse as parse_bundle
from streams.policy.changes import Change, changes, needs_two
from streams.runtime.kafka.clients import open_producer
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.settings import Settings
from streams.services.accounts import users
from streams.services.accounts.roles import Right
from streams.store.database import Ledger
from streams.store.policy_releases import changes_of, live_bundle, version_of

PEOPLE_NEEDED: Final = 2


class NotReleased(BadInput):
    """A policy or rule cannot be released."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_released", detail)


class UnknownRule(NotReleased):
    """The running policy has no rule of that name."""


@dataclass(frozen=True)
class Release:
    """A bundle that was proposed or is live, and the differences that decide which."""

    changed: PolicyChanged
    changes: tuple[Change, ...]
    needs_two: bool
    running: Bundle
    by: str = ""
    """The name of the approver."""
    approvers: tuple[str, ...] = ()
    """The names of all approvers so far."""


def release(
    settings: Settings,
    ledger: Ledger,
    bundle: Bundle,
    text: str,
    by: str,
    why: str,
    *,
    dry_run: bool = False,
) -> Release:
    """Publish a bundle in the name of ``by``: it goes live, or waits for a second approver.

    The event is the audit entry: it names the approvers, the reason and the time.

    Raises:
        NotReleased: it could never take over, nothing would change, or ``by`` has no such right.
    """
    live = running(ledger, load(settings.policy))
    user_id, name = approver(ledger, by)
    history = changes_of(ledger, bundle.name)
    proposed = propose(bundle, text, live, history, user_id, why, datetime.now(UTC))
    if not dry_run:
        send(settings, topics.POLICIES_CHANGED, [proposed.changed])
    names = tuple(name_of(ledger, user) for user in proposed.changed.approved_by)
    return replace(proposed, by=name, approvers=names)


def switch_rule(
    settings: Settings,
    ledger: Ledger,
    rule_id: str,
    state: Literal["killed", "on"],
    by: str,
    why: str,
    *,
    dry_run: bool = False,
) -> str:
    """Disable or enable a rule of the running policy; return the name of the person.

    Anyone on call may disable; enabling is a release. The event is the audit entry.

    Raises:
        NotReleased: there is no such rule, or ``by`` may not enable one.
    """
    live = running(ledger, load(settings.policy))
    if rule_id not in {rule.id for rule in live.rules}:
        raise UnknownRule(f"{live.name} {live.version} has no rule {rule_id!r}")
    user_id, name = (by, by) if state == "killed" else approver(ledger, by)
    if not dry_run:
        changed = switched(live.ref, rule_id, state, user_id, why, datetime.now(UTC))
        send(settings, topics.POLICIES_CHANGED, [changed])
    return name


def reopen(settings: Settings, track_ids: Iterable[str], cause: Cause) -> int:
    """Have tracks decided again by the running policy; return how many."""
    events = (TrackReopened(track_id=track, cause=cause, force=True) for track in track_ids)
    return send(settings, topics.REOPENED, events)


def running(ledger: Ledger, configured: Bundle) -> Bundle:
    """Return the policy that workers decide by: the newer of the published and the file."""
    newest = live_bundle(changes_of(ledger, configured.name))
    if newest is None or newest.text is None:
        return configured
    if version_of(newest.policy.version) <= version_of(configured.version):
        return configured
    return parse_bundle(newest.text, newest.policy.name)


def propose(
    bundle: Bundle, text: str, live: Bundle, history: Iterable[PolicyChanged], by: str, why: str,
    now: datetime,
) -> Release:  # fmt: skip
    """Return the event that proposes a bundle, or approves a proposed one.

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
    differences = changes(live, bundle)
    two = needs_two(differences)
    earlier = [one for one in history
               if one.kind == "bundle" and one.policy.digest == bundle.digest]  # fmt: skip
    newest = max(earlier, key=lambda one: (one.changed_at, one.change_id), default=None)
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
    return Release(changed, tuple(differences), two, live)


def approver(ledger: Ledger, name: str) -> tuple[str, str]:
    """Return id and name of an approver.

    Raises:
        NotReleased: no user of that name may release policies here.
    """
    name = " ".join(unicodedata.normalize("NFKC", name).split())
    people = [user for user in users.everybody(ledger) if user.may(Right.POLICY)]
    if len(people) < PEOPLE_NEEDED:  # a trial on one machine: names are enough
        return name, name
    for user in people:
        if name.casefold() in (user.name.casefold(), user.user_id.casefold()):
            return user.user_id, user.name
    known = ", ".join(sorted(user.name for user in people))
    raise NotReleased(
        f"{name!r} has no account here that may release policies: --by takes one of {known}"
    )


def name_of(ledger: Ledger, user_id: str) -> str:
    """Return the name of an approver."""
    return users.names(ledger).get(user_id, user_id)


def switched(
    policy: PolicyRef,
    rule_id: str,
    state: Literal["killed", "on"],
    by: str,
    why: str,
    now: datetime,
) -> PolicyChanged:
    """Return the event that disables or enables a rule, whatever its mode in the bundle."""
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
