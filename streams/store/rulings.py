"""Answers of the detector and rulings of people: rows for its false positives and its recall.

All are of one model at one accepted rate: other answers tell nothing of these.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Subquery, exists, or_, select

from streams.contract.records.reviews import AppealChanged
from streams.policy.evaluate import SAMPLE_QUEUE
from streams.store import appeals
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import chunks, parsed
from streams.store.reviews import CLOSED_REVIEW
from streams.store.stored_records import fields_of
from streams.store.tables import (
    ANALYSES,
    APPEALS,
    DECISIONS,
    FINGERPRINTS,
    LABELS,
    REVIEW_TASKS,
    UPLOADS,
    VERDICTS,
)

NEWEST: Final = 10_000  # analyses that are looked at
RULED: Final = 5_000  # verdicts
ANSWER: Final = ("upload_id", "content_sha256", "compared_with", "outcome", "generator", "score")
UNRELEASED: Final = 2022  # from then on anyone can have made a track by a generator


class Service(NamedTuple):
    """Whose answers are meant: the model's digest, and the accepted rate of ``suspected``."""

    model_digest: str
    alpha: float

    @property
    def answers(self) -> ColumnElement[bool]:
        """The condition on analyses: this service scored them, and the kind of music is known."""
        return (
            (ANALYSES.c.model_digest == self.model_digest)
            & (ANALYSES.c.alpha == self.alpha)
            & ANALYSES.c.compared_with.is_not(None)
        )


def _newest(service: Service) -> Subquery:
    columns = (ANALYSES.c[name] for name in (*ANSWER, "analysis_id"))
    order = ANALYSES.c.recorded_at.desc(), ANALYSES.c.upload_id
    return select(*columns).where(service.answers).order_by(*order).limit(NEWEST).subquery()


def newest_answers(connection: Connection, service: Service) -> Sequence[Any]:
    """Return the newest answers; ``asked``: a rule sent the upload to people, not a sample."""
    newest = _newest(service)
    asked = exists().where(
        REVIEW_TASKS.c.upload_id == newest.c.upload_id, REVIEW_TASKS.c.queue != SAMPLE_QUEUE
    )
    columns = (newest.c[name] for name in ANSWER)
    return connection.execute(select(*columns, asked.label("asked"))).all()


def marks(connection: Connection, service: Service) -> set[tuple[str, str]]:
    """Return upload and generator of the newest answers' marks: what a file states of itself.

    Guesses are left out: watermarks, and tags that a platform's detector wrote.
    """
    newest = _newest(service)
    question = (
        select(newest.c.upload_id, LABELS.c.generator, LABELS.c.record)
        .join(LABELS, LABELS.c.upload_id == newest.c.upload_id)
        .where(LABELS.c.source == "provenance", LABELS.c.generator.is_not(None))
        .where(LABELS.c.certainty != "suspected", LABELS.c.extent.in_(("All", "Partly")))
    )
    return {
        (row.upload_id, row.generator)
        for row in connection.execute(question)
        if (fields_of(row.record).get("mark") or {}).get("kind") not in (None, "watermark")
    }


def old_releases(connection: Connection, service: Service) -> dict[str, str]:
    """Return those of the newest uploads that were released before music generators: their records.

    A date is what the deliverer states.
    """
    newest = _newest(service)
    dates = (f'%"release_date":"{decade}%' for decade in ("19", "200", "201", "2020", "2021"))
    question = (
        select(UPLOADS.c.upload_id, UPLOADS.c.record)
        .join(newest, newest.c.upload_id == UPLOADS.c.upload_id)
        .where(or_(*(UPLOADS.c.record.like(date) for date in dates)))
    )
    return {
        row.upload_id: row.record
        for row in connection.execute(question)
        # a title may contain such words
        if int((fields_of(row.record)["upload"].get("release_date") or "9999")[:4]) < UNRELEASED
    }


def verdicts(connection: Connection, service: Service) -> Sequence[Any]:
    """Return the latest verdicts that hold and state an extent, with answer and upload."""
    same = (ANALYSES.c.analysis_id == DECISIONS.c.analysis_id) & (
        ANALYSES.c.upload_id == DECISIONS.c.upload_id
    )
    question = (
        select(
            *(ANALYSES.c[name] for name in ANSWER),
            *(VERDICTS.c.extent, VERDICTS.c.reviewer, STATES.c.queue),
            *(VERDICTS.c.record.label("verdict"), UPLOADS.c.record.label("upload")),
        )
        .join(STATES, STATES.c.verdict_id == VERDICTS.c.verdict_id)
        .join(DECISIONS, DECISIONS.c.decision_id == VERDICTS.c.decision_id)
        .join(ANALYSES, same)
        .join(UPLOADS, UPLOADS.c.upload_id == VERDICTS.c.upload_id)
        .where(CLOSED_REVIEW, VERDICTS.c.extent.is_not(None), service.answers)
        .order_by(VERDICTS.c.decided_at.desc(), VERDICTS.c.verdict_id)
        .limit(RULED)
    )
    return connection.execute(question).all()


def appeals_about(connection: Connection, upload_ids: Collection[str]) -> list[AppealChanged]:
    """Return the appeals about uploads, each as it stands; the latest changed comes last."""
    about: list[AppealChanged] = []
    for ids in chunks(upload_ids):
        latest = appeals.latest(APPEALS.c.record, among=APPEALS.c.upload_id.in_(ids))
        about += parsed(connection, AppealChanged, latest.order_by(APPEALS.c.changed_at))
    return about


def observations(
    connection: Connection, upload_ids: Collection[str], version: int
) -> dict[str, dict[str, Any]]:
    """Return where the observations of uploads are, as ``ObservationRef`` has it."""
    places: dict[str, dict[str, Any]] = {}
    for ids in chunks(upload_ids):
        question = select(FINGERPRINTS.c.upload_id, FINGERPRINTS.c.record).where(
            FINGERPRINTS.c.upload_id.in_(ids), FINGERPRINTS.c.observation_version == version
        )
        places |= {
            row.upload_id: fields_of(row.record)["observation"]
            for row in connection.execute(question)
        }
    return places
