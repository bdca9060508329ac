"""Policies, trials, statements, usage, credits; what registry entries may be about."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from streams.store.migrations import columns, ids, indexes, moments, optional, records, words

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables; name what the tracks are about that are there."""
    names = optional("previous_decision_id", "facts_digest", "statement_id")
    for column in (*names, *moments("reconsider_at", nullable=True)):
        op.add_column("decisions", column)
    indexes("decisions", previous="previous_decision_id", reconsider="reconsider_at")
    subjects = op.create_table("subjects", *ids("kind", "name", "upload_id"), *words("track_id"))
    indexes("subjects", track="track_id")
    records(
        "policies",
        ids("change_id"),
        words("kind", "name", "version", "digest", "state"),
        optional("rule_id"),
        words("changed_by"),
        moments("changed_at"),
    )
    indexes("policies", name="name")
    records(
        "shadow_hits",
        ids("shadow_id", "rule_id"),
        columns(sa.Integer, "rule_version", primary_key=True),
        words("decision_id", "upload_id", "track_id", "policy_digest", "changed_dimensions"),
        columns(sa.Boolean, "would_review"),
        optional("distributor"),
    )
    indexes("shadow_hits", rule="rule_id")
    records(
        "statements",
        ids("statement_id"),
        words("decision_id", "upload_id", "track_id"),
        optional("recipient", "replaces"),
    )
    records(
        "usages",
        ids("usage_id"),
        words("decision_id", "upload_id", "track_id", "agreement_id"),
        columns(sa.Boolean, "ended"),
        moments("from_at"),
    )
    indexes("usages", agreement="agreement_id")
    records("credits", ids("credits_id"), words("decision_id", "upload_id", "track_id"))
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
    """Return what ``streams.policy.registry.keys_of_event`` returned at that release."""
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
