"""Which trace an event of the outbox belongs to."""

import sqlalchemy
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; empty where nothing is traced."""
    op.add_column("outbox", sqlalchemy.Column("traceparent", sqlalchemy.Text()))
