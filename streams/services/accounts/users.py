"""Users: names, passwords (argon2id), roles; log-in with throttling."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, func, insert, select, update

from detector.errors import BadInput
from streams.services.accounts.roles import PEOPLE, Right, rights_of
from streams.services.accounts.tokens import new_id
from streams.store import audit
from streams.store.account_tables import LOGIN_ATTEMPTS, SESSIONS, USERS
from streams.store.database import Ledger

HASHER: Final = PasswordHasher()  # argon2id with the library's current defaults
# Checked where there is no such user: the same work, no oracle. Of a password that nobody has,
# written down since making it takes an eighth of a second, at every start of four processes.
NOBODY: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$jjQAJ01zan1JY1JFhFHxMg"
    "$T/fugDRA9nxQCzYK4ND0tVcZWPv1Jr7IacVhsofsRNA"
)
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 1_024
WINDOW: Final = timedelta(minutes=15)
TRIES_OF_BOTH: Final = 5  # of one name from one address
TRIES_OF_ADDRESS: Final = 30
TRIES_OF_NAME: Final = 100  # from everywhere: so many that a stranger seldom locks somebody out
LONGEST_NAME: Final = 100


class AccountError(BadInput):
    """A name, password or role that will not do; the detail tells people why."""


class WrongLogin(BadInput):
    """Name and password do not go together, or the account is closed. It says no more."""

    def __init__(self) -> None:
        super().__init__("wrong_login", "name and password do not go together")


class TooManyTries(BadInput):
    """Log-in is closed for a while, to this name or this address."""

    def __init__(self) -> None:
        super().__init__("too_many_tries", "too many tries; wait a quarter of an hour")


@dataclass(frozen=True)
class User:
    """Somebody who may come in. ``user_id`` is the pseudonym that events carry."""

    user_id: str
    name: str
    role: str
    active: bool = True
    blind: bool = False
    has_password: bool = False
    by_oidc: bool = False

    def may(self, right: Right) -> bool:
        """Whether a right is theirs."""
        return self.active and right in rights_of(self.role)


COLUMNS: Final = (
    *(USERS.c.user_id, USERS.c.name, USERS.c.role, USERS.c.active, USERS.c.blind),
    USERS.c.password_hash.is_not(None).label("has_password"),
    USERS.c.oidc_subject.is_not(None).label("by_oidc"),
)


def create(
    connection: Connection,
    name: str,
    role: str,
    by: str,
    *,
    password: str | None = None,
    oidc_subject: str | None = None,
) -> User:
    """Add a user.

    Raises:
        AccountError: the name is taken or no name, the role none, the password too short.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise AccountError("bad_name", f"a name has 1 to {LONGEST_NAME} printable letters")
    if role not in PEOPLE:
        raise AccountError("bad_role", f"{role!r} is none of {', '.join(PEOPLE)}")
    audit.lock(connection)
    if connection.scalar(select(USERS.c.user_id).where(USERS.c.name == name)):
        raise AccountError("name_taken", f"there is a user {name!r} already")
    user_id = new_id("usr")
    row = {
        "user_id": user_id,
        "name": name,
        "role": role,
        "password_hash": hash_password(password) if password is not None else None,
        "oidc_subject": oidc_subject,
        "active": True,
        "blind": False,
        "created_at": datetime.now(UTC),
    }
    connection.execute(insert(USERS).values(row))
    audit.append(
        connection, [audit.Entry(by, "user_created", user_id, {"name": name, "role": role})]
    )
    return User(user_id, name, role, has_password=password is not None)


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password.

    Raises:
        AccountError: too short or too long.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise AccountError("bad_password", f"a password has at least {SHORTEST_PASSWORD} letters")
    return HASHER.hash(password)


def set_password(connection: Connection, user: User, password: str, by: str) -> None:
    """Set a password; everybody who is logged in as this user must log in again."""
    change = update(USERS).where(USERS.c.user_id == user.user_id)
    connection.execute(change.values(password_hash=hash_password(password)))
    connection.execute(delete(SESSIONS).where(SESSIONS.c.user_id == user.user_id))
    audit.append(connection, [audit.Entry(by, "password_set", user.user_id)])


def change(connection: Connection, user: User, *, role: str, active: bool, by: str) -> None:
    """Change the role of a user, or close or open the account; it holds at the next request.

    Raises:
        AccountError: no such role, or nobody would be left who may manage users.
    """
    if role not in PEOPLE:
        raise AccountError("bad_role", f"{role!r} is none of {', '.join(PEOPLE)}")
    audit.lock(connection)  # two who close each other's account at once must not both succeed
    others = select(func.count()).where(
        USERS.c.role == "admin", USERS.c.active, USERS.c.user_id != user.user_id
    )
    keeps_one = (role == "admin" and active) or bool(connection.scalar(others))
    if not keeps_one:
        raise AccountError("last_admin", "somebody must remain who can manage users")
    connection.execute(
        update(USERS).where(USERS.c.user_id == user.user_id).values(role=role, active=active)
    )
    if not active:
        connection.execute(delete(SESSIONS).where(SESSIONS.c.user_id == user.user_id))
    detail = {"role": role, "active": active}
    audit.append(connection, [audit.Entry(by, "user_changed", user.user_id, detail)])


