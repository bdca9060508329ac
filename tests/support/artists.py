"""A link of an artist over a console of a test, and a browser or a program that opens it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from streams.contract.records import TrackDecided
from streams.services import artist_links
from streams.services.signed_links import ArtistLink, LinkSigner, SignedLink
from tests.support.console import ADDRESS, Console
from tests.support.signed_links import Visitor
from tests.support.stories import tell


@dataclass
class Artist(Visitor[ArtistLink]):
    """A visitor with a link to one track that was decided."""

    decided: TrackDecided


def link_to(console: Console, decided: TrackDecided) -> SignedLink[ArtistLink]:
    resources = console.resources
    signer = LinkSigner.from_settings(resources.settings, ADDRESS)
    return artist_links.make(resources.ledger, signer, decided.decision_id, by="test")


@pytest.fixture
def artist(opened: Callable[..., Console], url: str) -> Artist:
    console = opened(url, link_key="k" * 40)
    decided, _ = tell(console.resources.ledger, title="Song", artists=["A Singer"])
    return Artist(console, link_to(console, decided), decided)
