"""The page of artists as JSON, for a platform that shows it itself."""

from streams.services import artist_page
from tests.support.artists import Artist


def test_the_api_has_the_content_of_the_page(artist: Artist) -> None:
    ledger = artist.console.resources.ledger
    shown = artist.program().get("artist", params={"lang": "de"}).json()
    content = artist_page.content(ledger, artist.signed.link, "de")
    assert shown == content.model_dump(mode="json")
    page = artist.browser().get(f"{artist.path}?lang=de").text
    for line in (content.headline, *content.why, *content.follows, *content.follows_not):
        assert line in page, line
