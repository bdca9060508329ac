"""What every request stands on: the ledger, the stores, and the threads beside them."""

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
from streams.services.webhooks.sender import Sender
from streams.store.audit import Entry, Views
from streams.store.database import Ledger
from streams.store.outbox import Relay


@dataclass(frozen=True)
class House:
    """Open resources of one process; ``views`` writes down what is looked at."""

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
    def open(cls, settings: Settings, *, relaying: bool = True) -> Iterator["House"]:
        """Open everything, start the threads (``relaying``: those that go out), close it.

        Raises:
            LedgerAway: the database does not answer; try again later.
        """
        ledger = Ledger.open(settings.ledger)
        house = cls(
            settings,
            ledger,
            ArtefactStore.open(settings.store),
            KeptUploads.open(settings),
            Fetcher.from_settings(settings),
            Relay(ledger, settings),
            Views(ledger),
            Sender.from_settings(ledger, settings),
        )
        house.uploads.clean()
        house.views.start()
        if relaying:
            house.relay.start()
            house.sender.start()
        try:
            yield house
        finally:
            house.sender.stop()
            house.relay.stop()
            house.views.stop()
            ledger.close()

    def seen(self, actor: str, what: str, subject: str = "") -> None:
        """Note that somebody has looked at something."""
        self.views.note(Entry(actor, what, subject, {}, datetime.now(UTC)))


def house_of(request: Request) -> House:
    """Return the house that a request came to."""
    state: Any = request.app.state
    return cast(House, state.house)
