"""The tables of release 0.1, which were created without migrations."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from streams.store.migrations import columns, ids, indexes, moments, optional, records, words

revision = "0001"
down_revision = None

ANSWERED: Final = (
    *("model", "model_version", "model_digest"),
    *("policy", "policy_version", "policy_digest"),
)


def upgrade() -> None:
    """Create them."""
    records(
        "uploads",
        ids("upload_id"),
        words("track_id", "uri"),
        optional("title", "isrc", "distributor", "contains_ai"),
        moments("uploaded_at"),
    )
    records(
        "fingerprints",
        ids("upload_id", "content_sha256"),
        words("track_id", "container", "codec"),
        columns(sa.Integer, "sample_rate_hz"),
        columns(sa.Float, "duration_s"),
        words("observation_uri"),
        columns(sa.Integer, "observation_version", primary_key=True),
    )
    records(
        "analyses",
        ids("analysis_id", "upload_id"),
        words("track_id", "content_sha256", "outcome"),
        optional("reason"),
        words("extent"),
        columns(sa.Float, "score", "probability", "p_value", nullable=True),
        columns(sa.Float, "alpha"),
        columns(sa.Float, "coverage", nullable=True),
        optional("generator"),
        words("model", "model_version", "model_digest"),
    )
    indexes("analyses", upload="upload_id")
    records(
        "labels",
        ids("label_id"),
        words("upload_id", "track_id", "analysis_id", "subject", "extent", "certainty", "source"),
        optional("generator"),
        columns(sa.Boolean, "licensed"),
        optional("agreement_id"),
        columns(sa.Boolean, "effective"),
        words(*ANSWERED),
    )
    records(
        "decisions",
        ids("decision_id"),
        words("upload_id", "track_id", "content_sha256", "analysis_id"),
        words("outcome", "extent", "certainty", "source"),
        columns(sa.Boolean, "licensed"),
        words("display", "recommendation", "availability", "monetisation", "profile"),
        words("automation"),
        optional("review_task_id"),
        moments("uploaded_at"),
        words(*ANSWERED),
    )
    indexes("decisions", content="content_sha256", recorded="recorded_at")
    records(
        "review_tasks",
        ids("task_id"),
        words("decision_id", "upload_id", "track_id", "queue"),
        columns(sa.Integer, "priority"),
        moments("requested_for"),
        words(*ANSWERED),
    )
    records("applied", ids("decision_id"), words("upload_id", "track_id", "result"))
    op.create_table(
        "dead_letters",
        *ids("dead_letter_id"),
        *words("source", "processor", "reason", "detail", "origin"),
        *optional("upload_id", "track_id"),
        *columns(sa.LargeBinary, "key", "value", nullable=True),
        *columns(sa.Boolean, "omitted"),
        *words("headers"),
        *moments("recorded_at", nullable=True),
    )
    indexes("dead_letters", recorded="recorded_at", track="track_id", upload="upload_id")
    op.create_table(
        "dead_letter_actions",
        sa.Column("action_id", sa.Integer(), primary_key=True, autoincrement=True),
        *words("dead_letter_id"),
        *optional("upload_id", "track_id"),
        *words("action"),
        *columns(sa.Integer, "attempt"),
        *optional("sent_to"),
        *words("who", "why"),
        *moments("recorded_at"),
    )
    indexes("dead_letter_actions", letter="dead_letter_id", track="track_id", upload="upload_id")
