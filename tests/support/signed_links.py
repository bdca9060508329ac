"""Tests of signed links, of both kinds: who signs, what is refused, what is audited, who visits."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import pytest
from starlette.testclient import TestClient

from streams.services import artist_links, signed_links
from streams.services.signed_links import ArtistLink, Link, LinkRefused, LinkSigner, SignedLink
from streams.store import audit
from streams.store.database import Ledger
from tests.support.console import ADDRESS, Console
from tests.support.stories import tell

OLD, NEW = b"o" * 40, b"n" * 40
SIGNER = LinkSigner((NEW, OLD), "https://music.example", 200)

L = TypeVar("L", bound=Link)


def audited(ledger: Ledger, subject: str) -> list[str]:
    """Return the audited actions about a subject, the latest first."""
    return [row["action"] for row in audit.listed(ledger, subject, None, 100).rows]


def refused(ledger: Ledger, token: str, signer: LinkSigner = SIGNER) -> str:
    """Return the reason for which a token is refused."""
    with pytest.raises(LinkRefused) as caught:
        signed_links.open_link(ledger, signer, token)
    assert not token or token not in str(caught.value), "errors are logged, a link must not be"
    return caught.value.reason


@pytest.fixture
def signed(ledger: Ledger) -> SignedLink[ArtistLink]:
    decided, _ = tell(ledger)
    return artist_links.make(ledger, SIGNER, decided.decision_id, by="key_1")


@dataclass
class Visitor(Generic[L]):
    """A console, and a link that opens a page of it in a browser or to a program."""

    console: Console
    signed: SignedLink[L]

    @property
    def path(self) -> str:
        return self.signed.link.path

    def stranger(self) -> TestClient:
        """Return a client that has not opened the link."""
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
        assert (opened.status_code, opened.headers.get("location")) == (303, self.path)
        return client

    def program(self) -> TestClient:
        """Send the token as a platform does that shows the page itself."""
        client = self.stranger()
        client.base_url = f"{ADDRESS}/v1"
        client.headers["Authorization"] = f"Bearer {self.signed.token}"
        return client
