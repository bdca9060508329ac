"""Answers of the detector and rulings of people: rows for its false positives and its recall.

All are of one model at one accepted rate: other answers tell nothing of these.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, exists, or_, select

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


def newest_answers(connection: Connection, service: Service) -> Sequence[Any]:
    """Return the newest answers; ``asked``: a rule sent the upload to people, not a sample."""
    columns = (ANALYSES.c[name] for name in ANSWER)
    order = ANALYSES.c.recorded_at.desc(), ANALYSES.c.upload_id
    newest = select(*columns).where(service.answers).order_by(*order).limit(NEWEST).subquery()
    asked = exists().where(
        REVIEW_TASKS.c.upload_id == newest.c.upload_id, REVIEW_TASKS.c.queue != SAMPLE_QUEUE
    )
    return connection.execute(select(*newest.c, asked.label("asked"))).all()


def marks(connection: Connection, upload_ids: Collection[str]) -> set[tuple[str, str]]:
    """Return upload and generator of the marks of uploads: what a file states of itself.

    Guesses are left out: watermarks, and tags that a platform's detector wrote.
    """
    marked: set[tuple[str, str]] = set()
    for ids in chunks(upload_ids):
        question = (
            select(LABELS.c.upload_id, LABELS.c.generator, LABELS.c.record)
            .where(LABELS.c.upload_id.in_(ids), LABELS.c.source == "provenance")
            .where(LABELS.c.generator.is_not(None), LABELS.c.extent.in_(("All", "Partly")))
            .where(LABELS.c.certainty != "suspected")
        )
        marked |= {
            (row.upload_id, row.generator)
            for row in connection.execute(question)
            if (fields_of(row.record).get("mark") or {}).get("kind") not in (None, "watermark")
        }
    return marked


def old_releases(connection: Connection, upload_ids: Collection[str]) -> dict[str, str]:
    """Return the records of those uploads that were released before music generators.

    A date is what the deliverer states.
    """
    dates = (f'%"release_date":"{year}%' for year in ("19", "200", "201", "2020", "2021"))
    has_date = or_(*(UPLOADS.c.record.like(date) for date in dates))
    old: dict[str, str] = {}
    for ids in chunks(upload_ids):
        question = select(UPLOADS.c.upload_id, UPLOADS.c.record).where(
            UPLOADS.c.upload_id.in_(ids), has_date
        )
        old |= {
            row.upload_id: row.record
            for row in connection.execute(question)
            # a title may contain such words
            if int((fields_of(row.record)["upload"].get("release_date") or "9999")[:4]) < UNRELEASED
        }
    return old


def verdicts(connection: Connection, service: Service) -> list[tuple[Any, Any]]:
    """Return the latest verdicts that hold and state an extent, each with the answer.

    The answer has the record of its upload. It is read by keys, so that no plan of a database
    reads whole tables.
    """
    columns = ("decision_id", "extent", "reviewer", "record")
    latest = (
        select(*(VERDICTS.c[name] for name in columns), STATES.c.queue)
        .join(STATES, STATES.c.task_id == VERDICTS.c.task_id)
        .where(STATES.c.verdict_id == VERDICTS.c.verdict_id)
        .where(CLOSED_REVIEW, VERDICTS.c.extent.is_not(None))
        .order_by(VERDICTS.c.decided_at.desc(), VERDICTS.c.verdict_id)
        .limit(RULED)
    )
    ruled = connection.execute(latest).all()
    answers: dict[str, Any] = {}
    for ids in chunks({row.decision_id for row in ruled}):
        question = (
            select(
                *(ANALYSES.c[name] for name in ANSWER),
                *(DECISIONS.c.decision_id, UPLOADS.c.record),
            )
            .select_from(DECISIONS)
            .join(ANALYSES, ANALYSES.c.upload_id == DECISIONS.c.upload_id)
            .join(UPLOADS, UPLOADS.c.upload_id == DECISIONS.c.upload_id)
            .where(DECISIONS.c.decision_id.in_(ids), service.answers)
            .where(ANALYSES.c.analysis_id == DECISIONS.c.analysis_id)
        )
        answers |= {row.decision_id: row for row in connection.execute(question)}
    return [(row, answers[row.decision_id]) for row in ruled if row.decision_id in answers]


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
