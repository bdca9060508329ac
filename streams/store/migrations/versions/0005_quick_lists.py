"""Indexes for the console's lists: latest uploads, searches, deliverers, versions."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create them; the index on ``recorded_at`` alone is contained in another."""
    op.drop_index("ix_uploads_recorded", "uploads")
    op.create_index("ix_uploads_latest", "uploads", ["recorded_at", "upload_id"])
    op.create_index("ix_uploads_title", "uploads", ["title", "recorded_at", "upload_id"])
    op.create_index("ix_uploads_isrc", "uploads", ["isrc"])
    op.create_index("ix_uploads_distributor", "uploads", ["distributor", "uploaded_at"])
    for name in ("model", "policy"):
        columns = [name, f"{name}_version", f"{name}_digest", "recorded_at"]
        op.create_index(f"ix_decisions_{name}", "decisions", columns)
