"""Files that artists hand in with an appeal."""

import sqlalchemy as sa
from alembic import op

from streams.store.migrations import columns, ids, indexes, moments, optional, words

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Create the table of files; their contents are in the artefact store."""
    op.create_table(
        "appeal_files",
        *ids("file_id"),
        *words("link_id", "upload_id", "track_id"),
        *optional("appeal_id"),
        *words("name", "kind", "sha256"),
        *columns(sa.Integer, "size"),
        *moments("added_at"),
    )
    indexes("appeal_files", upload="upload_id", track="track_id", content="sha256")
