"""A review task with everything that helps to decide it, in a fixed number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from streams.contract.records import Match, TrackDecided, Upload, UploadReceived
from streams.contract.records.reviews import AppealChanged, ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.contract.vocabulary import BankKind
from streams.policy.identity import NO_DIFFERENCE, Differences, Identity, differences_of
from streams.services.accounts import users
from streams.services.accounts.roles import Right
from streams.services.accounts.users import User
from streams.store import appeals, queries, stored_records, task_states
from streams.store import reviews as review_store
from streams.store.database import Connection
from streams.store.stored_records import fields_of
from streams.store.track_identities import identities
from streams.web.api.resources import AppResources


@dataclass(frozen=True)
class KnownRecording:
    """A known recording that matches; ``upload_id`` is None where its audio is not held here.

    Second ``here_s`` of this upload is second ``there_s`` of the known one, which runs
    ``speed`` times as quickly beside it.
    """

    match: Match
    upload_id: str | None
    here_s: float
    there_s: float
    speed: float
    names: Sequence[Identity] = ()
    """Under which it was delivered, where it is a track of the catalogue."""
    differ: Differences = NO_DIFFERENCE
    """In what the names of this upload are others."""

    @classmethod
    def of(
        cls,
        match: Match,
        upload_id: str | None,
        upload: Upload | None = None,
        names: Sequence[Identity] = (),
    ) -> "KnownRecording":
        """Return the recording of a match, aligned with the upload."""
        speed = match.speed_ratio or 1.0
        differ = differences_of([Identity.of(upload)], names) if upload else NO_DIFFERENCE
        if match.start_s is not None and match.known_start_s is not None:
            here, there = match.start_s, match.known_start_s
        else:
            offset = match.offset_s or 0.0  # negative: this upload starts so much earlier
            here, there = (0.0, offset) if offset >= 0 else (-offset / speed, 0.0)
        return cls(match, upload_id, here, there, speed, names, differ)


def known_recordings(
    connection: Connection, matches: Sequence[Match], upload: Upload, upload_id: str
) -> list[KnownRecording]:
    """Return the recordings of an upload's matches, with audio and names that are here."""
    contents = {match.content_sha256 for match in matches if match.content_sha256}
    elsewhere = review_store.uploads_by_content(connection, contents, except_upload=upload_id)
    tracks = [match.item_id for match in matches if match.bank_kind == BankKind.CATALOGUE]
    names = identities(connection, tracks)
    return [
        KnownRecording.of(
            match,
            elsewhere.get(match.content_sha256 or ""),
            upload,
            names.get(match.item_id, ()) if match.bank_kind == BankKind.CATALOGUE else (),
        )
        for match in matches
    ]


@dataclass(frozen=True)
class TaskStory:
    """A task with its evidence. ``held``: by this user; ``blind``: scores stay hidden."""

    task: dict[str, Any]
    reasons: list[str]
    decision: TrackDecided | None
    current: TrackDecided | None
    upload: Upload
    uploaded_at: datetime | None
    fingerprint: dict[str, Any]
    verdicts: list[ReviewDecided]
    names: dict[str, str]
    held: bool
    takeable: bool
    blind: bool
    duplicates: list[dict[str, Any]]
    deliverer: dict[str, int]
    appeals: list[AppealChanged]
    known: list[KnownRecording]
    rights: list[RightsChanged]

    @property
    def verdict(self) -> ReviewDecided | None:
        """The verdict that counts."""
        latest = self.task["verdict_id"]
        return next((one for one in self.verdicts if one.verdict_id == latest), None)


def task_story(resources: AppResources, task_id: str, user: User) -> TaskStory | None:
    """Return everything about a task, or None where there is none."""
    now = datetime.now(UTC)
    with resources.ledger.reading() as connection:
        row = task_states.of_reviewer(connection, task_id, user.user_id)
        if row is None:
            return None
        delivery = review_store.upload(connection, row.upload_id)
        upload = upload_of(delivery, row.track_id)
        decisions = queries.decisions(connection, upload_id=row.upload_id)
        by_id = {decision.decision_id: decision for decision in decisions}
        decision = by_id.get(row.decision_id)
        held = row.leased_by is not None and row.leased_until is not None
        free = not held or row.leased_by == user.user_id or row.leased_until < now
        allowed = row.state == "open" and not row.never and user.may(Right.REVIEW)
        held_by_user = allowed and row.leased_by == user.user_id and held and row.leased_until > now
        duplicates: list[dict[str, Any]] = []
        if decision is not None and row.kind == "review":
            duplicates = review_store.open_duplicates(
                *(connection, task_id, decision.content_sha256),
                delivery.release_id if delivery else None,
                user_id=user.user_id,
                now=now,
            )
        fingerprint = review_store.fingerprint(connection, row.upload_id)
        matches = [Match.model_validate(match) for match in fingerprint.get("matches", ())]
        return TaskStory(
            task=dict(row._mapping),
            reasons=fields_of(row.record)["reason_codes"] if row.record else [],
            decision=decision,
            current=decisions[0] if decisions else None,
            upload=upload,
            uploaded_at=delivery.uploaded_at if delivery else None,
            fingerprint=fingerprint,
            verdicts=review_store.verdicts(connection, task_id),
            names=users.names(resources.ledger),
            held=held_by_user,
            takeable=allowed and free and not held_by_user,
            blind=row.state == "open" and (user.blind or row.kind in task_states.MEASURING),
            duplicates=duplicates,
            deliverer=review_store.outcomes_of_distributor(
                connection, delivery.distributor if delivery else None
            ),
            appeals=appeals.current(connection, track_id=row.track_id),
            known=known_recordings(connection, matches, upload, row.upload_id),
            rights=review_store.rights_entries(
                connection, *_agreements_and_generators(upload, decision)
            ),
        )


def upload_of(row: Any, track_id: str) -> Upload:
    """Return the upload of a row; where there is none to read, only the track's name."""
    delivery = None if row is None else stored_records.read(UploadReceived, row.record)
    return Upload(track_id=track_id, uri="?") if delivery is None else delivery.upload


def _agreements_and_generators(
    upload: Upload, decision: TrackDecided | None
) -> tuple[set[str], set[str]]:
    """Return the agreements and generators that the delivery, label and analysis name."""
    agreements = [tool.agreement_id for tool in upload.declared.tools] if upload.declared else []
    if decision is not None:
        agreements.append(decision.label.agreement_id)
    generator = decision.analysis.generator if decision is not None else None
    return set(filter(None, agreements)), {generator} if generator else set()
