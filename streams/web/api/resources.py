"""The open resources of the web process: ledger, stores, and background threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from starlette.requests import Request

from streams.media.artefacts import ArtefactStore
from streams.media.fetch import Fetcher
from streams.media.kept_audio import KeptUploads
from streams.runtime.settings import Settings
from streams.services.webhooks import Sender
from streams.store.audit import Entry, Views
from streams.store.database import Ledger
from streams.store.outbox import Relay


@dataclass(frozen=True)
class AppResources:
    """Open resources of one process; ``views`` records who viewed what."""

    settings: Settings
    ledger: Ledger
    store: ArtefactStore
    uploads: KeptUploads
    fetcher: Fetcher
    relay: Relay
    views: Views
    sender: Sender

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, *, relaying: bool = True) -> Iterator["AppResources"]:
        """Open everything, start the threads (``relaying``: those that go out), close it.

        Raises:
            LedgerAway: the database does not answer; try again later.
        """
        ledger = Ledger.open(settings.ledger)
        resources = cls(
            settings,
            ledger,
            ArtefactStore.open(settings.store),
            KeptUploads.open(settings),
            Fetcher.from_settings(settings),
            Relay(ledger, settings),
            Views(ledger),
            Sender.from_settings(ledger, settings),
        )
        resources.uploads.clean()
        resources.views.start()
        if relaying:
            resources.relay.start()
            resources.sender.start()
        try:
            yield resources
        finally:
            resources.sender.stop()
            resources.relay.stop()
            resources.views.stop()
            ledger.close()

    def note_view(self, actor: str, what: str, subject: str = "") -> None:
        """Record that an account viewed something."""
        self.views.note(Entry(actor, what, subject, {}, datetime.now(UTC)))


def resources_of(request: Request) -> AppResources:
    """Return the resources of the application that serves a request."""
    state: Any = request.app.state
    return cast(AppResources, state.resources)
