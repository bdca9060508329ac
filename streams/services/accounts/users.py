"""Users: names, passwords (argon2id), roles; log-in with throttling."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from detector.errors import BadInput, Transient
from streams.runtime.processes import turn
from streams.services.accounts.roles import PEOPLE, Right, rights_of
from streams.services.accounts.tokens import new_id
from streams.store import accounts, audit
from streams.store.database import Connection, Ledger

HASHER: Final = PasswordHasher()  # argon2id with the library's current defaults
# Checked where there is no such user, so that the time reveals nothing. It is the hash of a random
# password, stored because making one takes an eighth of a second at each start of a process.
NOBODY: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$jjQAJ01zan1JY1JFhFHxMg"
    "$T/fugDRA9nxQCzYK4ND0tVcZWPv1Jr7IacVhsofsRNA"
)
# A hash takes 64 MiB and four threads: so many at once, and others wait this long.
HASHES: Final = threading.BoundedSemaphore(4)
HASH_WAIT_S: Final = 1.0
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 1_024
WINDOW: Final = timedelta(minutes=15)
TRIES_OF_BOTH: Final = 5  # for one name from one address
TRIES_OF_ADDRESS: Final = 30
TRIES_OF_NAME: Final = 100  # from everywhere: so high that others seldom lock a user out
LONGEST_NAME: Final = 100
UNKNOWN: Final = "unknown"  # where no account has the typed name

log = structlog.get_logger()


class AccountError(BadInput):
    """A name, password or role that is not valid; the detail contains the reason."""


class WrongLogin(BadInput):
    """Name and password do not match, or the account is closed; it does not reveal which."""


class TooManyTries(BadInput):
    """Log-in is closed for a while for this name or address."""

    def __init__(self) -> None:
        super().__init__("too_many_tries", "too many tries; wait a quarter of an hour")


class TooBusy(Transient):
    """Too many passwords are checked at once; try again."""


def _hashing() -> AbstractContextManager[None]:
    return turn(HASHES, HASH_WAIT_S, TooBusy("too many passwords are checked at once"))


@dataclass(frozen=True)
class User:
    """An account of a person. ``user_id`` is the pseudonym in events."""

    user_id: str
    name: str
    role: str
    active: bool = True
    blind: bool = False
    has_password: bool = False
    by_oidc: bool = False

    def may(self, right: Right) -> bool:
        """Return whether the user has a right."""
        return self.active and right in rights_of(self.role)


def checked(name: str, role: str, roles: Sequence[str]) -> str:
    """Return a name without outer spaces; raise AccountError for a bad name or role."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise AccountError("bad_name", f"a name has 1 to {LONGEST_NAME} printable letters")
    if role not in roles:
        raise AccountError("bad_role", f"{role!r} is none of {', '.join(roles)}")
    return name


def add(
    connection: Connection, name: str, role: str, by: str, oidc_subject: str | None = None
) -> User:
    """Add a user in the caller's transaction; a bad or taken name, or role: AccountError."""
    name = checked(name, role, PEOPLE)
    audit.lock(connection)
    if accounts.user(connection, name=name) is not None:
        raise AccountError("name_taken", f"there is a user {name!r} already")
    user_id = new_id("usr")
    row = {
        "user_id": user_id,
        "name": name,
        "role": role,
        "oidc_subject": oidc_subject,
        "active": True,
        "blind": False,
        "created_at": datetime.now(UTC),
    }
    accounts.add_user(connection, row)
    audit.append(connection, audit.Entry(by, "user_created", user_id, {"role": role}))
    return User(user_id, name, role, by_oidc=oidc_subject is not None)


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password; raise AccountError where it is too short or long."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountError("bad_password", f"a password has at least {SHORTEST_PASSWORD} letters")
    with _hashing():
        return HASHER.hash(password)


