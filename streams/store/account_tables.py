"""The ledger's tables about people: who may do what, what they did, what is under way.

Unlike the projections of topics (``tables``) these rows change: a lease ends, a session
expires. What people say about tracks goes out as events by the outbox, in the transaction
that notes it here, and comes back as rows of ``verdicts`` and ``appeals``.
"""

from typing import Any, Final

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table
from sqlalchemy.types import TypeEngine

from streams.store.tables import METADATA, Moment, Words


def _column(name: str, kind: type[TypeEngine[Any]] | type[Words] | type[Moment]) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _table(name: str, *columns: Column[Any]) -> Table:
    return Table(name, METADATA, *columns, info={"people": True})


def _id(name: str) -> Column[str]:
    return Column(name, Words, primary_key=True)


def _number(name: str) -> Column[int]:
    return Column(name, Integer, primary_key=True, autoincrement=True)


# --- accounts ------------------------------------------------------------------------------

USERS: Final = _table(
    "users",
    _id("user_id"),
    Column("name", Words, nullable=False, unique=True),
    _column("role", Words),
    Column("password_hash", Words),
    Column("oidc_subject", Words, unique=True),
    _column("active", Boolean),
    _column("blind", Boolean),
    _column("created_at", Moment),
)

# Only the SHA-256 of a token is stored: a reader of the database cannot use it.
SESSIONS: Final = _table(
    "sessions",
    _id("token_sha256"),
    _column("user_id", Words),
    _column("csrf", Words),
    _column("created_at", Moment),
    _column("seen_at", Moment),
    _column("expires_at", Moment),
)

LINKS: Final = _table(
    "one_time_links",
    _id("token_sha256"),
    _column("user_id", Words),
    _column("expires_at", Moment),
    Column("used_at", Moment),
)

LOGIN_ATTEMPTS: Final = _table(
    "login_attempts",
    _number("attempt_id"),
    _column("name", Words),
    _column("address", Words),
    _column("at", Moment),
)

API_KEYS: Final = _table(
    "api_keys",
    _id("key_id"),
    _column("name", Words),
    _column("role", Words),
    _column("secret_sha256", Words),
    _column("created_by", Words),
    _column("created_at", Moment),
    Column("revoked_at", Moment),
    Column("used_at", Moment),
)

# --- what was done -------------------------------------------------------------------------

# Append-only: triggers of the database refuse changes, and each entry holds the hash of the
# one before it.
AUDIT: Final = _table(
    "audit_log",
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    _column("at", Moment),
    _column("actor", Words),
    _column("action", Words),
    _column("subject", Words),
    _column("detail", Words),
    _column("previous", Words),
    _column("hash", Words),
)

# --- what goes out -------------------------------------------------------------------------

OUTBOX: Final = _table(
    "outbox",
    _number("sequence"),
    _column("topic", Words),
    _column("key", Words),
    _column("value", LargeBinary),
    _column("created_at", Moment),
    Column("sent_at", Moment),
    Column("traceparent", Words),
)

# Answers to requests that carried an idempotency key.
REQUESTS: Final = _table(
    "idempotent_requests",
    _id("caller"),
    _id("key"),
    _column("request_sha256", Words),
    _column("answer", Words),
    _column("at", Moment),
)

WEBHOOKS: Final = _table(
    "webhooks",
    _id("webhook_id"),
    _column("url", Words),
    _column("events", Words),
    _column("secret", Words),
    _column("active", Boolean),
    _column("created_by", Words),
    _column("created_at", Moment),
)

DELIVERIES: Final = _table(
    "webhook_deliveries",
    _id("delivery_id"),
    _column("webhook_id", Words),
    _column("event", Words),
    _column("body", Words),
    _column("state", Words),
    _column("attempts", Integer),
    _column("next_at", Moment),
    Column("status", Integer),
    Column("error", Words),
    _column("created_at", Moment),
)

# --- review --------------------------------------------------------------------------------

# How a review task stands: derived from ``review_tasks`` and ``verdicts`` but for the lease.
TASK_STATES: Final = _table(
    "task_states",
    _id("task_id"),
    _column("kind", Words),
    _column("decision_id", Words),
    _column("upload_id", Words),
    _column("track_id", Words),
    _column("queue", Words),
    _column("priority", Integer),
    _column("opened_at", Moment),
    _column("state", Words),
    Column("verdict_id", Words),
    Column("about_verdict", Words),
    Column("excluded", Words),
    Column("leased_by", Words),
    Column("leased_until", Moment),
)

# Tracks whose answer a lead knows: given to reviewers blind, to see how well they hear.
GOLDEN: Final = _table(
    "golden_tracks",
    _id("upload_id"),
    _column("extent", Words),
    _column("why", Words),
    _column("set_by", Words),
    _column("set_at", Moment),
)

Index("ix_sessions_user", SESSIONS.c.user_id)
Index("ix_login_attempts_name", LOGIN_ATTEMPTS.c.name, LOGIN_ATTEMPTS.c.at)
Index("ix_login_attempts_address", LOGIN_ATTEMPTS.c.address, LOGIN_ATTEMPTS.c.at)
Index("ix_audit_log_subject", AUDIT.c.subject)
Index("ix_outbox_sent", OUTBOX.c.sent_at, OUTBOX.c.sequence)
Index("ix_webhook_deliveries_due", DELIVERIES.c.state, DELIVERIES.c.next_at)
Index("ix_webhook_deliveries_webhook", DELIVERIES.c.webhook_id, DELIVERIES.c.created_at)
_ORDER: Final = (TASK_STATES.c.priority.desc(), TASK_STATES.c.opened_at, TASK_STATES.c.task_id)
Index("ix_task_states_queue", TASK_STATES.c.state, *_ORDER)
Index("ix_task_states_name", TASK_STATES.c.state, TASK_STATES.c.queue, *_ORDER)
Index("ix_task_states_age", TASK_STATES.c.state, *_ORDER[1:])
Index("ix_task_states_holder", TASK_STATES.c.leased_by)
Index("ix_task_states_upload", TASK_STATES.c.upload_id)
Index("ix_task_states_track", TASK_STATES.c.track_id)
