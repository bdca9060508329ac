"""Banks: sets of known recordings, each with an owner, thresholds and a switch.

The kind of a bank (``BankKind``) is the meaning of its matches. A new bank is rolled out on a
share of the uploads, chosen by content, so the same file always gets the same answer. Every
change adds a line to the audit log, in its own transaction.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from sqlalchemy import Connection, select

from detector.errors import BadInput
from streams.contract.records import faults
from streams.contract.vocabulary import BankKind
from streams.known.index import Changed, Found, Item
from streams.known.sql import SqlIndex
from streams.known.tables import AUDIT, BANKS

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class BankError(BadInput):
    """A bank is missing, exists already, or has wrong fields."""


class Bank(BaseModel):
    """One bank."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
    kind: BankKind
    owner: Text
    enabled_ratio: Annotated[float, Field(ge=0, le=1)] = 1.0  # of the uploads
    disabled_until: AwareDatetime | None = None  # for uploads from before that time
    # Stricter than the frozen thresholds where they are above them, and never laxer.
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.0
    min_overlap_s: Annotated[float, Field(ge=0)] = 0.0
    # Of items without one of their own.
    generator: Text | None = None
    licence: Text | None = None
    note: Annotated[str, StringConstraints(max_length=2_000)] | None = None

    def answers(self, content_sha256: str, uploaded_at: datetime) -> bool:
        """Return whether an upload is looked up here: by its content, the same at any worker."""
        if self.disabled_until is not None and uploaded_at < self.disabled_until:
            return False
        chosen = hashlib.sha256(f"{self.name}:{content_sha256}".encode()).digest()
        return int.from_bytes(chosen[:6]) < self.enabled_ratio * 2**48

    def takes(self, match: Found) -> bool:
        """Return whether a match is strong enough for this bank."""
        alignment = match.alignment
        return alignment is None or (
            alignment.score >= self.min_score and alignment.overlap_s >= self.min_overlap_s
        )


@dataclass(frozen=True)
class By:
    """The person who changes something, the reason, and the time."""

    who: str
    why: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class AuditLine:
    """One change of a bank."""

    at: datetime
    who: str
    action: str
    bank: str
    why: str | None
    detail: dict[str, Any]


class Banks:
    """The banks of an index: people and programs change known recordings only here."""

    def __init__(self, index: SqlIndex) -> None:
        self.index = index

    def all(self) -> dict[str, Bank]:
        """Return every bank by name."""
        with self.index.database.reading() as connection:
            rows = connection.execute(select(BANKS).order_by(BANKS.c.name)).mappings()
            return {row["name"]: Bank.model_validate(dict(row)) for row in rows}

    def get(self, name: str) -> Bank:
        """Return a bank.

        Raises:
            BankError: there is none of that name.
        """
        bank = self.all().get(name)
        if bank is None:
            raise BankError("no_bank", f"there is no bank {name}")
        return bank

    def create(self, bank: Bank, by: By) -> None:
        """Add an empty bank."""
        with self.index.database.transaction() as connection:
            self.index.exclude(connection)
            if connection.scalar(select(BANKS.c.name).where(BANKS.c.name == bank.name)):
                raise BankError("bank_exists", f"there is a bank {bank.name} already")
            connection.execute(BANKS.insert(), _row(bank))
            _note(by, "create", bank.name, connection, bank.model_dump(mode="json"))

    def change(self, name: str, by: By, **changes: object) -> Bank:
        """Change settings of a bank; its kind cannot change."""
        before = self.get(name)
        after = described({**before.model_dump(), **changes})
        if (after.name, after.kind) != (before.name, before.kind):
            raise BankError("bank_is", "name and kind of a bank stay as they are")
        old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
        if changed := {key: value for key, value in new.items() if value != old[key]}:
            with self.index.database.transaction() as connection:
                connection.execute(BANKS.update().where(BANKS.c.name == name), _row(after))
                _note(by, "change", name, connection, changed)
        return after

    def add(self, name: str, items: Iterable[Item], by: By) -> Changed:
        """Add items to a bank, whatever bank they come from; see ``SqlIndex.add``."""
        self.get(name)
        own = (replace(item, bank=name) for item in items)
        return self.index.add(own, noted=partial(_note, by, "add", name))

    def remove(self, name: str, item_ids: Sequence[str], by: By) -> int:
        """Remove items from a bank; return how many there were."""
        self.get(name)
        return self.index.remove(name, item_ids, noted=partial(_note, by, "remove", name))

    def keep(self, line: AuditLine) -> None:
        """Store an audit line of a restored bank, unchanged."""
        with self.index.database.transaction() as connection:
            by = By(line.who, line.why, datetime.fromisoformat(str(line.at)))
            _note(by, line.action, line.bank, connection, line.detail)

    def audit(self, name: str | None = None, limit: int = 100) -> list[AuditLine]:
        """Return the latest changes, of one bank or of all, the newest first."""
        columns = [column for column in AUDIT.c if column is not AUDIT.c.id]
        question = select(*columns).order_by(AUDIT.c.id.desc()).limit(limit)
        if name is not None:
            question = question.where(AUDIT.c.bank == name)
        with self.index.database.reading() as connection:
            rows = connection.execute(question).mappings().all()
        return [AuditLine(**{**row, "detail": orjson.loads(row["detail"])}) for row in rows]


def described(fields: dict[str, object]) -> Bank:
    """Return the bank of these fields.

    Raises:
        BankError: naming the fields that are wrong.
    """
    try:
        return Bank.model_validate(fields)
    except ValidationError as error:
        raise BankError("bank_wrong", "; ".join(faults(error))) from error


def _row(bank: Bank) -> dict[str, object]:
    return {**bank.model_dump(), "kind": bank.kind.value}


def _note(by: By, action: str, bank: str, connection: Connection, detail: dict[str, Any]) -> None:
    text, at = orjson.dumps(detail).decode(), by.at or datetime.now(UTC)
    line = AUDIT.insert().values(at=at, who=by.who, action=action, bank=bank)
    connection.execute(line.values(why=by.why, detail=text))
