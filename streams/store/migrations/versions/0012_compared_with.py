"""With whose music each analysis compares; null in analyses of earlier releases."""

from alembic import op

from streams.store.migrations import optional

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column."""
    op.add_column("analyses", *optional("compared_with"))
