"""The sums: which must be equal, which must be zero, and which are only printed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Column, select, text

from streams.contract import topics
from streams.store.database import Ledger
from streams.store.queries import counts
from streams.store.tables import APPLIED, DECISIONS, REVIEW_TASKS, UPLOADS
from tests.soak.facts import Facts
from tests.soak.watching import Watching

SETTLED_S: Final = 60.0
GROWTH_MB: Final = 400
COLUMNS: Final = 8  # moments of the memory table


@dataclass(frozen=True)
class Sum:
    """One line: a number, and what it must be, where it must be something."""

    name: str
    value: int
    expected: int | None = None

    @property
    def wrong(self) -> bool:
        """Whether it is not what it must be."""
        return self.expected is not None and self.value != self.expected


def topic_sums(facts: Facts, good: Mapping[str, bool]) -> Iterator[Sum]:
    """Yield the sums of the results of all uploads, by the topics alone."""
    decided, dead = facts.decided.keys(), facts.dead.keys()
    ended = decided | dead
    yield Sum("uploads", len(good))
    yield Sum("uploads that the hook lost", len(good.keys() - facts.delivered.keys()), 0)
    yield Sum("ended as decisions", len(decided), sum(good.values()))
    yield Sum("ended as dead letters", len(dead), len(good) - sum(good.values()))
    yield Sum("LOST", len(good.keys() - ended), 0)
    yield Sum("ended though never sent", len(ended - good.keys()), 0)
    yield Sum("ended both ways", len(decided & dead), 0)
    yield Sum("ended the wrong way", sum(good.get(one, True) for one in dead), 0)
    yield Sum("CONFLICTING", facts.conflicts(), 0)
    yield Sum("records that cannot be read", facts.unreadable, 0)
    for topic in topics.EVENTS:
        if topic == topics.DECISIONS_APPLIED:  # the catalogue answers as often as it is asked
            continue
        once = len(facts.delivered) if topic == topics.UPLOADED else facts.distinct(topic)
        yield Sum(f"messages twice on {topic}", facts.messages[topic] - once)
    letters = sum(facts.messages[topic] for topic in topics.DEAD)
    yield Sum("dead letters twice", letters - len(facts.letters))


def ledger_sums(url: str, facts: Facts, good: Mapping[str, bool]) -> Iterator[Sum]:
    """Whether the ledger and the catalogue hold exactly what lies on the topics."""
    ledger = Ledger.open(url)
    try:
        rows = counts(ledger)
        decisions = _column(ledger, DECISIONS.c.decision_id)
        names = facts.ids(topics.DECIDED)
        in_ledger = ledger.ended_uploads(list(good))
        yield Sum(
            "ledger: uploads missing", len(good.keys() - _column(ledger, UPLOADS.c.upload_id)), 0
        )
        yield Sum("ledger: uploads without an end", len(good) - len(in_ledger), 0)
        yield Sum("ledger: decisions that differ", len(decisions ^ names), 0)
        applied = _column(ledger, APPLIED.c.decision_id)
        yield Sum("ledger: decisions not applied", len(names ^ applied), 0)
        tasks = _column(ledger, REVIEW_TASKS.c.task_id)
        yield Sum("ledger: tasks that differ", len(tasks ^ facts.ids(topics.REVIEWS_REQUESTED)), 0)
        yield Sum("ledger: labels", rows["labels"], len(facts.labels))
        yield Sum("ledger: dead letters", rows["dead_letters"], len(facts.letters))
        for table, topic in (
            ("fingerprints", topics.FINGERPRINTED),
            ("analyses", topics.CLASSIFIED),
        ):
            yield Sum(f"ledger: {table}", rows[table], facts.distinct(topic))
        standing = text("SELECT track_id, decision_id FROM catalogue_tracks")
        with ledger.reading() as connection:
            stands = {row.track_id: row.decision_id for row in connection.execute(standing)}
        newest = {track: one.decision_id for track, one in facts.newest.items()}
        wrong = sum(stands.get(track) != decision for track, decision in newest.items())
        yield Sum("catalogue: tracks", len(stands), len(newest))
        yield Sum("catalogue: tracks without their newest decision", wrong, 0)
    finally:
        ledger.close()


def _column(ledger: Ledger, column: "Column[str]") -> set[str]:
    with ledger.reading() as connection:
        return set(connection.scalars(select(column)))


def table(sums: Sequence[Sum]) -> str:
    """Return the sums, one a line, the wrong ones marked."""
    width = max(len(item.name) for item in sums)
    lines = []
    for item in sums:
        must = "" if item.expected is None else f"  must be {item.expected}"
        lines.append(f"{item.name:<{width}} {item.value:>9}{must}{'  WRONG' if item.wrong else ''}")
    return "\n".join(lines)


def reasons(facts: Facts) -> str:
    """Return the dead letters by reason."""
    return ", ".join(f"{name} {count}" for name, count in sorted(facts.reasons.items()))


def kinds(names: Sequence[str]) -> str:
    """Return how often each name stands there."""
    return ", ".join(f"{name} {count}" for name, count in sorted(Counter(names).items()))


def memory(watching: Watching) -> str:
    """Return the MB that every process held at a few moments of the run, and at most."""
    moments = [at for life in watching.rss.values() for at, _, _ in life]
    if not moments:
        return "memory: nothing seen"
    first, last = min(moments), max(moments)
    at = [first + (last - first) * number / (COLUMNS - 1) for number in range(COLUMNS)]
    head = "".join(f"{one - first:>7.0f}s" for one in at)
    lines = [f"{'MB at':<16}{head}{'most':>8}{'lives':>7}"]
    for name in sorted(watching.rss):
        life = watching.rss[name]
        sizes = [min((abs(then - when), size) for then, _, size in life)[1] for when in at]
        most, lives = max(size for _, _, size in life), len({pid for _, pid, _ in life})
        lines.append(f"{name:<16}{''.join(f'{one:>8}' for one in sizes)}{most:>8}{lives:>7}")
    return "\n".join(lines)
