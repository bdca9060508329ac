"""tracks.decided -> the catalogue bank (``EARMARK_CATALOGUE_BANK``): a decided track is known.

The landmarks are in the artefact store, so nothing is decoded. Adding a track again changes
nothing. Only an upload's first decision counts, so that a track which a person removed stays out.
``follow`` fills a replica: the bank of another index, as a process of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from detector.errors import Fatal
from detector.matching.landmarks import NotLandmarks
from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.contract.records import TrackDecided
from streams.contract.vocabulary import BankKind
from streams.known.banks import Bank, BankError, Banks, By, described
from streams.known.index import Item, Refused, open_index
from streams.media.artefacts import ArtefactStore
from streams.runtime import metrics
from streams.runtime.kafka.batch_consumer import consume
from streams.runtime.kafka.handler import Handled, Handler, blocking, read_each
from streams.runtime.settings import Settings

WHO: Final = "earmark"
WHY: Final = "decided"


class BankReplication:
    """Adds decided tracks to the catalogue bank; blocks, and may be called again at any time."""

    def __init__(self, banks: Banks, store: ArtefactStore, bank: Bank) -> None:
        """Take a bank as it is, or create it; raise Fatal where it is no catalogue."""
        self._banks, self._store, self._bank = banks, store, bank.name
        try:
            if bank.name not in banks.all():
                banks.create(bank, By(WHO, "fills itself with what is decided"))
        except BankError as error:
            if error.reason != "bank_exists":  # another worker was quicker
                raise
        kind = banks.get(bank.name).kind
        if kind is not BankKind.CATALOGUE:
            raise Fatal(f"EARMARK_CATALOGUE_BANK: {bank.name} is of kind {kind}, not catalogue")

    def add(self, decided: Iterable[TrackDecided]) -> None:
        """Add the recordings of first decisions, in order; raise Transient: call it again later."""
        items = {
            event.track_id: item
            for event in decided
            if event.cause is None and (item := self._item(event)) is not None
        }
        if not items:
            return
        changed = self._banks.add(self._bank, items.values(), By(WHO, WHY))
        for result, count in vars(changed).items():
            metrics.BANK_ITEMS.labels(result).inc(count)

    def _item(self, decided: TrackDecided) -> Item | None:
        kept = self._store.acoustics(decided.content_sha256)
        if kept is None:  # the store was emptied, or an earlier release decoded it
            metrics.BANK_ITEMS.labels("not_heard").inc()
            return None
        try:
            track, content = decided.track_id, decided.content_sha256
            return Item.of(self._bank, track, content, kept.landmarks, pcm_sha256=kept.pcm_sha256)
        except (NotLandmarks, Refused):  # silence, a tone, a jingle: found everywhere or nowhere
            metrics.BANK_ITEMS.labels("indistinct").inc()
            return None


@contextmanager
def open_replication(settings: Settings) -> Iterator[BankReplication | None]:
    """Open the bank of the settings; None where the setting is off."""
    if (name := settings.catalogue_bank) is None:
        yield None
        return
    bank = described({"name": name, "kind": BankKind.CATALOGUE, "owner": "Earmark"})
    with open_index(settings.index_url) as index:
        yield BankReplication(Banks(index), ArtefactStore.open(settings.store), bank)


def follow(settings: Settings, replica: str) -> int:
    """Keep the catalogue bank of this index up to date, until a signal; return the exit code.

    ``replica`` names its consumer group, which reads every decision that the topic still has.
    """
    name = f"follow-{replica}"
    return consume(name, [topics.DECIDED], settings, partial(_following, name))


@contextmanager
def _following(name: str, settings: Settings) -> Iterator[Handler]:
    with open_replication(settings) as catalogue:

        def handle(batch: Sequence[Message]) -> Handled:
            good, refused = read_each(batch, lambda message: message.record(TrackDecided))
            if catalogue is not None:
                catalogue.add(record for _, record in good)
            return Handled(refused)

        yield blocking(name, handle)
