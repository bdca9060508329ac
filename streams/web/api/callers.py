"""Authentication of API callers: keys, their rights, their rate limit."""

import threading
import time
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from streams.services.accounts import keys
from streams.services.accounts.keys import Key
from streams.services.accounts.roles import Right
from streams.services.accounts.users import place_of
from streams.web.api.problems import ProblemError
from streams.web.api.resources import resources_of

BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="ApiKey", description="Authorization: Bearer key_….secret"
)
MOST_BUCKETS: Final = 10_000


class RateLimit:
    """A token bucket for each caller, in this process: bursts of a minute's worth pass."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._size, self._now = per_minute / 60, float(per_minute), now
        # Tokens, and when they were counted; the latest caller is the last.
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait_s(self, caller: str) -> float:
        """Take a token; return 0, or the seconds until there is one."""
        now = self._now()
        with self._lock:
            tokens, at = self._buckets.pop(caller, (self._size, now))
            if len(self._buckets) >= MOST_BUCKETS:  # forget the caller that is quiet for longest
                del self._buckets[next(iter(self._buckets))]
            tokens = min(self._size, tokens + (now - at) * self._per_s)
            self._buckets[caller] = (tokens - 1 if tokens >= 1 else tokens, now)
        return 0 if tokens >= 1 else (1 - tokens) / self._per_s

    def take(self, caller: str, what: str = "requests") -> None:
        """Take a token, or end the request with 429."""
        if wait := self.wait_s(caller):
            raise too_many(wait, what)


def too_many(wait_s: float, what: str) -> ProblemError:
    """Return the answer to a caller that must wait."""
    retry = {"Retry-After": str(int(wait_s) + 1)}
    return ProblemError(429, "too_many_requests", f"too many {what}: wait, then retry", retry)


def address_of(request: Request) -> str:
    """Return the address that a request comes from."""
    return request.client.host if request.client else "?"


class Needs:
    """A dependency: the caller's key must have this right. A test reads it off every route."""

    def __init__(self, right: Right) -> None:
        self.right = right

    def __call__(
        self,
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)] = None,
    ) -> Key:
        """Return the caller, or end the request with 401, 403 or 429."""
        resources = resources_of(request)
        limit: RateLimit = request.app.state.rate_limit
        key = keys.find(resources.ledger, credentials.credentials) if credentials else None
        limit.take(key.key_id if key else f"from {place_of(address_of(request))}")
        if key is None:
            headers = {"WWW-Authenticate": 'Bearer realm="earmark"'}
            raise ProblemError(401, "no_key", "the API key is missing or not valid", headers)
        if not key.may(self.right):
            raise ProblemError(403, "not_allowed", f"role {key.role} may not {self.right}")
        if request.method == "GET":
            resources.note_view(key.key_id, "api_read", request.url.path)
        return key


CanRead = Annotated[Key, Depends(Needs(Right.READ))]
CanUpload = Annotated[Key, Depends(Needs(Right.UPLOAD))]
CanReceiveAppeals = Annotated[Key, Depends(Needs(Right.APPEAL_INTAKE))]
CanMakeLinks = Annotated[Key, Depends(Needs(Right.LINKS))]
CanManageRights = Annotated[Key, Depends(Needs(Right.POLICY))]
CanAdmin = Annotated[Key, Depends(Needs(Right.ADMIN))]
