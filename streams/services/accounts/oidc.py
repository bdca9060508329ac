"""Log-in by an OpenID provider: authorization code with PKCE, the ID token verified.

The provider identifies the user and, by a claim, their role; both apply from that log-in on.
Accounts are matched by the provider's subject, never by name: a new subject cannot take over an
existing account.
"""

import secrets
import threading
import time
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.integrations.base_client.errors import OAuthError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from detector.errors import SingleReason, Transient
from streams.runtime.settings import Settings
from streams.services.accounts import users
from streams.services.accounts.roles import PEOPLE
from streams.services.accounts.users import LONGEST_NAME, AccountError, User
from streams.store import accounts, audit
from streams.store.database import Connection, Ledger

ALGORITHMS: Final = ["RS256", "PS256", "ES256", "EdDSA"]  # never "none", never a shared secret
ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
ANSWER_S: Final = 10.0
KEPT_S: Final = 3_600.0
LEEWAY_S: Final = 60


class OidcRefused(SingleReason, reason="oidc_refused"):
    """The provider's answer allows no log-in; the detail contains the reason."""


class ProviderAway(Transient):
    """The provider does not answer, or its answer is malformed."""


@dataclass(frozen=True)
class Started:
    """A log-in in progress: where the browser goes, and what must come back."""

    url: str
    state: str
    nonce: str
    verifier: str


class Oidc:
    """One provider; safe to share by threads."""

    def __init__(self, settings: Settings, address: str) -> None:
        if settings.oidc_issuer is None or settings.oidc_client_secret is None:
            raise OidcRefused("no provider is set")
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id or ""
        self._secret = settings.oidc_client_secret.get_secret_value()
        self._claim, self._default = settings.oidc_role_claim, settings.oidc_default_role
        self._back = f"{address}/oidc/back"
        self._lock = threading.Lock()
        self._known: tuple[float, dict[str, Any]] | None = None

    def start(self) -> Started:
        """Begin a log-in; raise ProviderAway where the provider does not answer."""
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        with self._client() as client:
            url, state = client.create_authorization_url(
                self._metadata()["authorization_endpoint"], code_verifier=verifier, nonce=nonce
            )
        return Started(url, state, nonce, verifier)

    def finish(self, ledger: Ledger, begun: Started, state: str, code: str) -> User:
        """Return the user that the provider sent back.

        Raises:
            OidcRefused: not from the same log-in, not a token for us, or no role here.
            ProviderAway: it does not answer.
        """
        if not secrets.compare_digest(begun.state.encode(), state.encode(errors="replace")):
            raise OidcRefused("this log-in was not begun in this browser; begin again")
        claims = self._claims(begun, code)
        return _user(ledger, f"{self._issuer}#{claims['sub']}", claims, self._role(claims))

    def _claims(self, begun: Started, code: str) -> dict[str, Any]:
        metadata = self._metadata()
        try:
            with self._client() as client:
                token = client.fetch_token(
                    metadata["token_endpoint"], code=code, code_verifier=begun.verifier
                )
            keys = KeySet.import_key_set(_fetched(metadata["jwks_uri"]))
            decoded = jwt.decode(token["id_token"], keys, algorithms=ALGORITHMS)
            registry = jwt.JWTClaimsRegistry(
                leeway=LEEWAY_S,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._client_id},
                exp={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": begun.nonce},
            )
            registry.validate(decoded.claims)
        except (OAuthError, JoseError) as error:
            raise OidcRefused(f"the provider's answer is not valid: {error.error}") from error
        except httpx.HTTPError as error:
            raise ProviderAway(f"the OpenID provider: {type(error).__name__}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise OidcRefused("the provider's answer is not one of OpenID") from error
        return dict(decoded.claims)

    def _role(self, claims: dict[str, Any]) -> str:
        """Return the role of the claim, else the default; raise OidcRefused without either."""
        claimed = claims.get(self._claim)
        for role in claimed if isinstance(claimed, list) else [claimed]:
            if role in PEOPLE:
                return str(role)
        if self._default == "none":
            detail = "your organisation gives you no role here; ask the administrator of Earmark"
            raise OidcRefused(detail)
        return self._default

    def _metadata(self) -> dict[str, Any]:
        with self._lock:
            if self._known is not None and time.monotonic() - self._known[0] < KEPT_S:
                return self._known[1]
            url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            try:
                metadata = _fetched(url)
                complete = all(metadata[name] for name in ENDPOINTS)
                if metadata["issuer"] != self._issuer or not complete:
                    raise ProviderAway("the OpenID provider names another issuer than is set")
            except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
                raise ProviderAway(f"the OpenID provider: {type(error).__name__}") from error
            self._known = (time.monotonic(), metadata)
            return dict(metadata)

    def _client(self) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client  # only where one logs in so

        return OAuth2Client(
            self._client_id,
            self._secret,
            scope="openid profile email",
            redirect_uri=self._back,
            code_challenge_method="S256",
            timeout=ANSWER_S,
            trust_env=False,
        )


def _fetched(url: str) -> Any:
    return httpx.get(url, timeout=ANSWER_S, trust_env=False).raise_for_status().json()


def _user(ledger: Ledger, subject: str, claims: dict[str, Any], role: str) -> User:
    """Return the account of a subject, created at the first log-in, with its current role."""
    with ledger.transaction() as connection:
        row = accounts.user(connection, oidc_subject=subject)
        if row is None:
            user = _create(connection, subject, claims, role)
        else:
            user = User(*row)
            if not user.active:
                raise OidcRefused("this account is closed")
            if user.role != role:
                accounts.change_user(connection, user.user_id, role=role)
                change = audit.Entry("oidc", "user_changed", user.user_id, {"role": role})
                audit.append(connection, change)
                user = replace(user, role=role)
        audit.append(connection, audit.Entry(user.user_id, "login", "", {"by": "oidc"}))
    return user


def _create(connection: Connection, subject: str, claims: dict[str, Any], role: str) -> User:
    claimed = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
    base = "".join(letter for letter in claimed if letter.isprintable()).strip()
    base = base[: LONGEST_NAME - 20]
    host, mark = urlsplit(subject).hostname or "oidc", secrets.token_hex(4)
    names = base or "somebody", f"{base} @{host}"[:LONGEST_NAME], f"{base[:60]} {mark}"
    for name in names:
        try:
            return users.add(connection, name, role, "oidc", subject)
        except AccountError as error:
            if error.reason != "name_taken":
                raise
    raise OidcRefused("no name could be found for this account")
