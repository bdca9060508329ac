"""Pages of the admin."""

import json

import sqlalchemy

from streams.contract import topics
from streams.services import webhooks
from streams.services.accounts import keys
from streams.store import audit
from streams.store.account_tables import DELIVERIES
from tests.support.console import Console
from tests.support.markup import EVIL, Marks
from tests.support.stories import tell


def test_what_could_not_be_delivered_is_told_to_the_admin(console: Console) -> None:
    ledger = console.resources.ledger
    hook, _ = webhooks.create(ledger, "https://hook.example/", [topics.DECIDED], "me")
    tell(ledger)
    admin = console.browser("admin")
    assert "What could not be delivered" not in admin.get("/admin/webhooks").text
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.update(DELIVERIES).values(error=EVIL, attempts=3))
    html = admin.get("/admin/webhooks").text
    assert "What could not be delivered" in html
    assert hook in html
    assert Marks(html).marks == []


def test_the_page_of_keys_binds_them(console: Console) -> None:
    browser = console.browser("admin")
    fields = {"name": "B and A", "role": "ingest", "uploads_per_hour": "60"}
    page = browser.submit("/admin/keys", distributors=" B \r\nA\r\n\r\nA", **fields)
    assert page.status_code == 200
    (key,) = keys.all_keys(console.resources.ledger)
    assert (key.distributors, key.uploads_per_hour) == (("A", "B"), 60)
    assert "A, B" in browser.get("/admin/keys").text
    part = audit.listed(console.resources.ledger, key.key_id, None, 10)
    assert json.loads(part.rows[0]["detail"])["distributors"] == ["A", "B"]
