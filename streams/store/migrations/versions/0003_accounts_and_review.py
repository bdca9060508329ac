"""Accounts, audit log, outbox, webhooks, how review tasks stand; releases of uploads."""

import sqlalchemy as sa
from alembic import op

from streams.store.migrations import columns, ids, indexes, moments, optional, words

revision = "0003"
down_revision = "0002"

# The database refuses every change of the audit log, also to the service.
SQLITE = """
CREATE TRIGGER audit_log_no_{name} BEFORE {event} ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
"""
FUNCTION = """
CREATE OR REPLACE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$
"""
POSTGRESQL = """
CREATE TRIGGER audit_log_no_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()
"""
TASKS = """
INSERT INTO task_states
  (task_id, kind, decision_id, upload_id, track_id, queue, priority, opened_at, state)
SELECT task_id, 'review', decision_id, upload_id, track_id, queue, priority, requested_for, 'open'
FROM review_tasks
"""


def upgrade() -> None:
    """Create the tables; open the tasks that are there."""
    op.create_table(
        "users",
        *ids("user_id"),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        *words("role"),
        *optional("password_hash"),
        sa.Column("oidc_subject", sa.Text(), unique=True),
        *columns(sa.Boolean, "active", "blind"),
        *moments("created_at"),
    )
    op.create_table(
        "sessions",
        *ids("token_sha256"),
        *words("user_id", "csrf"),
        *moments("created_at", "seen_at", "expires_at"),
    )
    indexes("sessions", user="user_id")
    op.create_table(
        "one_time_links",
        *ids("token_sha256"),
        *words("user_id"),
        *moments("expires_at"),
        *moments("used_at", nullable=True),
    )
    op.create_table(
        "login_attempts",
        sa.Column("attempt_id", sa.Integer(), primary_key=True, autoincrement=True),
        *words("name", "address"),
        *moments("at"),
    )
    op.create_index("ix_login_attempts_address", "login_attempts", ["address", "at"])
    op.create_index("ix_login_attempts_name", "login_attempts", ["name", "at"])
    op.create_table(
        "api_keys",
        *ids("key_id"),
        *words("name", "role", "secret_sha256", "created_by"),
        *moments("created_at"),
        *moments("revoked_at", "used_at", nullable=True),
    )
    op.create_table(
        "audit_log",
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=False),
        *moments("at"),
        *words("actor", "action", "subject", "detail", "previous", "hash"),
    )
    indexes("audit_log", subject="subject")
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.Integer(), primary_key=True, autoincrement=True),
        *words("topic", "key"),
        *columns(sa.LargeBinary, "value"),
        *moments("created_at"),
        *moments("sent_at", nullable=True),
    )
    op.create_index("ix_outbox_sent", "outbox", ["sent_at", "sequence"])
    op.create_table(
        "idempotent_requests",
        *ids("caller", "key"),
        *words("request_sha256", "answer"),
        *moments("at"),
    )
    op.create_table(
        "webhooks",
        *ids("webhook_id"),
        *words("url", "events", "secret"),
        *columns(sa.Boolean, "active"),
        *words("created_by"),
        *moments("created_at"),
    )
    op.create_table(
        "webhook_deliveries",
        *ids("delivery_id"),
        *words("webhook_id", "event", "body", "state"),
        *columns(sa.Integer, "attempts"),
        *moments("next_at"),
        *columns(sa.Integer, "status", nullable=True),
        *optional("error"),
        *moments("created_at"),
    )
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["state", "next_at"])
    op.create_index(
        "ix_webhook_deliveries_webhook", "webhook_deliveries", ["webhook_id", "created_at"]
    )
    op.create_table(
        "task_states",
        *ids("task_id"),
        *words("kind", "decision_id", "upload_id", "track_id", "queue"),
        *columns(sa.Integer, "priority"),
        *moments("opened_at"),
        *words("state"),
        *optional("verdict_id", "about_verdict", "excluded", "leased_by"),
        *moments("leased_until", nullable=True),
    )
    op.create_index("ix_task_states_queue", "task_states", ["state", "priority", "opened_at"])
    indexes("task_states", track="track_id", upload="upload_id")
    op.create_table(
        "golden_tracks", *ids("upload_id"), *words("extent", "why", "set_by"), *moments("set_at")
    )
    op.add_column("uploads", sa.Column("release_id", sa.Text()))
    indexes("uploads", release="release_id")
    indexes("verdicts", task="task_id", undoes="undoes")
    indexes("uploads", recorded="recorded_at")
    op.execute(TASKS)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION)
        op.execute(POSTGRESQL)
    else:
        for event in ("UPDATE", "DELETE"):
            op.execute(SQLITE.format(name=event.lower(), event=event))
