"""What models answer about stored observations: beside the one that decides, and in its place."""

from alembic import op

from streams.store.migrations import ids, indexes, optional, records, words

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the candidates' answers, and which analysis another one replaces."""
    op.add_column("analyses", *optional("replaces"))
    records(
        "rescores",
        ids("analysis_id", "upload_id"),
        words("track_id", "outcome"),
        optional("generator"),
        words("model", "model_version", "model_digest"),
    )
    indexes("rescores", upload="upload_id")
