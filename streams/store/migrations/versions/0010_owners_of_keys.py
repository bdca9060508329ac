"""Whose an API key is, what it has handed in, and how a session began."""

import sqlalchemy as sa
from alembic import op

from streams.store.migrations import columns, ids, indexes, optional

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns; the keys that exist stay the platform's own."""
    op.add_column("api_keys", *optional("distributors"))
    op.add_column("api_keys", *columns(sa.Integer, "uploads_per_hour", nullable=True))
    op.add_column("sessions", *columns(sa.Boolean, "by_link", server_default=sa.false()))
    at = columns(sa.DateTime(timezone=True), "at", primary_key=True)
    op.create_table("key_uploads", *ids("key_id"), *at, *ids("upload_id"))
    indexes("key_uploads", at="at")
