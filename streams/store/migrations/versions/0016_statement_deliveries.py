"""Delivery of statements of reasons: where they go, and which were delivered."""

import sqlalchemy as sa
from alembic import op

from streams.store.migrations import columns, ids, indexes, moments, optional, words

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Create the tables of addresses and of deliveries; a webhook may be of one distributor."""
    op.add_column("webhooks", sa.Column("distributor", sa.Text, nullable=True))
    op.create_table(
        "statement_addresses",
        *ids("distributor"),
        *words("address", "language"),
        *columns(sa.Boolean, "digest"),
        *words("set_by"),
        *moments("since"),
    )
    op.create_table(
        "statement_deliveries",
        *ids("statement_id"),
        *words("decision_id", "upload_id", "track_id", "state"),
        *columns(sa.Integer, "attempts"),
        *moments("next_at", "created_at"),
        *optional("distributor", "address", "receipt", "error", "task_id"),
        *moments("ended_at", nullable=True),
    )
    indexes("statement_deliveries", upload="upload_id", track="track_id", distributor="distributor")
    op.create_index("ix_statement_deliveries_due", "statement_deliveries", ["state", "next_at"])
