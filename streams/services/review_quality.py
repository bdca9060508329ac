"""How good reviewers are and how good automation is, from verdicts alone.

Two measures need work that changes nothing: golden tasks (the answer is known) and second
reviews (somebody else, blind, about something decided). Both are tasks of their own kind
whose verdicts name ``second_review_of``, so that the pipeline changes no label by them.
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt
from typing import Any, Final

import orjson
from sqlalchemy import Connection, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite

from detector.errors import BadInput
from streams.contract.records import stable_id
from streams.contract.records.reviews import DECIDED_STATES
from streams.services.accounts.users import User
from streams.services.review_tasks import MEASURING, standing
from streams.store import audit
from streams.store.account_tables import GOLDEN, USERS
from streams.store.account_tables import TASK_STATES as STATES
from streams.store.database import Ledger
from streams.store.tables import APPEALS, DECISIONS, UPLOADS, VERDICTS

LATEST: Final = 2_000  # verdicts that the figures are made of
Z: Final = 1.96


class BadGolden(BadInput):
    """This cannot be a golden track; the detail says why."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad_golden", detail)


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval (Wilson), which says how little few cases say."""

    name: str
    good: int
    count: int

    @property
    def share(self) -> float | None:
        """The share, or None of nothing."""
        return self.good / self.count if self.count else None

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound."""
        return wilson(self.good, self.count)


@dataclass(frozen=True)
class Figures:
    """Everything that the page shows."""

    verdicts: int
    precision: list[Share]
    overturned: dict[str, list[Share]]  # by reviewers, per rule, model and deliverer
    appealed: dict[str, list[Share]]  # of what was appealed against and decided, per the same
    kappa: float | None
    pairs: int
    agreement: Share
    golden: list[Share]
    appeals: Share
    golden_tracks: int
    second_open: int


