"""Log-in by an OpenID provider: a small real one, over HTTP on this machine."""

import hashlib
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.testclient import TestClient

from streams.runtime.settings import Settings, SettingsError
from streams.services.accounts import users
from streams.store.account_tables import AUDIT, USERS
from streams.web.console.auth import COOKIE
from tests.support.accounts import create_user
from tests.support.console import ADDRESS, Console

SECRET = "of the client"  # noqa: S105 - of a test


class Provider:
    """Answers as OpenID providers do; ``claims`` go into the next ID token."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, auto_kid=False)
        self.signing = self.key
        self.claims: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.headers = {"alg": "RS256", "kid": "one"}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/.well-known"):
                    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
                    answer = {name: f"{provider.url}/{name}" for name in names}
                    self.say(answer | {"issuer": provider.url})
                else:
                    self.say({"keys": [provider.key.as_dict(private=False)]})

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = {k: v[0] for k, v in parse_qs(self.rfile.read(length).decode()).items()}
                asked = provider.codes.pop(form["code"], None)
                digest = hashlib.sha256(form["code_verifier"].encode()).digest()
                challenge = urlsafe_b64encode(digest).decode().rstrip("=")
                if asked is None or asked["code_challenge"] != challenge:
                    self.say({"error": "invalid_grant"}, 400)
                    return
                self.say(
                    {
                        "access_token": "x",
                        "token_type": "Bearer",
                        "id_token": provider.token(asked["nonce"]),
                    }
                )

            def say(self, body: dict[str, Any], status: int = 200) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": "earmark", "sub": "42", "nonce": nonce, "iat": now,
            "exp": now + 300, "preferred_username": "ada",
        }  # fmt: skip
        return jwt.encode(self.headers, claims | self.claims, self.signing)

    def consent(self, location: str) -> dict[str, str]:
        """Do what the provider's page does: give a code for what was asked."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert asked["redirect_uri"] == f"{ADDRESS}/oidc/back"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"state": asked["state"], "code": code}


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.server.shutdown()


@pytest.fixture
def strict(opened: Callable[..., Console], tmp_path: Path, provider: Provider) -> Console:
    """A console with the default role of a new installation."""
    return opened(f"sqlite:///{tmp_path}/ledger.db", **of(provider))


@pytest.fixture
def console(opened: Callable[..., Console], tmp_path: Path, provider: Provider) -> Console:
    url = f"sqlite:///{tmp_path}/ledger.db"
    return opened(url, **of(provider), oidc_default_role="viewer")


def of(provider: Provider) -> dict[str, Any]:
    return {
        "oidc_issuer": provider.url,
        "oidc_client_id": "earmark",
        "oidc_client_secret": SECRET,
    }


def log_in(console: Console, provider: Provider, **back: str) -> tuple[TestClient, Any]:
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    begun = client.get("/oidc/start?next=/queue")
    assert begun.status_code == 303
    values = provider.consent(begun.headers["location"])
    return client, client.get("/oidc/back", params=values | back)


def test_the_provider_lets_in_with_the_role_that_it_gives(
    console: Console, provider: Provider
) -> None:
    assert "/oidc/start" in TestClient(console.app, base_url=ADDRESS).get("/login").text
    provider.claims = {"earmark_role": ["staff", "reviewer"]}
    client, answer = log_in(console, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")
    assert client.get("/queue").status_code == 200
    (ada,) = users.everybody(console.resources.ledger)
    assert (ada.name, ada.role, ada.by_oidc, ada.has_password) == ("ada", "reviewer", True, False)
    provider.claims = {"earmark_role": "lead"}
    log_in(console, provider)
    (ada,) = users.everybody(console.resources.ledger)
    assert ada.role == "lead"  # one account, the role of today
    with console.resources.ledger.reading() as connection:
        actions = connection.scalars(sqlalchemy.select(AUDIT.c.action)).all()
    assert actions.count("login") == 2


def test_without_the_claim_the_default_role_holds(console: Console, provider: Provider) -> None:
    log_in(console, provider)
    assert [one.role for one in users.everybody(console.resources.ledger)] == ["viewer"]


def test_without_the_claim_nobody_gets_in_by_default(strict: Console, provider: Provider) -> None:
    _, answer = log_in(strict, provider)
    assert answer.status_code == 403
    assert users.everybody(strict.resources.ledger) == []


def test_nobody_becomes_somebody_of_the_same_name(console: Console, provider: Provider) -> None:
    create_user(console.resources.ledger, "ada", "admin", "x" * 12)
    _, answer = log_in(console, provider)
    assert answer.status_code == 303
    result = {one.name: one.role for one in users.everybody(console.resources.ledger)}
    assert result == {"ada": "admin", "ada @127.0.0.1": "viewer"}


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"}, {"aud": "another"}, {"nonce": "another"},
        {"exp": 1_000_000_000}, {"sub": None},
    ],
)  # fmt: skip
def test_a_token_that_is_not_for_us_lets_nobody_in(
    console: Console, provider: Provider, claims: dict[str, Any]
) -> None:
    provider.claims = claims
    client, answer = log_in(console, provider)
    assert answer.status_code == 403
    assert COOKIE not in client.cookies
    assert users.everybody(console.resources.ledger) == []


def test_a_token_of_another_key_lets_nobody_in(console: Console, provider: Provider) -> None:
    provider.signing = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
    assert log_in(console, provider)[1].status_code == 403


def test_a_code_of_another_browser_lets_nobody_in(console: Console, provider: Provider) -> None:
    assert log_in(console, provider, state="guessed")[1].status_code == 403
    assert log_in(console, provider, code="guessed")[1].status_code == 403
    stranger = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    assert stranger.get("/oidc/back?state=a&code=b").status_code == 403
    assert stranger.get("/oidc/back?error=access_denied").status_code == 403


def test_a_closed_account_stays_closed(console: Console, provider: Provider) -> None:
    log_in(console, provider)
    with console.resources.ledger.transaction() as connection:
        connection.execute(sqlalchemy.update(USERS).values(active=False))
    assert log_in(console, provider)[1].status_code == 403


def test_the_way_back_is_throttled(console: Console, provider: Provider) -> None:
    """Each try asks the provider, and holds a thread for as long as it takes."""
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    assert client.get("/oidc/start").status_code == 303
    back = {"state": "guess", "code": "guess"}
    answers = [client.get("/oidc/back", params=back) for _ in range(31)]
    assert [one.status_code for one in answers] == [403] * 30 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_a_provider_that_is_away_is_said_so(console: Console, provider: Provider) -> None:
    provider.server.shutdown()
    provider.server.server_close()
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    assert client.get("/oidc/start").status_code == 503


def test_without_a_provider_there_is_no_such_way(
    opened: Callable[..., Console], tmp_path: Path
) -> None:
    console = opened(f"sqlite:///{tmp_path}/other.db")
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    assert client.get("/oidc/start").status_code == 404
    assert "/oidc/start" not in client.get("/login").text


def test_its_settings_need_each_other() -> None:
    with pytest.raises(SettingsError, match="OIDC"):
        Settings.from_env({"EARMARK_OIDC_ISSUER": "https://id.example"})
