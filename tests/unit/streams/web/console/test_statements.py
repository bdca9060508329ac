"""Where statements go by mail, as an admin sets it in the browser."""

from collections.abc import Callable

from streams.store import audit
from streams.store import statement_deliveries as deliveries
from tests.support.console import Console
from tests.support.mail import restrict
from tests.unit.streams.services.test_statement_delivery import sender

PATH = "/admin/statements"


def test_an_address_is_set_shown_and_forgotten_and_statements_are_sent_again(
    opened: Callable[[str], Console], url: str
) -> None:
    console = opened(url)
    ledger, admin = console.resources.ledger, console.browser("admin")
    about = {"distributor": "D-1", "address": "desk@label.example", "language": "de"}
    for wrong in ({"address": "no address"}, {"language": "xx"}, {"distributor": ""}):
        assert admin.submit(PATH, **(about | wrong)).status_code == 422
    assert admin.submit(PATH, **about, digest="on").status_code == 303
    page = admin.get(PATH).text
    assert "desk@label.example" in page
    assert "de, daily digest" in page
    (entry, *_) = audit.listed(ledger, "D-1", None, 9).rows
    assert (entry["action"], "label.example" in entry["detail"]) == ("statement_address_set", False)
    lost = restrict(ledger, "T-2", distributor="<b>D-2</b>")
    sender(ledger, 9).send_due()
    page = admin.get(PATH).text
    assert lost.statement_id in page
    assert "<b>D-2" not in page
    assert admin.submit(f"{PATH}/resend", statement=lost.statement_id).status_code == 303
    assert admin.submit(f"{PATH}/resend", statement="sor_none").status_code == 422
    (row,) = deliveries.listed(ledger, None, 9, track_id="T-2").rows
    assert (row["state"], row["attempts"]) == ("waiting", 0)
    assert admin.submit(f"{PATH}/remove", distributor="D-1").status_code == 303
    assert admin.submit(f"{PATH}/remove", distributor="D-1").status_code == 422
    assert "desk@label.example" not in admin.get(PATH).text
    assert console.browser("lead").get(PATH).status_code == 403
