"""The tables of the ledger. See ``streams.store.database``.

``recorded_at`` is the time at which the broker took the record; ``uploaded_at`` is the
delivery's own. ``record`` is the record's JSON as it lay on its topic (of a label: the
label's).
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

from streams.contract import topics
from streams.contract.vocabulary import DIMENSIONS


class Words(TypeDecorator[str]):
    """Text. PostgreSQL stores no NUL, so none is stored anywhere; ``record`` escapes it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace what cannot be stored."""
        return value if value is None else value.replace("\0", "\N{REPLACEMENT CHARACTER}")


class Moment(TypeDecorator[datetime]):
    """A point in time, always UTC and always aware; SQLite forgets zones by itself."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC."""
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return an aware time."""
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _id(name: str) -> Column[str]:
    return Column(name, Words, primary_key=True)


def _words(name: str) -> Column[str]:
    return Column(name, Words, nullable=False)


def _maybe(name: str) -> Column[str]:
    return Column(name, Words)


def _recorded() -> tuple[Column[datetime], Column[str]]:
    return Column("recorded_at", Moment), _words("record")


def _answered() -> tuple[Column[str], ...]:
    """Which model and which policy spoke."""
    names = ("model", "model_version", "model_digest", "policy", "policy_version", "policy_digest")
    return tuple(_words(name) for name in names)


METADATA: Final = MetaData()

UPLOADS: Final = Table(
    "uploads",
    METADATA,
    _id("upload_id"),
    _words("track_id"),
    _words("uri"),
    _maybe("title"),
    _maybe("isrc"),
    _maybe("distributor"),
    _maybe("contains_ai"),
    _maybe("release_id"),
    Column("uploaded_at", Moment, nullable=False),
    *_recorded(),
    info={"topic": topics.UPLOADED},
)

FINGERPRINTS: Final = Table(
    "fingerprints",
    METADATA,
    _id("upload_id"),
    _id("content_sha256"),
    _words("track_id"),
    _words("container"),
    _words("codec"),
    Column("sample_rate_hz", Integer, nullable=False),
    Column("duration_s", Float, nullable=False),
    _words("observation_uri"),
    Column("observation_version", Integer, primary_key=True),
    *_recorded(),
    info={"topic": topics.FINGERPRINTED},
)

# An analysis belongs to content, model and alpha: uploads of the same content share its id.
ANALYSES: Final = Table(
    "analyses",
    METADATA,
    _id("analysis_id"),
    _id("upload_id"),
    _words("track_id"),
    _words("content_sha256"),
    _words("outcome"),
    _maybe("reason"),
    _words("extent"),
    Column("score", Float),
    Column("probability", Float),
    Column("p_value", Float),
    Column("alpha", Float, nullable=False),
    Column("coverage", Float),
    _maybe("generator"),
    _words("model"),
    _words("model_version"),
    _words("model_digest"),
    *_recorded(),
    info={"topic": topics.CLASSIFIED},
)

LABELS: Final = Table(
    "labels",
    METADATA,
    _id("label_id"),
    _words("upload_id"),
    _words("track_id"),
    _words("analysis_id"),
    _words("subject"),
    _words("extent"),
    _words("certainty"),
    _words("source"),
    _maybe("generator"),
    Column("licensed", Boolean, nullable=False),
    _maybe("agreement_id"),
    Column("effective", Boolean, nullable=False),
    *_answered(),
    *_recorded(),
)

DECISIONS: Final = Table(
    "decisions",
    METADATA,
    _id("decision_id"),
    _words("upload_id"),
    _words("track_id"),
    _words("content_sha256"),
    _words("analysis_id"),
    _words("outcome"),
    _words("extent"),
    _words("certainty"),
    _words("source"),
    Column("licensed", Boolean, nullable=False),
    *(_words(dimension) for dimension in DIMENSIONS),
    _words("automation"),
    _maybe("review_task_id"),
    Column("uploaded_at", Moment, nullable=False),
    _maybe("previous_decision_id"),
    _maybe("facts_digest"),
    _maybe("statement_id"),
    Column("reconsider_at", Moment),
    *_answered(),
    *_recorded(),
    info={"topic": topics.DECIDED, "newest": "uploaded_at"},
)

REVIEW_TASKS: Final = Table(
    "review_tasks",
    METADATA,
    _id("task_id"),
    _words("decision_id"),
    _words("upload_id"),
    _words("track_id"),
    _words("queue"),
    Column("priority", Integer, nullable=False),
    Column("requested_for", Moment, nullable=False),
    *_answered(),
    *_recorded(),
    info={"topic": topics.REVIEWS_REQUESTED},
)

VERDICTS: Final = Table(
    "verdicts",
    METADATA,
    _id("verdict_id"),
    _words("task_id"),
    _words("decision_id"),
    _words("upload_id"),
    _words("track_id"),
    _words("reviewer"),
    _words("outcome"),
    _maybe("extent"),
    _maybe("second_review_of"),
    _maybe("undoes"),
    Column("decided_at", Moment, nullable=False),
    *_recorded(),
    info={"topic": topics.REVIEWS_DECIDED},
)

# Every change of every appeal; of an appeal the highest sequence says how it stands.
APPEALS: Final = Table(
    "appeals",
    METADATA,
    _id("change_id"),
    _words("appeal_id"),
    Column("sequence", Integer, nullable=False),
    _words("decision_id"),
    _words("upload_id"),
    _words("track_id"),
    _words("state"),
    _words("grounds"),
    _maybe("assigned_to"),
    Column("received_at", Moment, nullable=False),
    Column("window_ends_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    *_recorded(),
    info={"topic": topics.APPEALS_CHANGED},
)

# Every version of every entry; the highest speaks.
RIGHTS: Final = Table(
    "rights",
    METADATA,
    _id("entry_id"),
    Column("version", Integer, primary_key=True),
    _words("kind"),
    _maybe("agreement_id"),
    _maybe("generator_id"),
    _maybe("permission"),
    Column("valid_from", Date),
    Column("valid_until", Date),
    _words("changed_by"),
    Column("changed_at", Moment, nullable=False),
    *_recorded(),
    info={"topic": topics.RIGHTS_CHANGED},
)

# By which names registry entries may be about an upload (``streams.policy.registry``).
SUBJECTS: Final = Table(
    "subjects",
    METADATA,
    _id("kind"),
    _id("name"),
    _id("upload_id"),
    _words("track_id"),
)

# Bundles and switches of rules, as they were proposed, approved, released, withdrawn.
POLICIES: Final = Table(
    "policies",
    METADATA,
    _id("change_id"),
    _words("kind"),
    _words("name"),
    _words("version"),
    _words("digest"),
    _words("state"),
    _maybe("rule_id"),
    _words("changed_by"),
    Column("changed_at", Moment, nullable=False),
    *_recorded(),
    info={"topic": topics.POLICIES_CHANGED},
)

# A row for every rule on trial that held for a decision.
SHADOW_HITS: Final = Table(
    "shadow_hits",
    METADATA,
    _id("shadow_id"),
    _id("rule_id"),
    Column("rule_version", Integer, primary_key=True),
    _words("decision_id"),
    _words("upload_id"),
    _words("track_id"),
    _words("policy_digest"),
    _words("changed_dimensions"),
    Column("would_review", Boolean, nullable=False),
    _maybe("distributor"),
    *_recorded(),
)

STATEMENTS: Final = Table(
    "statements",
    METADATA,
    _id("statement_id"),
    _words("decision_id"),
    _words("upload_id"),
    _words("track_id"),
    _maybe("recipient"),
    _maybe("replaces"),
    *_recorded(),
    info={"topic": topics.STATEMENTS_WRITTEN},
)

USAGES: Final = Table(
    "usages",
    METADATA,
    _id("usage_id"),
    _words("decision_id"),
    _words("upload_id"),
    _words("track_id"),
    _words("agreement_id"),
    Column("ended", Boolean, nullable=False),
    Column("from_at", Moment, nullable=False),
    *_recorded(),
    info={"topic": topics.USAGE_ATTRIBUTED},
)

CREDITS: Final = Table(
    "credits",
    METADATA,
    _id("credits_id"),
    _words("decision_id"),
    _words("upload_id"),
    _words("track_id"),
    *_recorded(),
    info={"topic": topics.CREDITS_DERIVED},
)

# What the catalogue said first; it repeats itself whenever a decision comes again.
APPLIED: Final = Table(
    "applied",
    METADATA,
    _id("decision_id"),
    _words("upload_id"),
    _words("track_id"),
    _words("result"),
    *_recorded(),
    info={"topic": topics.DECISIONS_APPLIED},
)

# A dead letter is no record: its exact bytes and headers stand here instead of JSON.
DEAD_LETTERS: Final = Table(
    "dead_letters",
    METADATA,
    _id("dead_letter_id"),
    _words("source"),
    _words("processor"),
    _words("reason"),
    _words("detail"),
    _words("origin"),
    _maybe("upload_id"),
    _maybe("track_id"),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("omitted", Boolean, nullable=False),
    _words("headers"),
    Column("recorded_at", Moment),
)

# What people did about dead letters, as it happened; the latest says how one stands. The
# letters themselves never change, so a letter that is delivered again resets nothing.
DEAD_LETTER_ACTIONS: Final = Table(
    "dead_letter_actions",
    METADATA,
    Column("action_id", Integer, primary_key=True, autoincrement=True),
    _words("dead_letter_id"),
    _maybe("upload_id"),
    _maybe("track_id"),
    _words("action"),
    Column("attempt", Integer, nullable=False),
    _maybe("sent_to"),
    _words("who"),
    _words("why"),
    Column("recorded_at", Moment, nullable=False),
)

# The table of each topic whose record is stored as one row.
TABLES: Final = {
    table.info["topic"]: table for table in METADATA.tables.values() if "topic" in table.info
}

for _table in METADATA.sorted_tables:
    if _table in (RIGHTS, POLICIES):  # the registry and policies are about many tracks
        continue
    Index(f"ix_{_table.name}_track", _table.c.track_id)
    if not _table.c.upload_id.primary_key or _table is ANALYSES:
        Index(f"ix_{_table.name}_upload", _table.c.upload_id)
Index("ix_dead_letter_actions_letter", DEAD_LETTER_ACTIONS.c.dead_letter_id)
Index("ix_appeals_appeal", APPEALS.c.appeal_id)
Index("ix_rights_agreement", RIGHTS.c.agreement_id)
Index("ix_policies_name", POLICIES.c.name)
Index("ix_shadow_hits_rule", SHADOW_HITS.c.rule_id)
Index("ix_usages_agreement", USAGES.c.agreement_id)
Index("ix_decisions_reconsider", DECISIONS.c.reconsider_at)
Index("ix_decisions_previous", DECISIONS.c.previous_decision_id)
Index("ix_decisions_recorded", DECISIONS.c.recorded_at)
Index("ix_analyses_recorded", ANALYSES.c.recorded_at)
Index("ix_decisions_content", DECISIONS.c.content_sha256)
Index("ix_dead_letters_recorded", DEAD_LETTERS.c.recorded_at)
Index("ix_uploads_latest", UPLOADS.c.recorded_at, UPLOADS.c.upload_id)
Index("ix_uploads_title", UPLOADS.c.title, UPLOADS.c.recorded_at, UPLOADS.c.upload_id)
Index("ix_uploads_isrc", UPLOADS.c.isrc)
Index("ix_uploads_distributor", UPLOADS.c.distributor, UPLOADS.c.uploaded_at)
for _name in ("model", "policy"):
    _columns = (_name, f"{_name}_version", f"{_name}_digest", "recorded_at")
    Index(f"ix_decisions_{_name}", *(DECISIONS.c[_column] for _column in _columns))
Index("ix_uploads_release", UPLOADS.c.release_id)
Index("ix_verdicts_task", VERDICTS.c.task_id)
Index("ix_verdicts_undoes", VERDICTS.c.undoes)
