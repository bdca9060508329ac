"""The policy in use: the configured file, or a published one of the same name and higher version.

``earmark policy publish`` sends a bundle. Once it is live, every worker uses it within seconds,
without a restart. A worker refuses a bundle that it cannot use: it keeps the running one and
reports it by a metric and a log line. To go back, publish the old content under a higher version.
"""

import threading
import time
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import select

from streams.contract.records.policy import PolicyChanged
from streams.policy.bundle import Bundle, BundleError, load
from streams.policy.bundle import parse as parse_bundle
from streams.runtime import metrics
from streams.store.database import Ledger, LedgerAway, count, parsed
from streams.store.tables import POLICIES

log = structlog.get_logger()

LOOK_S: Final = 2.0


def version_of(text: str) -> tuple[int, ...]:
    """Return a version as numbers, for comparison."""
    return tuple(int(part) for part in text.split("."))


class Policies:
    """The policy in use; safe to share by threads.

    Raises, when made:
        BundleError: the configured file cannot be used, so there is nothing to decide by.
    """

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self._bundle = load(path)
        self._ledger = ledger
        self._lock = threading.Lock()
        self._rows = -1
        self._looked = float("-inf")
        self._refused: set[str] = set()
        metrics.POLICY_INFO.labels(self._bundle.name, self._bundle.digest).set(1)
        log.info("policy_loaded", **self._bundle.ref.model_dump())

    def current(self) -> Bundle:
        """Return the policy to decide by."""
        with self._lock:
            if time.monotonic() - self._looked > LOOK_S:
                self._looked = time.monotonic()
                self._look()
            return self._bundle

    def _look(self) -> None:
        try:
            with self._ledger.reading() as connection:
                rows = count(connection, POLICIES)
            if rows == self._rows:
                return
            newest = live_bundle(self._ledger, self._bundle.name)
        except LedgerAway as error:  # the running policy is good enough until it is back
            log.warning("policies_not_read", error=str(error))
            return
        self._rows = rows
        if newest is not None and newest.policy.digest != self._bundle.digest:
            self._take(newest)

    def _take(self, newest: PolicyChanged) -> None:
        if version_of(newest.policy.version) <= version_of(self._bundle.version):
            return
        name = f"{newest.policy.name} {newest.policy.version}"
        try:
            bundle = parse_bundle(newest.text or "", name)
            if bundle.digest != newest.policy.digest:
                raise BundleError(f"{name}: its digest is {bundle.digest} here")
        except BundleError as error:
            if newest.change_id not in self._refused:
                self._refused.add(newest.change_id)
                metrics.POLICY_REFUSED.inc()
                log.error("policy_refused", error=str(error), running=self._bundle.digest)
            return
        log.info("policy_changed", was=self._bundle.digest, **bundle.ref.model_dump())
        metrics.POLICY_INFO.labels(self._bundle.name, self._bundle.digest).set(0)
        metrics.POLICY_INFO.labels(bundle.name, bundle.digest).set(1)
        self._bundle = bundle


def changes_of(ledger: Ledger, **key: str) -> list[PolicyChanged]:
    """Return every change to policies with these values of columns, in order."""
    question = select(POLICIES.c.record).filter_by(**key)
    in_order = question.order_by(POLICIES.c.changed_at, POLICIES.c.change_id)
    with ledger.reading() as connection:
        return parsed(connection, PolicyChanged, in_order)


def text_of(ledger: Ledger, digest: str) -> tuple[str, str] | None:
    """Return name and text of the published policy with a digest; None: none was published."""
    for change in changes_of(ledger, kind="bundle", digest=digest):
        if change.text:
            return change.policy.name, change.text
    return None


def live_bundle(ledger: Ledger, name: str) -> PolicyChanged | None:
    """Return the bundle of a name that is live: of those not withdrawn, the highest version."""
    changes = changes_of(ledger, kind="bundle", name=name)
    latest = {change.policy.digest: change for change in changes}
    live = [change for change in latest.values() if change.state == "live"]
    return max(live, key=lambda change: version_of(change.policy.version), default=None)
