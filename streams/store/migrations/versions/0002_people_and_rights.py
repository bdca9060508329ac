"""Verdicts, appeals and the rights registry."""

import sqlalchemy as sa

from streams.store.migrations import columns, ids, indexes, moments, optional, records, words

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create them."""
    records(
        "verdicts",
        ids("verdict_id"),
        words("task_id", "decision_id", "upload_id", "track_id", "reviewer", "outcome"),
        optional("extent", "second_review_of", "undoes"),
        moments("decided_at"),
    )
    records(
        "appeals",
        ids("change_id"),
        words("appeal_id"),
        columns(sa.Integer, "sequence"),
        words("decision_id", "upload_id", "track_id", "state", "grounds"),
        optional("assigned_to"),
        moments("received_at", "window_ends_at", "changed_at"),
    )
    indexes("appeals", appeal="appeal_id")
    records(
        "rights",
        ids("entry_id"),
        columns(sa.Integer, "version", primary_key=True),
        words("kind"),
        optional("agreement_id", "generator_id", "permission"),
        columns(sa.Date, "valid_from", "valid_until", nullable=True),
        words("changed_by"),
        moments("changed_at"),
    )
    indexes("rights", agreement="agreement_id")
