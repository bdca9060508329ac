"""Quality figures of reviewers and of automation, from verdicts.

Two measures need tasks that change nothing: golden tasks (the answer is known) and second reviews
(another reviewer, blind, about a decided track). Their verdicts name ``second_review_of``, so the
pipeline changes no label by them.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import sqrt
from typing import Any, Final

from detector.errors import SingleReason
from streams.contract.records import Extent, stable_id
from streams.contract.vocabulary import TIERS
from streams.policy.schema import SAYS_AI
from streams.services.accounts.users import User
from streams.store import audit, reviews, task_states
from streams.store.database import Ledger
from streams.store.stored_records import fields_of

Z: Final = 1.96


class BadGolden(SingleReason, reason="bad_golden"):
    """This cannot be a golden track; the detail contains the reason."""


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval (Wilson)."""

    name: str
    good: int
    count: int

    @property
    def share(self) -> float | None:
        """The share, or None where there are no cases."""
        return self.good / self.count if self.count else None

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound."""
        if self.count == 0:
            return 0.0, 1.0
        p, per_case = self.good / self.count, Z * Z / self.count
        middle = (p + per_case / 2) / (1 + per_case)
        half = Z * sqrt((p * (1 - p) + per_case / 4) / self.count) / (1 + per_case)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Figures:
    """The figures of the quality page."""

    verdicts: int
    precision: list[Share]
    overturned: dict[str, list[Share]]  # by reviewers, per rule, model and deliverer
    appealed: dict[str, list[Share]]  # of what was appealed against and decided, per the same
    kappa: float | None
    agreement: Share
    golden: list[Share]
    appeals: Share
    golden_tracks: int
    second_open: int


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return Cohen's kappa of pairs of findings: agreement beyond what chance gives.

    None where it is undefined: no pairs, or both reviewers always give the same single finding.
    """
    count = len(pairs)
    if not count:
        return None
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    observed = sum(a == b for a, b in pairs) / count
    chance = sum(first[name] * second[name] for name in first) / count**2
    return None if chance == 1 else (observed - chance) / (1 - chance)


def figures(ledger: Ledger) -> Figures:
    """Return all figures, from the latest verdicts."""
    with ledger.reading() as connection:
        first = reviews.first_verdicts(connection)
        second = reviews.second_verdicts(connection)
        golden = reviews.golden_verdicts(connection)
        appealed = reviews.decided_appeals(connection)
        tracks, open_now = reviews.measuring_counts(connection)
    pairs = [(row.first, row.second) for row in second]
    return Figures(
        verdicts=len(first),
        # How often reviewers found AI where the detector did, by queue.
        precision=_shares(
            (row.queue, row.extent in ("All", "Partly")) for row in first if row.outcome in TIERS
        ),
        overturned=_per((row, _is_overturned(row)) for row in first),
        appealed=_per((row, row.state != "upheld") for row in appealed),
        kappa=kappa(pairs),
        agreement=Share("second reviews", sum(a == b for a, b in pairs), len(pairs)),
        golden=_shares((row.name, row.stated == row.known) for row in golden),
        appeals=Share("appeals", sum(row.state != "upheld" for row in appealed), len(appealed)),
        golden_tracks=tracks,
        second_open=open_now,
    )


def _is_overturned(verdict: Any) -> bool:
    """Return whether a verdict contradicts its decision: AI or not, and not how much of it."""
    decided = fields_of(verdict.record)["label"]["extent"]
    now, before = verdict.extent in SAYS_AI, decided in SAYS_AI
    corrected = verdict.verdict == "correct" and decided != Extent.UNKNOWN and now != before
    return corrected or verdict.verdict == "reject_flag"


def ask_twice(ledger: Ledger, user: User, count: int) -> int:
    """Open second reviews of up to ``count`` random verdicts of the latest; return how many."""
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        tasks = list(reviews.not_reviewed_twice(connection))
        chosen = secrets.SystemRandom().sample(tasks, min(count, len(tasks)))
        for task in chosen:
            task_states.open_measuring(
                *(connection, task, stable_id("tsk", "second", task.verdict_id)),
                kind="second",
                about_verdict=task.verdict_id,
                excluded=task.reviewer,
                opened_at=now,
            )
        detail = {"asked": count, "opened": len(chosen)}
        audit.append(connection, audit.Entry(user.user_id, "second_reviews_opened", "", detail))
    return len(chosen)


def make_golden(ledger: Ledger, user: User, upload_id: str, extent: str, why: str) -> None:
    """Store the known answer of a track; raise BadGolden without upload, extent or reason."""
    if extent not in ("All", "Partly", "None"):
        raise BadGolden("say how much of it is AI: All, Partly or None")
    if not why.strip():
        raise BadGolden("say how this is known")
    track = {"upload_id": upload_id, "extent": extent, "why": why.strip()[:2_000]}
    by = {"set_by": user.user_id, "set_at": datetime.now(UTC)}
    entry = audit.Entry(user.user_id, "golden_set", upload_id, track)
    with audit.transaction(ledger, entry) as connection:
        if not reviews.set_golden(connection, track, by):
            raise BadGolden("there is no decided upload of this id")


def give_golden(ledger: Ledger, user: User) -> int:
    """Open a task for every golden track that has none open; return how many."""
    now = datetime.now(UTC)
    with ledger.transaction() as connection:
        tracks = reviews.idle_golden(connection)
        for track in tracks:
            task_states.open_measuring(
                *(connection, track),
                stable_id("tsk", "golden", track.upload_id, now.isoformat()),
                kind="golden",
                about_verdict=stable_id("gld", track.upload_id),
                excluded=track.set_by,  # they know the answer
                opened_at=now,
            )
        detail = {"opened": len(tracks)}
        audit.append(connection, audit.Entry(user.user_id, "golden_given", "", detail))
    return len(tracks)


def _per(rows: Iterable[tuple[Any, bool]]) -> dict[str, list[Share]]:
    """Return how often decisions were overturned, by rule, model and distributor."""
    listed = list(rows)
    rules = [
        (rule["rule_id"], fell) for row, fell in listed for rule in fields_of(row.record)["rules"]
    ]
    return {
        "rule": _shares(rules),
        "model": _shares((row.model, fell) for row, fell in listed),
        "deliverer": _shares((row.distributor or "not named", fell) for row, fell in listed)[:20],
    }


def _shares(pairs: Iterable[tuple[str, bool]]) -> list[Share]:
    good, count = Counter[str](), Counter[str]()
    for name, yes in pairs:
        good[name] += yes
        count[name] += 1
    shares = (Share(name, good[name], number) for name, number in count.items())
    return sorted(shares, key=lambda share: (-share.count, share.name))
