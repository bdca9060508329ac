"""An index for the newest scores, which the monitor asks for every two minutes."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Create it."""
    op.create_index("ix_analyses_recorded", "analyses", ["recorded_at"])
