"""The tables of a fingerprint index: items, banks, their audit log. See ``streams.known.index``."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
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

from streams.store.tables import Moment, Words

METADATA: Final = MetaData()

STATE: Final = Table(
    "index_state",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""``landmarks``: the version that is held. ``generation``: counts changes, for readers."""

BANKS: Final = Table(
    "index_banks",
    METADATA,
    Column("name", Words, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("owner", Words, nullable=False),
    Column("enabled_ratio", Float, nullable=False),
    Column("disabled_until", Moment),
    Column("min_score", Float, nullable=False),
    Column("min_overlap_s", Float, nullable=False),
    Column("generator", Words),
    Column("licence", Words),
    Column("note", Words),
)

ITEMS: Final = Table(
    "index_items",
    METADATA,
    # a number is never given twice: postings of what was removed must not find another
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("bank", Words, nullable=False),
    Column("item_id", Words, nullable=False),
    Column("content_sha256", LargeBinary, nullable=False),
    Column("pcm_sha256", LargeBinary),
    Column("duration_s", Float, nullable=False),
    Column("landmarks", LargeBinary, nullable=False),
    Column("generator", Words),
    Column("licence", Words),
    Column("note", Words),
    UniqueConstraint("bank", "item_id"),
    Index("index_items_by_content", "content_sha256"),
    Index("index_items_by_pcm", "pcm_sha256"),
    sqlite_autoincrement=True,
)

AUDIT: Final = Table(
    "index_audit",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("who", Words, nullable=False),
    Column("action", Text, nullable=False),
    Column("bank", Words, nullable=False),
    Column("why", Words),
    Column("detail", Words, nullable=False),
    sqlite_autoincrement=True,
)

# Embedded only: index keys of the latest items, and the files that hold those of the others.
FRESH: Final = Table(
    "index_fresh",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("keys", LargeBinary, nullable=False),
)
SEGMENTS: Final = Table(
    "index_segments",
    METADATA,
    Column("file", Text, primary_key=True),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("items", Integer, nullable=False),
    Column("postings", BigInteger, nullable=False),
    Column("gone", Integer, nullable=False),  # items removed since it was written, about
    Column("sha256", Text, nullable=False),
)

# PostgreSQL only: one row for each key of each item (its quad as a signed number).
POSTINGS: Final = Table(
    "index_postings",
    METADATA,
    Column("key", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("second", SmallInteger, nullable=False),
    Index("index_postings_by_key", "key", "number"),
    Index("index_postings_by_number", "number"),
)
