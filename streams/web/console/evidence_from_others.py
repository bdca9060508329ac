"""What others say about a recording: its file, the registry of rights, recordings known before."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from streams.contract.records import Match, TrackDecided, Upload, parse
from streams.contract.records.rights import RightsChanged
from streams.store.tables import DECISIONS, RIGHTS


@dataclass(frozen=True)
class Alike:
    """A known recording, and where it can be heard: ``upload_id`` None where it is not here.

    Second ``here_s`` of this upload is second ``there_s`` of the known one, which runs
    ``speed`` times as quickly beside it.
    """

    match: Match
    upload_id: str | None
    here_s: float
    there_s: float
    speed: float


def known_recordings(connection: Connection, upload_id: str, heard: dict[str, Any]) -> list[Alike]:
    """Return the recordings that an upload was found to be, in whole or in part, best first."""
    matches = [Match.model_validate(one) for one in heard.get("matches", ())]
    if not matches:
        return []
    contents = {one.content_sha256 for one in matches if one.content_sha256}
    question = select(DECISIONS.c.content_sha256, func.max(DECISIONS.c.upload_id)).where(
        DECISIONS.c.content_sha256.in_(contents), DECISIONS.c.upload_id != upload_id
    )
    rows = connection.execute(question.group_by(DECISIONS.c.content_sha256)).all()
    uploads = {row[0]: row[1] for row in rows}
    return [_alike(one, uploads.get(one.content_sha256 or "")) for one in matches]


def _alike(match: Match, upload_id: str | None) -> Alike:
    speed = match.speed_ratio or 1.0
    if match.start_s is not None and match.known_start_s is not None:
        return Alike(match, upload_id, match.start_s, match.known_start_s, speed)
    offset = match.offset_s or 0.0  # negative: so much of this upload comes before the known one
    here, there = (0.0, offset) if offset >= 0 else (-offset / speed, 0.0)
    return Alike(match, upload_id, here, there, speed)


def entries(
    connection: Connection, upload: Upload, decision: TrackDecided | None
) -> list[RightsChanged]:
    """Return the registry's entries that the delivery, the label or the analysis name."""
    tools = upload.declared.tools if upload.declared else ()
    agreements = {tool.agreement_id for tool in tools if tool.agreement_id}
    generators = set[str]()
    if decision is not None:
        if decision.label.agreement_id:
            agreements.add(decision.label.agreement_id)
        if decision.analysis.generator:
            generators.add(decision.analysis.generator)
    if not agreements and not generators:
        return []
    newest = (
        select(RIGHTS.c.entry_id, func.max(RIGHTS.c.version).label("version"))
        .where(RIGHTS.c.agreement_id.in_(agreements) | RIGHTS.c.generator_id.in_(generators))
        .group_by(RIGHTS.c.entry_id)
        .subquery()
    )
    question = (
        select(RIGHTS.c.record)
        .join(
            newest,
            (newest.c.entry_id == RIGHTS.c.entry_id) & (newest.c.version == RIGHTS.c.version),
        )
        .order_by(RIGHTS.c.entry_id)
        .limit(20)
    )
    return [parse(RightsChanged, text.encode()) for text in connection.scalars(question)]
