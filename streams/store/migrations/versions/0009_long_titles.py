"""No B-tree of whole titles: PostgreSQL refuses entries over 2,704 bytes, and no query needs it."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Drop it; titles are found by their trigrams."""
    op.drop_index("ix_uploads_title", "uploads")