def wilson(good: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share."""
    if count == 0:
        return 0.0, 1.0
    p, z2 = good / count, Z * Z
    middle = (p + z2 / (2 * count)) / (1 + z2 / count)
    half = Z * sqrt(p * (1 - p) / count + z2 / (4 * count * count)) / (1 + z2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return Cohen's kappa of pairs of findings: agreement beyond what chance gives.

    None where there is nothing to tell: no pairs, or both always say the same one thing.
    """
    count = len(pairs)
    if not count:
        return None
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    observed = sum(a == b for a, b in pairs) / count
    chance = sum(first[name] * second[name] for name in first) / count**2
    return None if chance == 1 else (observed - chance) / (1 - chance)


def figures(ledger: Ledger) -> Figures:
    """Work out all figures from the latest verdicts."""
    with ledger.reading() as connection:
        first = _first_verdicts(connection)
        second = _second_verdicts(connection)
        golden = _golden_verdicts(connection)
        appealed = _appealed(connection)
        tracks = connection.scalar(select(func.count()).select_from(GOLDEN)) or 0
        waiting = STATES.c.kind.in_(MEASURING) & (STATES.c.state == "open")
        open_now = connection.scalar(select(func.count()).where(waiting)) or 0
    pairs = [(row.first, row.second) for row in second]
    return Figures(
        verdicts=len(first),
        precision=_precision(first),
        overturned=_per((row, row.said in ("correct", "reject_flag")) for row in first),
        appealed=_per((row, row.state != "upheld") for row in appealed),
        kappa=kappa(pairs),
        pairs=len(pairs),
        agreement=Share("second reviews", sum(a == b for a, b in pairs), len(pairs)),
        golden=_shares((row.name, row.said == row.known) for row in golden),
        appeals=Share("appeals", sum(row.state != "upheld" for row in appealed), len(appealed)),
        golden_tracks=tracks,
        second_open=open_now,
    )


def ask_twice(ledger: Ledger, user: User, count: int) -> int:
    """Open second reviews of up to ``count`` random verdicts of the latest; return how many."""
    now = datetime.now(UTC)
    twice = STATES.alias("twice")
    question = (
        select(STATES, VERDICTS.c.reviewer)
        .join(VERDICTS, VERDICTS.c.verdict_id == STATES.c.verdict_id)
        .where(STATES.c.kind == "review", STATES.c.state == "closed")
        .where(~exists().where(twice.c.about_verdict == STATES.c.verdict_id))
        .order_by(VERDICTS.c.decided_at.desc())
        .limit(LATEST)
    )
    with ledger.transaction() as connection:
        rows = list(connection.execute(question).all())
        chosen = secrets.SystemRandom().sample(rows, min(count, len(rows)))
        for row in chosen:
            task_id = stable_id("tsk", "second", row.verdict_id)
            _open(connection, row, task_id, "second", row.verdict_id, row.reviewer, now)
        detail = {"asked": count, "opened": len(chosen)}
        audit.append(connection, [audit.Entry(user.user_id, "second_reviews_opened", "", detail)])
    return len(chosen)


def make_golden(ledger: Ledger, user: User, upload_id: str, extent: str, why: str) -> None:
    """Say what is known of a track, so that it can be given to reviewers.

    Raises:
        BadGolden: no such upload, no extent, or no word of why it is known.
    """
    if extent not in ("All", "Partly", "None"):
        raise BadGolden("say how much of it is AI: All, Partly or None")
    if not why.strip():
        raise BadGolden("say how this is known")
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        known = select(DECISIONS.c.decision_id).where(DECISIONS.c.upload_id == upload_id)
        if connection.scalar(known.limit(1)) is None:
            raise BadGolden("there is no decided upload of this id")
        row = {"upload_id": upload_id, "extent": extent, "why": why.strip()[:2_000]}
        on: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
        said = on.insert(GOLDEN).values(**row, set_by=user.user_id, set_at=now)
        connection.execute(
            said.on_conflict_do_update(index_elements=[GOLDEN.c.upload_id], set_=row)
        )
        audit.append(connection, [audit.Entry(user.user_id, "golden_set", upload_id, row)])


def give_golden(ledger: Ledger, user: User) -> int:
    """Put every golden track that does not wait already into the queue; return how many."""
    now = datetime.now(UTC)
    waiting = exists().where(
        STATES.c.upload_id == GOLDEN.c.upload_id,
        STATES.c.kind == "golden",
        STATES.c.state == "open",
    )
    latest = (
        select(DECISIONS.c.decision_id)
        .where(DECISIONS.c.upload_id == GOLDEN.c.upload_id)
        .order_by(DECISIONS.c.recorded_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    question = (
        select(
            *(GOLDEN.c.upload_id, GOLDEN.c.set_by, UPLOADS.c.track_id),
            latest.label("decision_id"),
        )
        .join(UPLOADS, UPLOADS.c.upload_id == GOLDEN.c.upload_id)
        .where(~waiting)
    )
    with ledger.transaction() as connection:
        rows = connection.execute(question).all()
        for row in rows:
            task_id = stable_id("tsk", "golden", row.upload_id, now.isoformat())
            about = stable_id("gld", row.upload_id)
            _open(connection, row, task_id, "golden", about, row.set_by, now)  # who knows it
        detail = {"opened": len(rows)}
        audit.append(connection, [audit.Entry(user.user_id, "golden_given", "", detail)])
    return len(rows)


def _open(
    connection: Connection,
    row: Any,
    task_id: str,
    kind: str,
    about: str,
    excluded: str | None,
    now: datetime,
) -> None:
    on: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = {
        "task_id": task_id,
        "kind": kind,
        "decision_id": row.decision_id,
        "upload_id": row.upload_id,
        "track_id": row.track_id,
        "queue": "quality",
        "priority": 20,
        "opened_at": now,
        "state": "open",
        "about_verdict": about,
        "excluded": excluded,
    }
    connection.execute(on.insert(STATES).on_conflict_do_nothing(), values)


def _first_verdicts(connection: Connection) -> Sequence[Any]:
    question = (
        select(
            *(VERDICTS.c.outcome.label("said"), VERDICTS.c.extent, DECISIONS.c.record),
            *(DECISIONS.c.model, DECISIONS.c.outcome, STATES.c.queue, UPLOADS.c.distributor),
        )
        .join(STATES, STATES.c.verdict_id == VERDICTS.c.verdict_id)
        .join(DECISIONS, DECISIONS.c.decision_id == VERDICTS.c.decision_id)
        .outerjoin(UPLOADS, UPLOADS.c.upload_id == VERDICTS.c.upload_id)
        .where(
            STATES.c.kind == "review", STATES.c.state == "closed", VERDICTS.c.extent.is_not(None)
        )
        .order_by(VERDICTS.c.decided_at.desc())
        .limit(LATEST)
    )
    return connection.execute(question).all()


def _second_verdicts(connection: Connection) -> Sequence[Any]:
    again = VERDICTS.alias("again")
    question = (
        select(VERDICTS.c.extent.label("first"), again.c.extent.label("second"))
        .join(again, again.c.second_review_of == VERDICTS.c.verdict_id)
        .join(STATES, STATES.c.verdict_id == again.c.verdict_id)
        .where(VERDICTS.c.extent.is_not(None), again.c.extent.is_not(None))
        .order_by(again.c.decided_at.desc())
        .limit(LATEST)
    )
    return connection.execute(question).all()


def _golden_verdicts(connection: Connection) -> Sequence[Any]:
    question = (
        select(
            func.coalesce(USERS.c.name, VERDICTS.c.reviewer).label("name"),
            VERDICTS.c.extent.label("said"),
            GOLDEN.c.extent.label("known"),
        )
        .join(STATES, STATES.c.verdict_id == VERDICTS.c.verdict_id)
        .join(GOLDEN, GOLDEN.c.upload_id == VERDICTS.c.upload_id)
        .outerjoin(USERS, USERS.c.user_id == VERDICTS.c.reviewer)
        .where(STATES.c.kind == "golden", standing())
        .order_by(VERDICTS.c.decided_at.desc())
        .limit(LATEST)
    )
    return connection.execute(question).all()


def _appealed(connection: Connection) -> Sequence[Any]:
    latest = (
        select(APPEALS.c.appeal_id, func.max(APPEALS.c.sequence).label("sequence"))
        .where(APPEALS.c.state != "external_dispute")  # what was decided here stays decided
        .group_by(APPEALS.c.appeal_id)
        .subquery()
    )
    question = (
        select(APPEALS.c.state, DECISIONS.c.record, DECISIONS.c.model, UPLOADS.c.distributor)
        .join(
            latest,
            (latest.c.appeal_id == APPEALS.c.appeal_id) & (latest.c.sequence == APPEALS.c.sequence),
        )
        .join(DECISIONS, DECISIONS.c.decision_id == APPEALS.c.decision_id)
        .outerjoin(UPLOADS, UPLOADS.c.upload_id == APPEALS.c.upload_id)
        .where(APPEALS.c.state.in_(DECIDED_STATES))
        .order_by(APPEALS.c.changed_at.desc())
        .limit(LATEST)
    )
    return connection.execute(question).all()


def _precision(rows: Iterable[Any]) -> list[Share]:
    """Return how often reviewers found AI where the detector did, by queue."""
    return _shares(
        (row.queue, row.extent in ("All", "Partly")) for row in rows if row.outcome == "ai_likely"
    )


def _per(rows: Iterable[tuple[Any, bool]]) -> dict[str, list[Share]]:
    """Return how often decisions fell: of each rule behind them, each model, each deliverer."""
    by_rule, by_model, by_deliverer = [], [], []
    for row, fell in rows:
        by_model.append((row.model, fell))
        by_deliverer.append((row.distributor or "not named", fell))
        by_rule += [(one["rule_id"], fell) for one in orjson.loads(row.record)["rules"]]
    return {
        "rule": _shares(by_rule),
        "model": _shares(by_model),
        "deliverer": _shares(by_deliverer)[:20],
    }


def _shares(pairs: Iterable[tuple[str, bool]]) -> list[Share]:
    good: Counter[str] = Counter()
    count: dict[str, int] = defaultdict(int)
    for name, yes in pairs:
        good[name] += yes
        count[name] += 1
    found = [Share(name, good[name], number) for name, number in count.items()]
    return sorted(found, key=lambda one: (-one.count, one.name))