def set_blind(connection: Connection, user: User, blind: bool) -> None:
    """Hide scores from somebody while they review, or show them."""
    connection.execute(update(USERS).where(USERS.c.user_id == user.user_id).values(blind=blind))
    audit.append(connection, [audit.Entry(user.user_id, "blind_mode", user.user_id, {"on": blind})])


def everybody(ledger: Ledger) -> list[User]:
    """Return all users, by name."""
    with ledger.reading() as connection:
        rows = connection.execute(select(*COLUMNS).order_by(USERS.c.name)).all()
    return [User(*row) for row in rows]


def names(connection: Connection) -> dict[str, str]:
    """Return the names behind the pseudonyms."""
    return {row[0]: row[1] for row in connection.execute(select(USERS.c.user_id, USERS.c.name))}


def find(connection: Connection, user_id: str) -> User:
    """Return a user.

    Raises:
        AccountError: there is none of this id.
    """
    row = connection.execute(select(*COLUMNS).where(USERS.c.user_id == user_id)).one_or_none()
    if row is None:
        raise AccountError("no_such_user", f"there is no user {user_id}")
    return User(*row)


def log_in(ledger: Ledger, name: str, password: str, address: str) -> User:
    """Return the user of a name and a password.

    Failures count against the name, the address and both together, over all processes; a
    closed door costs no hashing, writes nothing and tells nothing. The try that closes it is
    in the audit log.

    Raises:
        WrongLogin: they do not go together.
        TooManyTries: too many failures in the last quarter of an hour.
    """
    name = name.strip()[:LONGEST_NAME]
    now = datetime.now(UTC)
    place = place_of(address)
    with ledger.reading() as connection:
        if _is_closed(connection, name, place, now):
            raise TooManyTries
    with ledger.transaction() as connection:
        audit.lock(connection)
        if _is_closed(connection, name, place, now):
            raise TooManyTries
        # Counted before it is tried, so that many at once cannot slip through.
        attempt = {"name": name, "address": place, "at": now}
        connection.execute(insert(LOGIN_ATTEMPTS).values(attempt))
        connection.execute(delete(LOGIN_ATTEMPTS).where(LOGIN_ATTEMPTS.c.at < now - WINDOW))
        closes = _is_closed(connection, name, place, now)
    with ledger.reading() as connection:
        question = select(USERS.c.password_hash, *COLUMNS).where(USERS.c.name == name)
        row = connection.execute(question).one_or_none()
    kept = row.password_hash if row is not None and row.password_hash else NOBODY
    right = _verify(kept, password) and row is not None and kept is not NOBODY and row.active
    with ledger.transaction() as connection:
        if not right or row is None:
            what = ("login_failed", "login_throttled") if closes else ("login_failed",)
            detail = {"from": address}
            audit.append(connection, [audit.Entry(name, one, "", detail) for one in what])
        else:
            mine = (LOGIN_ATTEMPTS.c.name == name) & (LOGIN_ATTEMPTS.c.address == place)
            connection.execute(delete(LOGIN_ATTEMPTS).where(mine))
            if HASHER.check_needs_rehash(kept):
                better = update(USERS).where(USERS.c.user_id == row.user_id)
                connection.execute(better.values(password_hash=HASHER.hash(password)))
            audit.append(connection, [audit.Entry(row.user_id, "login", "", {"from": address})])
    if not right or row is None:
        raise WrongLogin
    return User(*row[1:])


def place_of(address: str) -> str:
    """Return what tries are counted by: an IPv6 customer has a whole /64 to come from."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:LONGEST_NAME]
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))


def _is_closed(connection: Connection, name: str, place: str, now: datetime) -> bool:
    recent = LOGIN_ATTEMPTS.c.at > now - WINDOW
    of_name, of_place = LOGIN_ATTEMPTS.c.name == name, LOGIN_ATTEMPTS.c.address == place
    for these, most in (
        (of_name & of_place, TRIES_OF_BOTH),
        (of_place, TRIES_OF_ADDRESS),
        (of_name, TRIES_OF_NAME),
    ):
        if (connection.scalar(select(func.count()).where(recent, these)) or 0) >= most:
            return True
    return False


def _verify(kept: str, password: str) -> bool:
    try:
        return HASHER.verify(kept, password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
