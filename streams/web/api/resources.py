"""The open resources of the web process: ledger, stores, and background threads."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request

from streams.media.artefacts import ArtefactStore
from streams.media.fetch import Fetcher
from streams.media.kept_audio import KeptUploads
from streams.policy.bundle import Bundle
from streams.runtime.settings import Settings
from streams.services import appeal_files, rights_requests
from streams.services.refused_links import Refusals
from streams.services.statement_delivery import StatementSender
from streams.services.webhooks import Sender
from streams.store import audit
from streams.store.audit import Entry, Views
from streams.store.database import Ledger
from streams.store.outbox import Relay
from streams.store.policy_releases import Policies
from streams.web.api.problems import ProblemError

T = TypeVar("T")
MOST_CACHED: Final = 10_000
MOST_ARRIVING: Final = 256  # uploads at once, in this process
MOST_OF_CALLER: Final = 32


class Cache:
    """Values by key, the latest ``MOST_CACHED``; threads share it."""

    def __init__(self) -> None:
        self._values: dict[Hashable, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T], lasts_s: float = float("inf")) -> T:
        """Return the value of a key; ``make`` returns it, again after ``lasts_s``."""
        cached = self._values.get(key)
        if cached is None or time.monotonic() - cached[0] > lasts_s:
            cached = time.monotonic(), make()
        with self._lock:
            self._values.pop(key, None)
            self._values[key] = cached
            if len(self._values) > MOST_CACHED:
                del self._values[next(iter(self._values))]
        value: T = cached[1]
        return value


class Arrivals:
    """Uploads whose bodies arrive now, by caller: each may fill the disk with its file."""

    def __init__(self) -> None:
        self._arriving: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def one_of(self, caller: str) -> Iterator[None]:
        """Count one arriving upload; raise ``ProblemError`` where that is one too many."""
        with self._lock:
            if self._arriving[caller] >= MOST_OF_CALLER or self._arriving.total() >= MOST_ARRIVING:
                detail = "too many uploads arrive at once: wait for the end of some, then retry"
                raise ProblemError(429, "too_many_requests", detail, {"Retry-After": "5"})
            self._arriving[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._arriving[caller] -= 1
                self._arriving += Counter()  # forgets those at zero


class AppResources:
    """Open resources of one process; ``views`` records who viewed what."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ledger = Ledger.of(settings)
        self.store = ArtefactStore.open(settings.store)
        self.uploads = KeptUploads.open(settings)
        self.fetcher = Fetcher.from_settings(settings)
        self.relay = Relay(self.ledger, settings)
        self.views = Views(self.ledger)
        self.evidence = appeal_files.folder_of(self.uploads, settings)
        self.cache = Cache()
        self.refusals = Refusals(self.ledger)
        self.arrivals = Arrivals()
        self.sender = Sender.from_settings(self.ledger, settings)
        self.statements = StatementSender.from_settings(self.ledger, settings)

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, *, relaying: bool = True) -> Iterator["AppResources"]:
        """Open everything, start the threads (``relaying``: those that go out), close it.

        Raises:
            LedgerAway: the database does not answer; try again later.
        """
        resources = cls(settings)
        audit.begin_key(resources.ledger)
        resources.uploads.clean()
        appeal_files.clean(resources.ledger, resources.evidence)
        rights_requests.clean(resources.ledger)
        resources.views.start()
        if relaying:
            resources.relay.start()
            resources.sender.start()
            resources.statements.start()
        try:
            yield resources
        finally:
            resources.statements.stop()
            resources.sender.stop()
            resources.relay.stop()
            resources.views.stop()
            resources.ledger.close()

    def policy(self) -> Bundle:
        """Return the policy in force; the first time it is loaded."""
        policies: Policies = self.cache.get(
            Policies, lambda: Policies(self.settings.policy, self.ledger)
        )
        return policies.current()

    def note_view(self, actor: str, what: str, subject: str = "") -> None:
        """Record that an account viewed something."""
        self.views.note(Entry(actor, what, subject, {}, datetime.now(UTC)))


def resources_of(request: Request) -> AppResources:
    """Return the resources of the application that serves a request."""
    resources: AppResources = request.app.state.resources
    return resources


Resources = Annotated[AppResources, Depends(resources_of)]
