"""Indexes for the queue in each of its orders, and for texts that a search is contained in."""

from typing import Any

import structlog
from alembic import op
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

revision = "0008"
down_revision = "0007"

log = structlog.get_logger()

FTS = """
CREATE VIRTUAL TABLE upload_texts USING fts5(
    upload_id UNINDEXED, title, distributor, tokenize = 'trigram')
"""
FILL = """
INSERT INTO upload_texts (upload_id, title, distributor)
SELECT upload_id, title, distributor FROM uploads
WHERE title IS NOT NULL OR distributor IS NOT NULL ORDER BY recorded_at, upload_id
"""
ADDED = """
CREATE TRIGGER upload_texts_added AFTER INSERT ON uploads
WHEN new.title IS NOT NULL OR new.distributor IS NOT NULL BEGIN
    INSERT INTO upload_texts (upload_id, title, distributor)
    VALUES (new.upload_id, new.title, new.distributor);
END
"""
# Uploads never change; they go where a track is forgotten.
REMOVED = """
CREATE TRIGGER upload_texts_removed AFTER DELETE ON uploads BEGIN
    DELETE FROM upload_texts WHERE rowid IN
        (SELECT rowid FROM upload_texts WHERE upload_id = old.upload_id);
END
"""
TRIGRAMS = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX upload_texts ON uploads USING gin (title gin_trgm_ops, distributor gin_trgm_ops)",
)


def upgrade() -> None:
    """Create them."""
    op.drop_index("ix_task_states_queue", "task_states")
    order: list[Any] = [text("priority DESC"), "opened_at", "task_id"]
    op.create_index("ix_task_states_queue", "task_states", ["state", *order])
    op.create_index("ix_task_states_name", "task_states", ["state", "queue", *order])
    op.create_index("ix_task_states_age", "task_states", ["state", "opened_at", "task_id"])
    op.create_index("ix_task_states_holder", "task_states", ["leased_by"])
    if op.get_bind().dialect.name == "sqlite":
        for statement in (FTS, FILL, ADDED, REMOVED):
            op.execute(statement)
        return
    try:
        with op.get_bind().begin_nested():
            for statement in TRIGRAMS:
                op.execute(statement)
    except DBAPIError as error:  # not installed, or not ours to install: searches are but slow
        log.warning("search_without_index", reason=str(error.orig).strip().split("\n", 1)[0])
