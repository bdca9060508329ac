"""The ledger's tables about people: who may do what, what they did, what is under way.

Unlike the projections of topics (``tables``), these rows change: a lease ends, a session expires.
The outbox publishes what people decide about tracks, in the transaction that stores it here. The
event returns as a row of ``verdicts`` or ``appeals``.
"""

from itertools import chain
from typing import Any, Final

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, Table, false

from streams.store.tables import METADATA, Moment, Words, columns, ids, moments, optional, words


def _table(name: str, *groups: list[Column[Any]]) -> Table:
    return Table(name, METADATA, *chain(*groups), info={"people": True})


USERS: Final = _table(
    "users",
    ids("user_id"),
    columns(Words, "name", unique=True),
    words("role"),
    optional("password_hash"),
    columns(Words, "oidc_subject", unique=True, nullable=True),
    columns(Boolean, "active", "blind"),
    moments("created_at"),
)

# Only the SHA-256 of a token is stored: a reader of the database cannot use it.
SESSIONS: Final = _table(
    "sessions",
    ids("token_sha256"),
    words("user_id", "csrf"),
    moments("created_at", "seen_at", "expires_at"),
    columns(Boolean, "by_link", server_default=false()),
)

LINKS: Final = _table(
    "one_time_links",
    ids("token_sha256"),
    words("user_id"),
    moments("expires_at"),
    columns(Moment, "used_at", nullable=True),
)

LOGIN_ATTEMPTS: Final = _table(
    "login_attempts",
    columns(Integer, "attempt_id", primary_key=True, autoincrement=True),
    words("name", "address"),
    moments("at"),
)

API_KEYS: Final = _table(
    "api_keys",
    ids("key_id"),
    words("name", "role", "secret_sha256", "created_by"),
    moments("created_at"),
    columns(Moment, "revoked_at", "used_at", nullable=True),
    optional("distributors"),  # JSON list of whose uploads it writes and reads; null: all
    columns(Integer, "uploads_per_hour", nullable=True),
)

# The uploads of a day by key, for its quotas.
KEY_UPLOADS: Final = _table(
    "key_uploads",
    ids("key_id"),
    columns(Moment, "at", primary_key=True),
    ids("upload_id"),
)

# Append-only: triggers of the database refuse changes. Each entry contains the hash of the
# one before it.
AUDIT: Final = _table(
    "audit_log",
    columns(Integer, "sequence", primary_key=True, autoincrement=False),
    moments("at"),
    words("actor", "action", "subject", "detail", "previous", "hash"),
)

OUTBOX: Final = _table(
    "outbox",
    columns(Integer, "sequence", primary_key=True, autoincrement=True),
    words("topic", "key"),
    columns(LargeBinary, "value"),
    moments("created_at"),
    columns(Moment, "sent_at", nullable=True),
    optional("traceparent"),
)

# Answers to requests with an idempotency key.
REQUESTS: Final = _table(
    "idempotent_requests",
    ids("caller", "key"),
    words("request_sha256", "answer"),
    moments("at"),
)

WEBHOOKS: Final = _table(
    "webhooks",
    ids("webhook_id"),
    words("url", "events", "secret"),
    columns(Boolean, "active"),
    words("created_by"),
    moments("created_at"),
    optional("distributor"),  # whose statements of reasons it gets, and nothing else; null: all
)

DELIVERIES: Final = _table(
    "webhook_deliveries",
    ids("delivery_id"),
    words("webhook_id", "event", "body", "state"),
    columns(Integer, "attempts"),
    moments("next_at"),
    columns(Integer, "status", nullable=True),
    optional("error"),
    moments("created_at"),
)

# The states of review tasks: all but the lease follows from ``review_tasks`` and ``verdicts``.
TASK_STATES: Final = _table(
    "task_states",
    ids("task_id"),
    words("kind", "decision_id", "upload_id", "track_id", "queue"),
    columns(Integer, "priority"),
    moments("opened_at"),
    words("state"),
    optional("verdict_id", "about_verdict", "excluded", "leased_by"),
    columns(Moment, "leased_until", nullable=True),
)

