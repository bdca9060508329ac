"""The policy in use: the configured file, or a published one of the same name and higher version.

``earmark policy publish`` sends a bundle. Once it is live, every worker uses it within seconds,
without a restart. A worker refuses a bundle that it cannot use: it keeps the running one and
reports it by a metric and a log line. To go back, publish the old content under a higher version.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import select

from streams.contract.records.policy import PolicyChanged
from streams.policy.bundle import VERSION, Bundle, BundleError, load
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
            live = live_bundles(self._ledger, self._bundle.name)
        except LedgerAway as error:  # the running policy is good enough until it is back
            log.warning("policies_not_read", error=str(error))
            return
        self._rows = rows
        bundle = newest_usable(live, self._bundle, self._refuse)
        if bundle is not self._bundle:
            self._take(bundle)

    def _refuse(self, change: PolicyChanged, error: BundleError) -> None:
        if change.change_id not in self._refused:
            self._refused.add(change.change_id)
            metrics.POLICY_REFUSED.inc()
            log.error("policy_refused", error=str(error), running=self._bundle.digest)

    def _take(self, bundle: Bundle) -> None:
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


def live_bundles(ledger: Ledger, name: str) -> list[PolicyChanged]:
    """Return the bundles of a name that are live, those without a version first, then the highest.

    Those may be unusable; see ``newest_usable``.
    """
    changes = changes_of(ledger, kind="bundle", name=name)
    latest = {change.policy.digest: change for change in changes}
    live = [change for change in latest.values() if change.state == "live"]
    return sorted(live, key=_order, reverse=True)


def newest_usable(
    live: Iterable[PolicyChanged],
    running: Bundle,
    refuse: Callable[[PolicyChanged, BundleError], None] = lambda change, error: None,
) -> Bundle:
    """Return the highest of the live bundles that can be used, else the running one.

    ``refuse`` is called with each above it that cannot: it hides no other.
    """
    for change in live:
        if _order(change) <= (False, version_of(running.version)):
            break
        try:
            return _bundle_of(change)
        except BundleError as error:
            refuse(change, error)
    return running


def _bundle_of(change: PolicyChanged) -> Bundle:
    name = f"{change.policy.name} {change.policy.version}"
    bundle = parse_bundle(change.text or "", name)
    if bundle.ref != change.policy:
        raise BundleError(f"{name}: it is {bundle.version} here, and its digest {bundle.digest}")
    return bundle


def _order(change: PolicyChanged) -> tuple[bool, tuple[int, ...]]:
    version = change.policy.version
    is_version = re.fullmatch(VERSION, version, re.ASCII) is not None
    return not is_version, version_of(version) if is_version else ()
