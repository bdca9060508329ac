"""Use cases of policies: release a bundle, disable or enable a rule, reopen tracks.

A change that can restrict more than before (``policy.changes``) goes live once two people have
approved it. Where two or more accounts may release policies, approvers need one of those. The
operator's name is recorded and not verified: restrict access to the broker and the ledger.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from detector.errors import SingleReason
from streams.contract import topics
from streams.contract.records import Cause, stable_id
from streams.contract.records.policy import PolicyChanged, TrackReopened
from streams.policy.bundle import Bundle, load
from streams.policy.changes import Change, changes, needs_two
from streams.runtime.kafka.clients import send_all
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.settings import Settings
from streams.services.accounts import users
from streams.services.accounts.roles import Right
from streams.services.policies.breaker import switched
from streams.store import audit, outbox
from streams.store.database import Ledger
from streams.store.policy_releases import (
    changes_of,
    live_bundles,
    newest_usable,
    version_of,
)

PEOPLE_NEEDED: Final = 2


class NotReleased(SingleReason, reason="not_released"):
    """A policy or rule cannot be released."""


class UnknownRule(NotReleased):
    """The running policy has no rule of that name."""


@dataclass(frozen=True)
class Release:
    """A bundle that was proposed or is live, how it differs, and the approvers by name."""

    changed: PolicyChanged
    changes: tuple[Change, ...]
    running: Bundle
    by: str
    approvers: tuple[str, ...]


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

    Raises:
        NotReleased: it could never take over, nothing would change, or ``by`` has no such right.
        BrokerAway: the release is stored and in use; its event is sent later.
    """
    live = running(settings, ledger)
    if bundle.name != live.name:
        raise NotReleased(f"the running policy is called {live.name!r}, and this {bundle.name!r}")
    if bundle.digest == live.digest:
        raise NotReleased("this policy is running already")
    if version_of(bundle.version) <= version_of(live.version):
        raise NotReleased(
            f"version {bundle.version} is not above the running {live.version}: raise version:"
        )
    user_id, name = approver(ledger, by)
    differences = changes(live, bundle)
    before = _approved(ledger, bundle)
    again = user_id.casefold() in {person.casefold() for person in before}
    approved = before if again else (*before, user_id)
    waits = needs_two(differences) and len(approved) < PEOPLE_NEEDED
    state: Literal["proposed", "live"] = "proposed" if waits else "live"
    now = datetime.now(UTC)
    changed = PolicyChanged(
        change_id=stable_id("pol", bundle.digest, state, *approved, now.isoformat()),
        kind="bundle",
        policy=bundle.ref,
        state=state,
        text=text,
        approved_by=approved,
        why=why,
        changed_by=user_id,
        changed_at=now,
    )
    if not dry_run:
        _publish(settings, ledger, changed)
    names = users.names(ledger)
    approvers = tuple(names.get(person, person) for person in approved)
    return Release(changed, tuple(differences), live, name, approvers)


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

    Its mode in the bundle does not matter. Anyone on call may disable; enabling is a release.

    Raises:
        NotReleased: there is no such rule, or ``by`` may not enable one.
        BrokerAway: the change is stored and in use; its event is sent later.
    """
    live = running(settings, ledger)
    if rule_id not in {rule.id for rule in live.rules}:
        raise UnknownRule(f"{live.name} {live.version} has no rule {rule_id!r}")
    user_id, name = (by, by) if state == "killed" else approver(ledger, by)
    if not dry_run:
        changed = switched(live.ref, rule_id, state, user_id, why, datetime.now(UTC))
        _publish(settings, ledger, changed)
    return name


def _publish(settings: Settings, ledger: Ledger, changed: PolicyChanged) -> None:
    """Store a change with its audit entry in one transaction, then send its event."""
    subject = changed.rule_id or f"{changed.policy.name} {changed.policy.version}"
    detail = {"digest": changed.policy.digest, "state": changed.state, "why": changed.why}
    entry = audit.Entry(changed.changed_by, f"policy_{changed.kind}_changed", subject, detail)
    with audit.transaction(ledger, entry) as connection:
        outbox.publish(connection, topics.POLICIES_CHANGED, changed)
    relay = outbox.Relay(ledger, settings)
    try:
        while relay.relay() == outbox.BATCH:
            pass
    except BrokerAway as error:
        raise BrokerAway(f"the change is stored and holds; its event waits: {error}") from error
    finally:
        relay.stop()


def reopen(settings: Settings, track_ids: Iterable[str], cause: Cause) -> int:
    """Have tracks decided again by the running policy; return how many."""
    events = (TrackReopened(track_id=track, cause=cause, force=True) for track in track_ids)
    return send_all(settings, "operator", topics.REOPENED, events)


def running(settings: Settings, ledger: Ledger) -> Bundle:
    """Return the policy that workers decide by: the newer of the published and the file."""
    configured = load(settings.policy)
    return newest_usable(live_bundles(ledger, configured.name), configured)


def _approved(ledger: Ledger, bundle: Bundle) -> tuple[str, ...]:
    """Return who has approved a bundle that is still proposed."""
    changes = changes_of(ledger, kind="bundle", name=bundle.name, digest=bundle.digest)
    return changes[-1].approved_by if changes and changes[-1].state == "proposed" else ()


def approver(ledger: Ledger, name: str) -> tuple[str, str]:
    """Return id and name of an approver; raise NotReleased where no such user may release."""
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
