"""Verdicts, appeals and the rights registry."""

import sqlalchemy as sa
from alembic import op

from streams.store.migrations.columns import (
    columns,
    ids,
    indexes,
    moments,
    optional,
    recorded,
    words,
)

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "verdicts",
        *ids("verdict_id"),
        *words("task_id", "decision_id", "upload_id", "track_id", "reviewer", "outcome"),
        *optional("extent", "second_review_of", "undoes"),
        *moments("decided_at"),
        *recorded(),
    )
    indexes("verdicts", track="track_id", upload="upload_id")
    op.create_table(
        "appeals",
        *ids("change_id"),
        *words("appeal_id"),
        *columns(sa.Integer, "sequence"),
        *words("decision_id", "upload_id", "track_id", "state", "grounds"),
        *optional("assigned_to"),
        *moments("received_at", "window_ends_at", "changed_at"),
        *recorded(),
    )
    indexes("appeals", appeal="appeal_id", track="track_id", upload="upload_id")
    op.create_table(
        "rights",
        *ids("entry_id"),
        *columns(sa.Integer, "version", primary_key=True),
        *words("kind"),
        *optional("agreement_id", "generator_id", "permission"),
        *columns(sa.Date, "valid_from", "valid_until", nullable=True),
        *words("changed_by"),
        *moments("changed_at"),
        *recorded(),
    )
    indexes("rights", agreement="agreement_id")
