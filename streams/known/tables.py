"""The tables of a fingerprint index: items, banks, their audit log. See ``streams.known.index``."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

from streams.store.tables import Moment, Words, columns, optional, words


class Digest(TypeDecorator[str]):
    """A digest in hexadecimal digits, stored as bytes."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Return the bytes of the digits."""
        return value if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """Return the digits of the bytes."""
        return value if value is None else bytes(value).hex()


METADATA: Final = MetaData()

# ``landmarks`` and ``layout``: versions. ``generation`` counts changes, for readers. ``numbers``:
# the last number of an item.
STATE: Final = Table(
    "index_state",
    METADATA,
    Column("name", Text, primary_key=True),
    *columns(BigInteger, "value"),
)

BANKS: Final = Table(
    "index_banks",
    METADATA,
    Column("name", Words, primary_key=True),
    *columns(Text, "kind"),
    *words("owner"),
    *columns(Float, "enabled_ratio"),
    *columns(Moment, "disabled_until", nullable=True),
    *columns(Float, "min_score", "min_overlap_s"),
    *optional("generator", "licence", "note"),
)

ITEMS: Final = Table(
    "index_items",
    METADATA,
    # Each number is used once: postings of a removed item must not find another.
    Column("number", Integer, primary_key=True, autoincrement=True),
    *words("bank", "item_id"),
    *columns(Digest, "content_sha256"),
    *columns(Digest, "pcm_sha256", nullable=True),
    *columns(Float, "duration_s"),
    *columns(LargeBinary, "landmarks"),
    *optional("generator", "licence", "note"),
    UniqueConstraint("bank", "item_id"),
    Index("index_items_by_content", "content_sha256"),
    Index("index_items_by_pcm", "pcm_sha256"),
    sqlite_autoincrement=True,
)

AUDIT: Final = Table(
    "index_audit",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    *columns(Moment, "at"),
    *words("who"),
    *columns(Text, "action"),
    *words("bank"),
    *optional("why"),
    *words("detail"),
    sqlite_autoincrement=True,
)

# Embedded only: index keys of the latest items, and the files with the keys of the others.
FRESH: Final = Table(
    "index_fresh",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    *columns(LargeBinary, "keys"),
)
SEGMENTS: Final = Table(
    "index_segments",
    METADATA,
    Column("file", Text, primary_key=True),
    *columns(Integer, "first", "last", "items"),
    *columns(BigInteger, "postings"),
    *columns(Integer, "gone"),  # items removed since it was written, about
    *columns(Text, "sha256"),
)

# PostgreSQL only: one row for each key of each item (its quad as a signed number).
POSTINGS: Final = Table(
    "index_postings",
    METADATA,
    *columns(Integer, "key", "number"),
    *columns(SmallInteger, "second"),
    Index("index_postings_by_key", "key", "number"),
    Index("index_postings_by_number", "number"),
)
