"""A rightsholder with a voice, a recording and a link; over a ledger, or over a console."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from streams.contract import topics
from streams.contract.records import Declaration, TrackDecided
from streams.contract.records.rights import RightsSubject
from streams.contract.records.uploads import VoiceClaim
from streams.services import rights_choices, rights_drafts, rightsholders
from streams.services.rights_choices import Choice
from streams.services.rights_requests import RightsRequest
from streams.services.rightsholders import Rightsholder
from streams.services.signed_links import LinkSigner, RightsholderLink
from streams.stages.ledger import project
from streams.store.database import Ledger
from streams.web.artist.guests import Guest
from tests.support.console import ADDRESS, Console
from tests.support.events import agreement, message
from tests.support.signed_links import Visitor
from tests.support.stories import POLICY, tell

VOICE, ISRC = "Vera Voice", "NOABC2600001"
SIGNER = LinkSigner((b"k" * 40,), "https://music.example", 200)
OWN = {"voice": (VOICE,), "recording": (ISRC,), "catalogue": ("PADPIDA1",)}


def put(ledger: Ledger, party: str = "P-7", **named: tuple[str, ...]) -> Rightsholder:
    return rightsholders.put(ledger, party, "Vera", named or OWN, by="desk")  # type: ignore[arg-type]


def link(ledger: Ledger, party: str = "P-7", **named: tuple[str, ...]) -> RightsholderLink:
    holder = put(ledger, party, **named)
    return rightsholders.make_link(ledger, SIGNER, holder.rightsholder_id, by="desk").link


def imitation(ledger: Ledger, track_id: str = "T-V", **upload: Any) -> TrackDecided:
    """Deliver and decide a track that declares the voice, without consent."""
    declared = Declaration(contains_ai="All")
    voice = VoiceClaim(depicted=VOICE.upper())
    decided, _ = tell(ledger, track_id, declared=declared, voice=voice, **upload)
    return decided


def agreed(ledger: Ledger) -> None:
    """Enter an agreement in which the rightsholder grants imitations of another voice."""
    entry = agreement(
        grantor={"party_id": "P-7", "name": "Vera"},
        subject=RightsSubject(voices=("Second Voice",)),
        uses=("voice_replica",),
    )
    project(ledger, [message(topics.RIGHTS_CHANGED, entry)])


def choice(permission: str = "refuse", **fields: Any) -> Choice:
    known = {"kind": "voice", "name": VOICE, "uses": ["voice_replica"], "permission": permission}
    theirs = rightsholders.Holdings.model_validate(OWN)
    return rights_choices.choice_of(theirs, **(known | fields))


def waiting(ledger: Ledger, opened: RightsholderLink, **fields: Any) -> RightsRequest:
    """Draft and confirm a choice."""
    made = rights_drafts.draft(ledger, POLICY, opened, choice(**fields), "I am Vera.")
    return rights_drafts.confirm(ledger, opened, made.request_id, approval=True)


class Singer(Visitor[RightsholderLink]):
    """A visitor with the link of a rightsholder."""

    @property
    def csrf(self) -> str:
        request: Any = None
        resources = self.console.resources
        return Guest(self.signed.link, self.signed.token, "en", request, resources).csrf

    def choose(self, client: TestClient, file: object = ("", b""), **fields: Any) -> Any:
        """Send the form of a choice as the page does."""
        data = {
            **{"csrf": self.csrf, "thing": f"voice:{VOICE}", "use": "voice_replica"},
            **{"permission": "refuse", "proof": "I am Vera."},
        }
        files: Any = {"file": file}
        return client.post(f"{self.path}/choose", data=data | fields, files=files)


def singer_of(console: Console, party: str = "P-7", **named: tuple[str, ...]) -> Singer:
    ledger = console.resources.ledger
    signer = LinkSigner.from_settings(console.resources.settings, ADDRESS)
    holder = put(ledger, party, **named)
    signed = rightsholders.make_link(ledger, signer, holder.rightsholder_id, by="desk")
    return Singer(console, signed)


@pytest.fixture
def singer(opened: Callable[..., Console], url: str) -> Singer:
    return singer_of(opened(url, link_key="k" * 40))
