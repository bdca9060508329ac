"""Links by which artists reach the page about their recording."""

from alembic import op

from streams.store.migrations import ids, indexes, moments, optional, words

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Create the table of links."""
    op.create_table(
        "artist_links",
        *ids("link_id"),
        *words("decision_id", "upload_id", "track_id", "created_by"),
        *moments("created_at", "expires_at"),
        *moments("opened_at", "revoked_at", nullable=True),
        *optional("revoked_by"),
    )
    indexes("artist_links", decision="decision_id", upload="upload_id", track="track_id")
