"""Authentication of API callers: keys, their rights, their rate limit."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final

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


@dataclass
class _Bucket:
    tokens: float
    at: float


class RateLimit:
    """A token bucket for each caller, in this process: bursts of a minute's worth pass."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._size, self._now = per_minute / 60, float(per_minute), now
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def wait_s(self, caller: str) -> float:
        """Take a token; return 0, or the seconds until there is one."""
        now = self._now()
        with self._lock:
            if len(self._buckets) >= MOST_BUCKETS:
                self._buckets.clear()  # bounded memory matters more than strictness
            bucket = self._buckets.setdefault(caller, _Bucket(self._size, now))
            bucket.tokens = min(self._size, bucket.tokens + (now - bucket.at) * self._per_s)
            bucket.at = now
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return 0
            return (1 - bucket.tokens) / self._per_s


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
        place = place_of(request.client.host if request.client else "?")
        wait = limit.wait_s(key.key_id if key else f"from {place}")
        if wait:
            retry = {"Retry-After": str(int(wait) + 1)}
            raise ProblemError(
                429, "too_many_requests", "too many requests: wait, then retry", retry
            )
        if key is None:
            headers = {"WWW-Authenticate": 'Bearer realm="earmark"'}
            raise ProblemError(401, "no_key", "the API key is missing or not valid", headers)
        if not key.may(self.right):
            raise ProblemError(403, "not_allowed", f"role {key.role} may not {self.right}")
        if request.method == "GET":
            resources.note_view(key.key_id, "api_read", request.url.path)
        return key


def needs(right: Right) -> Any:
    """Return the dependency that demands a right."""
    return Depends(Needs(right))


CanRead = Annotated[Key, needs(Right.READ)]
CanUpload = Annotated[Key, needs(Right.UPLOAD)]
CanReceiveAppeals = Annotated[Key, needs(Right.APPEAL_INTAKE)]
CanAdmin = Annotated[Key, needs(Right.ADMIN)]
