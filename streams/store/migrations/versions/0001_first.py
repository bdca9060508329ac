"""The tables of release 0.1, which were created without migrations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "uploads",
        sa.Column("upload_id", sa.Text(), primary_key=True),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("isrc", sa.Text()),
        sa.Column("distributor", sa.Text()),
        sa.Column("contains_ai", sa.Text()),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("ix_uploads_track", "uploads", ["track_id"])
    op.create_table(
        "fingerprints",
        sa.Column("upload_id", sa.Text(), primary_key=True),
        sa.Column("content_sha256", sa.Text(), primary_key=True),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("sample_rate_hz", sa.Integer(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("observation_uri", sa.Text(), nullable=False),
        sa.Column("observation_version", sa.Integer(), primary_key=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("ix_fingerprints_track", "fingerprints", ["track_id"])
    op.create_table(
        "analyses",
        sa.Column("analysis_id", sa.Text(), primary_key=True),
        sa.Column("upload_id", sa.Text(), primary_key=True),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("extent", sa.Text(), nullable=False),
        sa.Column("score", sa.Float()),
        sa.Column("probability", sa.Float()),
        sa.Column("p_value", sa.Float()),
        sa.Column("alpha", sa.Float(), nullable=False),
        sa.Column("coverage", sa.Float()),
        sa.Column("generator", sa.Text()),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("ix_analyses_track", "analyses", ["track_id"])
    op.create_index("ix_analyses_upload", "analyses", ["upload_id"])
    op.create_table(
        "labels",
        sa.Column("label_id", sa.Text(), primary_key=True),
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("analysis_id", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("extent", sa.Text(), nullable=False),
        sa.Column("certainty", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("generator", sa.Text()),
        sa.Column("licensed", sa.Boolean(), nullable=False),
        sa.Column("agreement_id", sa.Text()),
        sa.Column("effective", sa.Boolean(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("ix_labels_track", "labels", ["track_id"])
    op.create_index("ix_labels_upload", "labels", ["upload_id"])
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.Text(), primary_key=True),
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("analysis_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("extent", sa.Text(), nullable=False),
        sa.Column("certainty", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("licensed", sa.Boolean(), nullable=False),
        sa.Column("display", sa.Text(), nullable=False),
        sa.Column("recommendation", sa.Text(), nullable=False),
        sa.Column("availability", sa.Text(), nullable=False),
        sa.Column("monetisation", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("automation", sa.Text(), nullable=False),
        sa.Column("review_task_id", sa.Text()),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("ix_decisions_content", "decisions", ["content_sha256"])
    op.create_index("ix_decisions_recorded", "decisions", ["recorded_at"])
    op.create_index("ix_decisions_track", "decisions", ["track_id"])
    op.create_index("ix_decisions_upload", "decisions", ["upload_id"])
    op.create_table(
        "review_tasks",
        sa.Column("task_id", sa.Text(), primary_key=True),
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("requested_for", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("ix_review_tasks_track", "review_tasks", ["track_id"])
    op.create_index("ix_review_tasks_upload", "review_tasks", ["upload_id"])
    op.create_table(
        "applied",
        sa.Column("decision_id", sa.Text(), primary_key=True),
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("track_id", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("ix_applied_track", "applied", ["track_id"])
    op.create_index("ix_applied_upload", "applied", ["upload_id"])
    op.create_table(
        "dead_letters",
        sa.Column("dead_letter_id", sa.Text(), primary_key=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.Text()),
        sa.Column("track_id", sa.Text()),
        sa.Column("key", sa.LargeBinary()),
        sa.Column("value", sa.LargeBinary()),
        sa.Column("omitted", sa.Boolean(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_dead_letters_recorded", "dead_letters", ["recorded_at"])
    op.create_index("ix_dead_letters_track", "dead_letters", ["track_id"])
    op.create_index("ix_dead_letters_upload", "dead_letters", ["upload_id"])
    op.create_table(
        "dead_letter_actions",
        sa.Column("action_id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("dead_letter_id", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.Text()),
        sa.Column("track_id", sa.Text()),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sent_to", sa.Text()),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_dead_letter_actions_letter", "dead_letter_actions", ["dead_letter_id"])
    op.create_index("ix_dead_letter_actions_track", "dead_letter_actions", ["track_id"])
    op.create_index("ix_dead_letter_actions_upload", "dead_letter_actions", ["upload_id"])