# Tracks whose answer a lead knows. Reviewers decide them blind; agreement measures quality.
GOLDEN: Final = _table(
    "golden_tracks",
    ids("upload_id"),
    words("extent", "why", "set_by"),
    moments("set_at"),
)

# Links by which artists and rightsholders reach their page. A link holds no secret here: its
# signature is made from these columns and a key of the settings. One of a rightsholder has empty
# texts in place of a decision.
ARTIST_LINKS: Final = _table(
    "artist_links",
    ids("link_id"),
    words("decision_id", "upload_id", "track_id", "created_by"),
    moments("created_at", "expires_at"),
    columns(Moment, "opened_at", "revoked_at", nullable=True),
    optional("revoked_by", "rightsholder_id"),
)

# Who may choose about uses by a link; ``subject`` (JSON) names what is theirs.
RIGHTSHOLDERS: Final = _table(
    "rightsholders",
    ids("rightsholder_id"),
    columns(Words, "party_id", unique=True),
    words("name", "subject", "set_by"),
    moments("since"),
)

# What rightsholders ask for by their link: choices about uses, and the erasure of their data.
RIGHTS_REQUESTS: Final = _table(
    "rights_requests",
    ids("request_id"),
    words("rightsholder_id", "link_id", "kind", "state"),
    optional("choice", "preview"),  # JSON
    words("proof"),
    moments("made_at", "changed_at"),
    optional("decided_by", "reasons", "entries"),
)

# Files that artists and rightsholders hand in; of the latter without an upload. Their contents are
# in the artefact store, by SHA-256.
APPEAL_FILES: Final = _table(
    "appeal_files",
    ids("file_id"),
    words("link_id", "upload_id", "track_id"),
    optional("appeal_id"),  # or the rightsholder's request
    words("name", "kind", "sha256"),
    columns(Integer, "size"),
    moments("added_at"),
    optional("rightsholder_id"),
)

Index("ix_appeal_files_upload", APPEAL_FILES.c.upload_id)
Index("ix_appeal_files_track", APPEAL_FILES.c.track_id)
Index("ix_appeal_files_content", APPEAL_FILES.c.sha256)
Index("ix_appeal_files_rightsholder", APPEAL_FILES.c.rightsholder_id)
Index("ix_artist_links_rightsholder", ARTIST_LINKS.c.rightsholder_id)
Index("ix_rights_requests_rightsholder", RIGHTS_REQUESTS.c.rightsholder_id)
Index("ix_rights_requests_state", RIGHTS_REQUESTS.c.state, RIGHTS_REQUESTS.c.made_at)

# Where the statements of reasons about a distributor's uploads go by mail.
STATEMENT_ADDRESSES: Final = _table(
    "statement_addresses",
    ids("distributor"),
    words("address", "language"),
    columns(Boolean, "digest"),
    words("set_by"),
    moments("since"),
)

# Which statement was delivered to whom, when and how; or why it was not.
STATEMENT_DELIVERIES: Final = _table(
    "statement_deliveries",
    ids("statement_id"),
    words("decision_id", "upload_id", "track_id", "state"),
    columns(Integer, "attempts"),
    moments("next_at", "created_at"),
    optional("distributor", "address", "receipt", "error", "task_id"),
    columns(Moment, "ended_at", nullable=True),
)

for _name in ("decision", "upload", "track"):
    Index(f"ix_artist_links_{_name}", ARTIST_LINKS.c[f"{_name}_id"])
for _name in ("upload_id", "track_id", "distributor"):
    Index(f"ix_statement_deliveries_{_name.removesuffix('_id')}", STATEMENT_DELIVERIES.c[_name])
Index("ix_statement_deliveries_due", STATEMENT_DELIVERIES.c.state, STATEMENT_DELIVERIES.c.next_at)
Index("ix_sessions_user", SESSIONS.c.user_id)
Index("ix_login_attempts_name", LOGIN_ATTEMPTS.c.name, LOGIN_ATTEMPTS.c.at)
Index("ix_login_attempts_address", LOGIN_ATTEMPTS.c.address, LOGIN_ATTEMPTS.c.at)
Index("ix_key_uploads_at", KEY_UPLOADS.c.at)
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
