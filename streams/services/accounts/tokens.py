"""Random tokens: shown once, kept as a hash."""

import hashlib
import secrets

from streams.contract.records import stable_id


def new_token() -> str:
    """Return 256 random bits, fit for a URL or a cookie."""
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """Return what is stored of a token. It is random, so a slow hash would add nothing."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_id(prefix: str) -> str:
    """Return a random id in the form of ``stable_id``."""
    return stable_id(prefix, secrets.token_hex(16))
