"""What the console prints at its start."""

from io import StringIO

import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from streams.runtime.settings import Settings
from streams.services.accounts import sessions, users
from streams.store.database import Ledger
from streams.web.console.server import config_of, offer_link
from tests.support.accounts import create_user


class Out(StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


OIDC = {"oidc_issuer": "https://a", "oidc_client_id": "b", "oidc_client_secret": "c"}


@pytest.mark.parametrize(
    ("terminal", "more", "printed"), [(True, {}, True), (False, {}, False), (True, OIDC, False)]
)
def test_a_link_is_printed_to_a_terminal_where_passwords_let_in(
    ledger: Ledger, terminal: bool, more: dict[str, str], printed: bool
) -> None:
    out = Out(terminal)
    offer_link(ledger, Settings.model_validate(more), "http://a", out)
    assert ("http://a/enter/" in out.getvalue()) is printed
    assert bool(users.everybody(ledger)) is printed


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ({}, False),
        ({"console_url": "https://a.example"}, True),
        ({"console_url": "https://a.example", "trusted_proxies": "10.0.0.0/8"}, False),
    ],
)
def test_a_proxy_that_is_not_named_is_warned_of(more: dict[str, str], warned: bool) -> None:
    with capture_logs() as logs:
        config_of(FastAPI(), Settings.model_validate(more))
    assert ("no_trusted_proxies" in str(logs)) is warned


@pytest.mark.parametrize("way", ["link", "password", "oidc"])
def test_no_link_is_printed_once_somebody_has_logged_in(ledger: Ledger, way: str) -> None:
    if way == "link":
        ada = create_user(ledger, "Ada", "viewer")
        _, token = sessions.link(ledger, ada.user_id, "test")
        sessions.enter(ledger, token, "10.0.0.1")
    elif way == "password":
        create_user(ledger, "Ada", "viewer", "correct horse battery")
    else:
        with ledger.transaction() as connection:
            users.add(connection, "Ada", "viewer", "oidc", "issuer#1")
    out = Out(terminal=True)
    offer_link(ledger, Settings(), "http://a", out)
    assert out.getvalue() == ""
