"""The console's page of the links of artists."""

import re
from collections.abc import Callable

from tests.support.console import Console
from tests.support.stories import tell


def test_a_link_is_shown_once_and_revoked(opened: Callable[..., Console], url: str) -> None:
    console = opened(url, link_key="k" * 40)
    decided, _ = tell(console.resources.ledger)
    lead = console.browser("lead")
    assert f"/links?decision={decided.decision_id}" in lead.get("/tracks/T-1").text
    made = lead.submit("/links", decision=decided.decision_id)
    shown = re.search(r"http://testserver/artist/open/(lnk_\w+)\.(\S+)\.([\w-]+)<", made.text)
    assert shown is not None, made.text
    listed = lead.get("/links")
    assert shown[1] in listed.text
    assert shown[3] not in listed.text, "the signature is not shown again"
    assert lead.submit(f"/links/{shown[1]}/revoke").status_code == 303
    assert "revoked" in lead.get("/links").text
    assert "There is no link lnk_x." in lead.submit("/links/lnk_x/revoke").text


def test_without_a_key_the_page_names_the_setting(console: Console) -> None:
    decided, _ = tell(console.resources.ledger)
    answer = console.browser("lead").submit("/links", decision=decided.decision_id)
    assert answer.status_code == 422
    assert "EARMARK_LINK_KEY" in answer.text
    assert "There is no decision dec_9." in (
        console.browser("lead").submit("/links", decision="dec_9").text
    )
