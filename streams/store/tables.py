"""The tables of the ledger. See ``streams.store.database``.

``recorded_at`` is the broker's time of the record, ``uploaded_at`` the time of the delivery.
``record`` is the JSON of the record on its topic (of a label: the label's).
"""

from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator, TypeEngine

from streams.contract import topics
from streams.contract.vocabulary import DIMENSIONS
from streams.policy.registry import NEVER


class Words(TypeDecorator[str]):
    """Text. PostgreSQL stores no NUL, so each is replaced; ``record`` escapes it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Replace what cannot be stored."""
        return value if value is None else value.replace("\0", "\N{REPLACEMENT CHARACTER}")


class Moment(TypeDecorator[datetime]):
    """A point in time, always UTC and always aware; SQLite forgets zones by itself."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Store in UTC; the last day of the calendar has no equal in zones east of it."""
        return value if value is None else min(value, NEVER).astimezone(UTC)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Return an aware time."""
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
METADATA: Final = sa.MetaData()
_ANSWERED: Final = (  # the model and the policy of a decision
    *("model", "model_version", "model_digest"),
    *("policy", "policy_version", "policy_digest"),
)


def columns(kind: type[TypeEngine[Any]], *names: str, **options: Any) -> list[sa.Column[Any]]:
    """Return required columns of one kind; ``options`` are those of ``Column``."""
    return [sa.Column(name, kind, **{"nullable": False} | options) for name in names]


ids: Final = partial(columns, Words, primary_key=True)
words: Final = partial(columns, Words)
optional: Final = partial(columns, Words, nullable=True)
moments: Final = partial(columns, Moment)


def _table(name: str, *groups: list[sa.Column[Any]], **info: Any) -> sa.Table:
    recorded = sa.Column("recorded_at", Moment), *words("record")
    return sa.Table(name, METADATA, *chain(*groups, recorded), info=info)


UPLOADS: Final = _table(
    "uploads",
    ids("upload_id"),
    words("track_id", "uri"),
    optional("title", "isrc", "distributor", "contains_ai", "release_id"),
    moments("uploaded_at"),
    topic=topics.UPLOADED,
)

FINGERPRINTS: Final = _table(
    "fingerprints",
    ids("upload_id", "content_sha256"),
    words("track_id", "container", "codec"),
    columns(sa.Integer, "sample_rate_hz"),
    columns(sa.Float, "duration_s"),
    words("observation_uri"),
    columns(sa.Integer, "observation_version", primary_key=True),
    topic=topics.FINGERPRINTED,
)

# An analysis belongs to content, model and alpha: uploads of the same content share its id.
ANALYSES: Final = _table(
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
    optional("compared_with", "replaces"),
    topic=topics.CLASSIFIED,
)

# What candidates answer about stored observations.
RESCORES: Final = _table(
    "rescores",
    ids("analysis_id", "upload_id"),
    words("track_id", "outcome"),
    optional("generator"),
    words("model", "model_version", "model_digest"),
    topic=topics.RESCORED,
)

LABELS: Final = _table(
    "labels",
    ids("label_id"),
    words("upload_id", "track_id", "analysis_id", "subject", "extent", "certainty", "source"),
    optional("generator"),
    columns(sa.Boolean, "licensed"),
    optional("agreement_id"),
    columns(sa.Boolean, "effective"),
    words(*_ANSWERED),
)

DECISIONS: Final = _table(
    "decisions",
    ids("decision_id"),
    words("upload_id", "track_id", "content_sha256", "analysis_id"),
    words("outcome", "extent", "certainty", "source"),
    columns(sa.Boolean, "licensed"),
    words(*DIMENSIONS, "automation"),
    optional("review_task_id"),
    moments("uploaded_at"),
    optional("previous_decision_id", "facts_digest", "statement_id"),
    columns(Moment, "reconsider_at", nullable=True),
    words(*_ANSWERED),
    topic=topics.DECIDED,
    newest=("uploaded_at", "recorded_at"),
)

REVIEW_TASKS: Final = _table(
    "review_tasks",
    ids("task_id"),
    words("decision_id", "upload_id", "track_id", "queue"),
    columns(sa.Integer, "priority"),
    moments("requested_for"),
    words(*_ANSWERED),
    topic=topics.REVIEWS_REQUESTED,
)

VERDICTS: Final = _table(
    "verdicts",
    ids("verdict_id"),
    words("task_id", "decision_id", "upload_id", "track_id", "reviewer", "outcome"),
    optional("extent", "second_review_of", "undoes"),
    moments("decided_at"),
    topic=topics.REVIEWS_DECIDED,
)

# Every change of every appeal. The highest sequence is the appeal's current state.
APPEALS: Final = _table(
    "appeals",
    ids("change_id"),
    words("appeal_id"),
    columns(sa.Integer, "sequence"),
    words("decision_id", "upload_id", "track_id", "state", "grounds"),
    optional("assigned_to"),
    moments("received_at", "window_ends_at", "changed_at"),
    topic=topics.APPEALS_CHANGED,
)

# Every version of every entry. The highest is in force.
RIGHTS: Final = _table(
    "rights",
    ids("entry_id"),
    columns(sa.Integer, "version", primary_key=True),
    words("kind"),
    optional("agreement_id", "generator_id", "permission"),
    columns(sa.Date, "valid_from", "valid_until", nullable=True),
    words("changed_by"),
    moments("changed_at"),
    topic=topics.RIGHTS_CHANGED,
)

# Names by which registry entries may be about an upload (``streams.policy.registry``).
SUBJECTS: Final = sa.Table(
    "subjects", METADATA, *ids("kind", "name", "upload_id"), *words("track_id")
)

# Bundles and switches of rules: each proposal, approval, release and withdrawal.
POLICIES: Final = _table(
    "policies",
    ids("change_id"),
    words("kind", "name", "version", "digest", "state"),
    optional("rule_id"),
    words("changed_by"),
    moments("changed_at"),
    topic=topics.POLICIES_CHANGED,
)

# A row for every rule on trial that held for a decision.
SHADOW_HITS: Final = _table(
    "shadow_hits",
    ids("shadow_id", "rule_id"),
    columns(sa.Integer, "rule_version", primary_key=True),
    words("decision_id", "upload_id", "track_id", "policy_digest", "changed_dimensions"),
    columns(sa.Boolean, "would_review"),
    optional("distributor"),
)

STATEMENTS: Final = _table(
    "statements",
    ids("statement_id"),
    words("decision_id", "upload_id", "track_id"),
    optional("recipient", "replaces"),
    topic=topics.STATEMENTS_WRITTEN,
)

USAGES: Final = _table(
    "usages",
    ids("usage_id"),
    words("decision_id", "upload_id", "track_id", "agreement_id"),
    columns(sa.Boolean, "ended"),
    moments("from_at"),
    topic=topics.USAGE_ATTRIBUTED,
)

CREDITS: Final = _table(
    "credits",
    ids("credits_id"),
    words("decision_id", "upload_id", "track_id"),
    topic=topics.CREDITS_DERIVED,
)

# The catalogue's latest answer: of a track, the last that is not stale is what the catalogue has.
APPLIED: Final = _table(
    "applied",
    ids("decision_id"),
    words("upload_id", "track_id", "result"),
    topic=topics.DECISIONS_APPLIED,
    newest=("recorded_at",),
)

# A dead letter is no record: its exact bytes and headers are stored instead of JSON.
DEAD_LETTERS: Final = sa.Table(
    "dead_letters",
    METADATA,
    *ids("dead_letter_id"),
    *words("source", "processor", "reason", "detail", "origin"),
    *optional("upload_id", "track_id"),
    *columns(sa.LargeBinary, "key", "value", nullable=True),
    *columns(sa.Boolean, "omitted"),
    *words("headers"),
    *columns(Moment, "recorded_at", nullable=True),
)

# Actions of people on dead letters. The latest one is the status of its dead letter.
# Dead letters never change, so a repeated one resets nothing.
DEAD_LETTER_ACTIONS: Final = sa.Table(
    "dead_letter_actions",
    METADATA,
    sa.Column("action_id", sa.Integer, primary_key=True, autoincrement=True),
    *words("dead_letter_id"),
    *optional("upload_id", "track_id"),
    *words("action"),
    *columns(sa.Integer, "attempt"),
    *optional("sent_to"),
    *words("who", "why"),
    *moments("recorded_at"),
)

# The table of each topic whose record is stored as one row.
TABLES: Final = {
    table.info["topic"]: table for table in METADATA.tables.values() if "topic" in table.info
}

for _each in METADATA.sorted_tables:
    if _each in (RIGHTS, POLICIES):  # the registry and policies are about many tracks
        continue
    sa.Index(f"ix_{_each.name}_track", _each.c.track_id)
    if not _each.c.upload_id.primary_key or _each in (ANALYSES, RESCORES):
        sa.Index(f"ix_{_each.name}_upload", _each.c.upload_id)
sa.Index("ix_dead_letter_actions_letter", DEAD_LETTER_ACTIONS.c.dead_letter_id)
sa.Index("ix_appeals_appeal", APPEALS.c.appeal_id)
sa.Index("ix_rights_agreement", RIGHTS.c.agreement_id)
sa.Index("ix_policies_name", POLICIES.c.name)
sa.Index("ix_shadow_hits_rule", SHADOW_HITS.c.rule_id)
sa.Index("ix_usages_agreement", USAGES.c.agreement_id)
sa.Index("ix_decisions_reconsider", DECISIONS.c.reconsider_at)
sa.Index("ix_decisions_previous", DECISIONS.c.previous_decision_id)
sa.Index("ix_decisions_recorded", DECISIONS.c.recorded_at)
sa.Index("ix_analyses_recorded", ANALYSES.c.recorded_at)
sa.Index("ix_decisions_content", DECISIONS.c.content_sha256)
sa.Index("ix_dead_letters_recorded", DEAD_LETTERS.c.recorded_at)
sa.Index("ix_uploads_latest", UPLOADS.c.recorded_at, UPLOADS.c.upload_id)
sa.Index("ix_uploads_isrc", UPLOADS.c.isrc)
sa.Index("ix_uploads_distributor", UPLOADS.c.distributor, UPLOADS.c.uploaded_at)
sa.Index("ix_decisions_model", *(DECISIONS.c[name] for name in (*_ANSWERED[:3], "recorded_at")))
sa.Index("ix_decisions_policy", *(DECISIONS.c[name] for name in (*_ANSWERED[3:], "recorded_at")))
sa.Index("ix_uploads_release", UPLOADS.c.release_id)
sa.Index("ix_verdicts_task", VERDICTS.c.task_id)
sa.Index("ix_verdicts_undoes", VERDICTS.c.undoes)
