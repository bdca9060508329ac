"""A link of an artist over a console of a test, and a browser or a program that opens it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from starlette.testclient import TestClient

from streams.contract.records import TrackDecided
from streams.services import artist_links
from streams.services.signed_links import ArtistLink, LinkSigner, SignedLink
from tests.support.console import ADDRESS, Console
from tests.support.stories import tell


@dataclass
class Artist:
    """A console with one track that was decided, and a link to it."""

    console: Console
    decided: TrackDecided
    signed: SignedLink[ArtistLink]

    @property
    def path(self) -> str:
        return f"/artist/{self.signed.link.link_id}"

    def stranger(self) -> TestClient:
        return TestClient(
            self.console.app,
            base_url=ADDRESS,
            raise_server_exceptions=False,
            follow_redirects=False,
        )

    def browser(self) -> TestClient:
        """Open the link."""
        client = self.stranger()
        opened = client.get(f"/artist/open/{self.signed.token}")
        assert opened.status_code == 303, opened.text
        return client

    def program(self) -> TestClient:
        """Send the token as a platform does that shows the page itself."""
        client = self.stranger()
        client.base_url = f"{ADDRESS}/v1"
        client.headers["Authorization"] = f"Bearer {self.signed.token}"
        return client


def link_to(console: Console, decided: TrackDecided) -> SignedLink[ArtistLink]:
    resources = console.resources
    signer = LinkSigner.from_settings(resources.settings, ADDRESS)
    return artist_links.make(resources.ledger, signer, decided.decision_id, by="test")


@pytest.fixture
def artist(opened: Callable[..., Console], url: str) -> Artist:
    console = opened(url, link_key="k" * 40)
    decided, _ = tell(console.resources.ledger, title="Song", artists=["A Singer"])
    return Artist(console, decided, link_to(console, decided))
