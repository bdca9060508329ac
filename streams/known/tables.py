"""The tables of a fingerprint index: items, banks, their audit log. See ``streams.known.index``."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from streams.store.tables import Moment, Words, columns, optional, words


class Digest(TypeDecorator[str]):
    """A digest in hexadecimal digits, stored as bytes."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> bytes | None:
        """Return the bytes of the digits."""
        return value if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> str | None:
        """Return the digits of the bytes."""
        return value if value is None else bytes(value).hex()


METADATA: Final = sa.MetaData()

# ``landmarks`` and ``layout``: versions. ``generation`` counts changes, for readers. ``numbers``:
# the last number of an item.
STATE: Final = sa.Table(
    "index_state",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    *columns(sa.BigInteger, "value"),
)

BANKS: Final = sa.Table(
    "index_banks",
    METADATA,
    sa.Column("name", Words, primary_key=True),
    *columns(sa.Text, "kind"),
    *words("owner"),
    *columns(sa.Float, "enabled_ratio"),
    *columns(Moment, "disabled_until", nullable=True),
    *columns(sa.Float, "min_score", "min_overlap_s"),
    *optional("generator", "licence", "note"),
)

ITEMS: Final = sa.Table(
    "index_items",
    METADATA,
    # Each number is used once: postings of a removed item must not find another.
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    *words("bank", "item_id"),
    *columns(Digest, "content_sha256"),
    *columns(Digest, "pcm_sha256", nullable=True),
    *columns(sa.Float, "duration_s"),
    *columns(sa.LargeBinary, "landmarks"),
    *optional("generator", "licence", "note"),
    sa.UniqueConstraint("bank", "item_id"),
    sa.Index("index_items_by_content", "content_sha256"),
    sa.Index("index_items_by_pcm", "pcm_sha256"),
    sqlite_autoincrement=True,
)

AUDIT: Final = sa.Table(
    "index_audit",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    *columns(Moment, "at"),
    *words("who"),
    *columns(sa.Text, "action"),
    *words("bank"),
    *optional("why"),
    *words("detail"),
    sqlite_autoincrement=True,
)

# Embedded only: index keys of the latest items, and the files with the keys of the others.
FRESH: Final = sa.Table(
    "index_fresh",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    *columns(sa.LargeBinary, "keys"),
)
SEGMENTS: Final = sa.Table(
    "index_segments",
    METADATA,
    sa.Column("file", sa.Text, primary_key=True),
    *columns(sa.Integer, "first", "last", "items"),
    *columns(sa.BigInteger, "postings"),
    *columns(sa.Integer, "gone"),  # items removed since it was written, about
    *columns(sa.Text, "sha256"),
)

# PostgreSQL only: one row for each key of each item (its quad as a signed number).
POSTINGS: Final = sa.Table(
    "index_postings",
    METADATA,
    *columns(sa.Integer, "key", "number"),
    *columns(sa.SmallInteger, "second"),
    sa.Index("index_postings_by_key", "key", "number"),
    sa.Index("index_postings_by_number", "number"),
)