def change(ledger: Ledger, user_id: str, *, role: str, active: bool, by: str) -> None:
    """Change a user's role, or close or open the account, from the next request on.

    Raises:
        AccountError: no such user or role, or no admin would remain.
    """
    with ledger.transaction() as connection:
        audit.lock(connection)  # two admins who close each other's account must not both succeed
        user = find(connection, user_id)
        checked(user.name, role, PEOPLE)
        if (user.role, user.active) == (role, active):
            return
        is_admin = role == "admin" and active
        if not is_admin and not accounts.has_other_admin(connection, user_id):
            raise AccountError("last_admin", "at least one user must remain who can manage users")
        accounts.change_user(connection, user_id, role=role, active=active)
        if not active:
            accounts.end_access(connection, user_id)
        detail = {"role": role, "active": active}
        audit.append(connection, audit.Entry(by, "user_changed", user_id, detail))


def set_blind(ledger: Ledger, user: User, blind: bool) -> None:
    """Hide scores from a user who reviews, or show them."""
    entry = audit.Entry(user.user_id, "blind_mode", user.user_id, {"on": blind})
    with audit.transaction(ledger, entry) as connection:
        accounts.change_user(connection, user.user_id, blind=blind)


def everybody(ledger: Ledger) -> list[User]:
    """Return all users, by name."""
    with ledger.reading() as connection:
        return [User(*row) for row in accounts.all_users(connection)]


def names(ledger: Ledger) -> dict[str, str]:
    """Return the names of all users by their pseudonyms."""
    return {user.user_id: user.name for user in everybody(ledger)}


def find(connection: Connection, user_id: str) -> User:
    """Return a user in the caller's transaction; raise AccountError where there is none."""
    row = accounts.user(connection, user_id=user_id)
    if row is None:
        raise AccountError("no_such_user", f"there is no user {user_id}")
    return User(*row)


def log_in(ledger: Ledger, name: str, password: str, address: str) -> User:
    """Return the user of a name and a password.

    Failures count against the name, the address and both together, over all processes. While
    log-in is closed, an attempt costs no hashing and writes nothing. The attempt that closes it
    is in the audit log. That log is for ever, so it has neither the address nor the typed name.

    Raises:
        WrongLogin: they do not match.
        TooManyTries: too many failures in the last quarter of an hour.
        TooBusy: too many log-ins at once; this one was not counted.
    """
    name = name.strip()[:LONGEST_NAME]
    place = place_of(address)
    with ledger.reading() as connection:
        if _is_closed(connection, name, place, datetime.now(UTC)):
            raise TooManyTries
    with _hashing():
        return _log_in(ledger, name, password, address, place)


def _log_in(ledger: Ledger, name: str, password: str, address: str, place: str) -> User:
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        audit.lock(connection)
        if _is_closed(connection, name, place, now):
            raise TooManyTries
        # Counted before the password is checked, so that parallel attempts cannot slip through.
        accounts.add_attempt(connection, name, place, now, WINDOW)
        closes = _is_closed(connection, name, place, now)
    with ledger.reading() as connection:
        row = accounts.user(connection, name=name)
        stored = accounts.password_hash(connection, name)
    matches = _verify(stored or NOBODY, password)
    with ledger.transaction() as connection:
        if matches and stored and row.active:
            accounts.clear_attempts(connection, name, place)
            if HASHER.check_needs_rehash(stored):
                rehashed = HASHER.hash(password)
                accounts.change_user(connection, row.user_id, password_hash=rehashed)
            audit.append(connection, audit.Entry(row.user_id, "login"))
            log.info("login", user_id=row.user_id, address=address)
            return User(*row)
        who = row.user_id if row else UNKNOWN
        actions = ("login_failed", "login_throttled") if closes else ("login_failed",)
        audit.append(connection, *(audit.Entry(who, action) for action in actions))
    log.warning(actions[-1], user_id=who, address=address)
    raise WrongLogin("wrong_login", "name and password do not go together")


def place_of(address: str) -> str:
    """Return the key that attempts are counted by: an IPv6 customer has a whole /64."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:LONGEST_NAME]
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))


def _is_closed(connection: Connection, name: str, place: str, now: datetime) -> bool:
    since = now - WINDOW
    return (
        accounts.count_attempts(connection, since, name=name, address=place) >= TRIES_OF_BOTH
        or accounts.count_attempts(connection, since, address=place) >= TRIES_OF_ADDRESS
        or accounts.count_attempts(connection, since, name=name) >= TRIES_OF_NAME
    )


def _verify(stored: str, password: str) -> bool:
    try:
        return HASHER.verify(stored, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
