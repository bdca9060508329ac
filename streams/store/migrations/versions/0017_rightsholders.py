"""Rightsholders, what they ask for by a link, and their files."""

import sqlalchemy as sa
from alembic import op

from streams.store.migrations import ids, indexes, moments, optional, words

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Create the tables; links and files can be of a rightsholder."""
    op.create_table(
        "rightsholders",
        *ids("rightsholder_id"),
        *words("party_id", "name", "subject", "set_by"),
        *moments("since"),
        sa.UniqueConstraint("party_id"),
    )
    op.create_table(
        "rights_requests",
        *ids("request_id"),
        *words("rightsholder_id", "link_id", "kind", "state"),
        *optional("choice", "preview"),
        *words("proof"),
        *moments("made_at", "changed_at"),
        *optional("decided_by", "reasons", "entries"),
    )
    indexes("rights_requests", rightsholder="rightsholder_id")
    op.create_index("ix_rights_requests_state", "rights_requests", ["state", "made_at"])
    for table in ("artist_links", "appeal_files"):
        op.add_column(table, *optional("rightsholder_id"))
        indexes(table, rightsholder="rightsholder_id")
