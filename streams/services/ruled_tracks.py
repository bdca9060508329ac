"""What people ruled about tracks that the detector answered about, each recording once.

A ruling is the verdict that stands, or the outcome of an appeal that reverses it. A party's ruling
on an appeal of their own does not count. Of several deliveries of one recording the latest ruling
counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from streams.contract.records import Extent
from streams.contract.records.reviews import AppealChanged
from streams.contract.vocabulary import TIERS
from streams.policy.evaluate import SAMPLE_QUEUE
from streams.store import rulings
from streams.store.database import Connection
from streams.store.rulings import Service
from streams.store.stored_records import fields_of


@dataclass(frozen=True)
class Answer:
    """What the detector answered about a content.

    ``compared_with``: of ``detector.explain.compared``. ``asked``: a rule sent it to people.
    """

    upload_id: str
    content_sha256: str
    compared_with: str
    outcome: str
    generator: str | None
    score: float | None
    asked: bool

    @property
    def finds_ai(self) -> bool:
        """Whether it is identified or suspected."""
        return self.outcome in TIERS


@dataclass(frozen=True)
class Ruling:
    """What people hold a track to be; ``answer.asked`` is false where a random sample asked.

    ``artist`` and ``recording`` are names to count by.
    """

    answer: Answer
    is_ai: bool
    artist: str
    recording: str
    may_train: bool


def answers_of(rows: Sequence[Any]) -> list[Answer]:
    """Return the newest answers, each content once; asked about any delivery counts."""
    by_content: dict[str, Answer] = {}
    for row in rows:
        answer = _answer(row, bool(row.asked))
        known = by_content.setdefault(answer.content_sha256, answer)
        if answer.asked and not known.asked:
            by_content[answer.content_sha256] = replace(known, asked=True)
    return list(by_content.values())


def ruled_tracks(connection: Connection, service: Service) -> list[Ruling]:
    """Return the rulings about a service's answers, the latest first, each recording once."""
    rows = rulings.verdicts(connection, service)
    appeals: dict[str, list[AppealChanged]] = {}
    for appeal in rulings.appeals_about(connection, {answer.upload_id for _, answer in rows}):
        appeals.setdefault(appeal.upload_id, []).append(appeal)
    kept: list[Ruling] = []
    contents: set[str] = set()
    recordings: set[str] = set()
    for verdict, row in rows:
        extent = _prevailing(verdict, appeals.get(row.upload_id, ()))
        if extent is None:
            continue
        artist, recording = names_of(fields_of(row.record)["upload"])
        if row.content_sha256 in contents or recording in recordings:
            continue
        contents.add(row.content_sha256)
        recordings.add(recording)
        kept.append(
            Ruling(
                _answer(row, verdict.queue != SAMPLE_QUEUE),
                extent is not Extent.NONE,
                artist,
                recording,
                bool(fields_of(verdict.record).get("training_use_allowed")),
            )
        )
    return kept


def _prevailing(verdict: Any, appeals: Sequence[AppealChanged]) -> Extent | None:
    """Return the extent that stands; None where only a party, or no person, states one."""
    parties = {appeal.appellant.id for appeal in appeals}
    extent = None if verdict.reviewer in parties else Extent(verdict.extent)
    for appeal in appeals:  # the latest comes last
        reversed_to = appeal.outcome and appeal.outcome.extent
        if reversed_to and appeal.state != "upheld" and appeal.changed_by not in parties:
            extent = reversed_to
    return None if extent is Extent.UNKNOWN else extent


def names_of(upload: dict[str, Any]) -> tuple[str, str]:
    """Return the names of artist and recording that an upload's fields give.

    Without artists the deliverer stands for them; without ISRC or title, the track's id.
    """
    credited = "; ".join(sorted(name.casefold() for name in upload.get("artists") or ()))
    artist = credited or upload.get("distributor") or upload["track_id"]
    title = (upload.get("title") or "").casefold().strip()
    named = f"{artist}: {title}" if credited and title else upload["track_id"]
    return artist, upload.get("isrc") or named


def _answer(row: Any, asked: bool) -> Answer:
    return Answer(**{name: getattr(row, name) for name in rulings.ANSWER}, asked=asked)
