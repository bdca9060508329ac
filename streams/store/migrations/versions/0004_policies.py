"""Policies, trials, statements, usage, credits; what registry entries may be about."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _about_a_track() -> list[sa.Column[str]]:
    names = ("decision_id", "upload_id", "track_id")
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _recorded() -> list[Any]:
    return [
        sa.Column("recorded_at", sa.DateTime(timezone=True)),
        sa.Column("record", sa.Text(), nullable=False),
    ]


def upgrade() -> None:
    """Create the tables; name what the tracks are about that are there."""
    for name in ("previous_decision_id", "facts_digest", "statement_id"):
        op.add_column("decisions", sa.Column(name, sa.Text()))
    op.add_column("decisions", sa.Column("reconsider_at", sa.DateTime(timezone=True)))
    op.create_index("ix_decisions_previous", "decisions", ["previous_decision_id"])
    op.create_index("ix_decisions_reconsider", "decisions", ["reconsider_at"])
    subjects = op.create_table(
        "subjects",
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("upload_id", sa.Text(), primary_key=True),
        sa.Column("track_id", sa.Text(), nullable=False),
    )
    op.create_index("ix_subjects_track", "subjects", ["track_id"])
    op.create_table(
        "policies",
        sa.Column("change_id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text()),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        *_recorded(),
    )
    op.create_index("ix_policies_name", "policies", ["name"])
    op.create_table(
        "shadow_hits",
        sa.Column("shadow_id", sa.Text(), primary_key=True),
        sa.Column("rule_id", sa.Text(), primary_key=True),
        sa.Column("rule_version", sa.Integer(), primary_key=True),
        *_about_a_track(),
        sa.Column("policy_digest", sa.Text(), nullable=False),
        sa.Column("changed_dimensions", sa.Text(), nullable=False),
        sa.Column("would_review", sa.Boolean(), nullable=False),
        sa.Column("distributor", sa.Text()),
        *_recorded(),
    )
    op.create_index("ix_shadow_hits_rule", "shadow_hits", ["rule_id"])
    op.create_table(
        "statements",
        sa.Column("statement_id", sa.Text(), primary_key=True),
        *_about_a_track(),
        sa.Column("recipient", sa.Text()),
        sa.Column("replaces", sa.Text()),
        *_recorded(),
    )
    op.create_table(
        "usages",
        sa.Column("usage_id", sa.Text(), primary_key=True),
        *_about_a_track(),
        sa.Column("agreement_id", sa.Text(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        *_recorded(),
    )
    op.create_index("ix_usages_agreement", "usages", ["agreement_id"])
    op.create_table(
        "credits",
        sa.Column("credits_id", sa.Text(), primary_key=True),
        *_about_a_track(),
        *_recorded(),
    )
    for name in ("shadow_hits", "statements", "usages", "credits"):
        op.create_index(f"ix_{name}_track", name, ["track_id"])
        op.create_index(f"ix_{name}_upload", name, ["upload_id"])
    _name_subjects(subjects)


def _name_subjects(subjects: sa.Table) -> None:
    connection = op.get_bind()
    analyses = connection.execute(sa.text("SELECT upload_id, track_id, record FROM analyses"))
    known: set[tuple[str, str, str]] = set()
    while rows := analyses.fetchmany(1_000):
        new = []
        for upload_id, track_id, record in rows:
            for kind, name in _subjects(json.loads(record)):
                if (kind, name, upload_id) not in known:
                    known.add((kind, name, upload_id))
                    new.append(
                        {"kind": kind, "name": name, "upload_id": upload_id, "track_id": track_id}
                    )
        if new:
            connection.execute(sa.insert(subjects), new)


def _subjects(record: dict[str, Any]) -> set[tuple[str, str]]:
    """What ``streams.policy.registry.keys_of_event`` said when this was written."""
    upload = record["upload"]
    keys = {("artist", name.casefold()) for name in upload.get("artists", ())}
    for tool in upload.get("declared", {}).get("tools", ()):
        keys.add(("generator", tool["name"].casefold()))
        if tool.get("agreement_id"):
            keys.add(("agreement", tool["agreement_id"].casefold()))
    for kind in ("isrc", "distributor"):
        if upload.get(kind):
            keys.add((kind, upload[kind].casefold()))
    if record["analysis"].get("generator"):
        keys.add(("generator", record["analysis"]["generator"].casefold()))
    return keys
