"""Whose an API key is, what it has handed in, and how a session began."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns; the keys that exist stay the platform's own."""
    op.add_column("api_keys", sa.Column("distributors", sa.Text()))
    op.add_column("api_keys", sa.Column("uploads_per_hour", sa.Integer()))
    by_link: sa.Column[bool] = sa.Column(
        "by_link", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("sessions", by_link)
    op.create_table(
        "key_uploads",
        sa.Column("key_id", sa.Text(), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("upload_id", sa.Text(), primary_key=True),
    )
    op.create_index("ix_key_uploads_at", "key_uploads", ["at"])
