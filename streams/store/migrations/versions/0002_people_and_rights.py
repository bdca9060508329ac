"""Verdicts, appeals and the rights registry."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "verdicts",
        sa.Column("verdict_id", sa.Text(), primary_key=True),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("extent", sa.Text()),
        sa.Column("second_review_of", sa.Text()),
        sa.Column("undoes", sa.Text()),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("ix_verdicts_track", "verdicts", ["track_id"])
    op.create_index("ix_verdicts_upload", "verdicts", ["upload_id"])
    op.create_table(
        "appeals",
        sa.Column("change_id", sa.Text(), primary_key=True),
        sa.Column("appeal_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("grounds", sa.Text(), nullable=False),
        sa.Column("assigned_to", sa.Text()),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("ix_appeals_appeal", "appeals", ["appeal_id"])
    op.create_index("ix_appeals_track", "appeals", ["track_id"])
    op.create_index("ix_appeals_upload", "appeals", ["upload_id"])
    op.create_table(
        "rights",
        sa.Column("entry_id", sa.Text(), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("agreement_id", sa.Text()),
        sa.Column("generator_id", sa.Text()),
        sa.Column("permission", sa.Text()),
        sa.Column("valid_from", sa.Date()),
        sa.Column("valid_until", sa.Date()),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("ix_rights_agreement", "rights", ["agreement_id"])
