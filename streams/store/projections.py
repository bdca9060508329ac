"""Rows: what each message of each topic stands for in the ledger.

``rows_of`` is pure: one message in, its rows out.
"""

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from streams.contract import dead_letters, topics
from streams.contract.dead_letters import Message
from streams.contract.records import (
    DecisionApplied,
    ModelRef,
    PolicyRef,
    Record,
    ReviewRequested,
    TrackClassified,
    TrackDecided,
    TrackFingerprinted,
    TrackLabelled,
    Upload,
    UploadReceived,
    parse,
    stable_id,
)
from streams.contract.records.credits import CreditsDerived, UsageAttributed
from streams.contract.records.policy import (
    PolicyChanged,
    PolicyShadowed,
    StatementWritten,
    TrackReopened,
)
from streams.contract.records.reviews import AppealChanged, ReviewDecided
from streams.contract.records.rights import RightsChanged
from streams.policy.registry import keys_of_event
from streams.store.database import Row
from streams.store.tables import (
    ANALYSES,
    APPEALS,
    APPLIED,
    CREDITS,
    DEAD_LETTERS,
    DECISIONS,
    FINGERPRINTS,
    LABELS,
    POLICIES,
    REVIEW_TASKS,
    RIGHTS,
    SHADOW_HITS,
    STATEMENTS,
    SUBJECTS,
    UPLOADS,
    USAGES,
    VERDICTS,
)

RELEASE_NAMES: Final = ("upc", "ean", "icpn", "grid", "release_id")  # of upload.identifiers


def rows_of(message: Message) -> list[Row]:
    """Return the rows that a message of any topic stands for.

    Raises:
        BadInput: it is not the record which its topic promises.
    """
    if message.topic in topics.DEAD:
        return [_dead_letter(message)]
    kind, rows = _PROJECTIONS[message.topic]
    record = parse(kind, message.value)
    found: list[Row] = rows(record, _recorded(message))
    return found


def _uploaded(said: UploadReceived, recorded: dict[str, Any]) -> list[Row]:
    upload = said.upload
    values = {
        "upload_id": said.upload_id,
        "track_id": said.track_id,
        "uri": upload.uri,
        "title": upload.title,
        "isrc": upload.isrc,
        "distributor": upload.distributor,
        "contains_ai": upload.declared.contains_ai,
        "release_id": release_of(upload),
        "uploaded_at": said.uploaded_at,
    }
    return [Row(UPLOADS, values | recorded)]


def release_of(upload: Upload) -> str | None:
    """Return the release that a track belongs to, where the delivery names one."""
    names = {name.lower(): value for name, value in upload.identifiers.items()}
    return next((names[name] for name in RELEASE_NAMES if name in names), None)


def _fingerprinted(said: TrackFingerprinted, recorded: dict[str, Any]) -> list[Row]:
    values = {
        "upload_id": said.upload_id,
        "content_sha256": said.content_sha256,
        "track_id": said.track_id,
        "container": said.audio.container,
        "codec": said.audio.codec,
        "sample_rate_hz": said.audio.sample_rate_hz,
        "duration_s": said.audio.duration_s,
        "observation_uri": said.observation.uri,
        "observation_version": said.observation.version,
    }
    return [Row(FINGERPRINTS, values | recorded)]


def _classified(said: TrackClassified, recorded: dict[str, Any]) -> list[Row]:
    analysis = said.analysis
    values = {
        "analysis_id": analysis.analysis_id,
        "upload_id": said.upload_id,
        "track_id": said.track_id,
        "content_sha256": said.content_sha256,
        "outcome": analysis.outcome.value,
        "reason": analysis.reason,
        "extent": analysis.extent.value,
        "score": analysis.score,
        "probability": analysis.probability,
        "p_value": analysis.p_value,
        "alpha": analysis.alpha,
        "coverage": analysis.coverage,
        "generator": analysis.generator,
    }
    subjects = [
        Row(
            SUBJECTS,
            {"kind": kind, "name": name, "upload_id": said.upload_id, "track_id": said.track_id},
        )
        for kind, name in sorted(keys_of_event(said))
    ]
    return [Row(ANALYSES, values | _model(analysis.model) | recorded), *subjects]


def _labelled(said: TrackLabelled, recorded: dict[str, Any]) -> list[Row]:
    shared = {
        "upload_id": said.upload_id,
        "track_id": said.track_id,
        "analysis_id": said.analysis_id,
        **_model(said.model),
        **_policy(said.policy),
        "recorded_at": recorded["recorded_at"],
    }
    return [
        Row(
            LABELS,
            shared
            | {
                "label_id": label.label_id,
                "subject": label.subject,
                "extent": label.extent.value,
                "certainty": label.certainty.value,
                "source": label.source.value,
                "generator": label.generator,
                "licensed": label.licensed,
                "agreement_id": label.agreement_id,
                "effective": label.label_id == said.effective.label_id,
                "record": label.to_bytes().decode(),
            },
        )
        for label in said.labels
    ]


def _decided(said: TrackDecided, recorded: dict[str, Any]) -> list[Row]:
    values = {
        "decision_id": said.decision_id,
        "upload_id": said.upload_id,
        "track_id": said.track_id,
        "content_sha256": said.content_sha256,
        "analysis_id": said.analysis.analysis_id,
        "outcome": said.analysis.outcome.value,
        "extent": said.label.extent.value,
        "certainty": said.label.certainty.value,
        "source": said.label.source.value,
        "licensed": said.label.licensed,
        **said.actions.model_dump(),
        "automation": said.automation,
        "review_task_id": said.review_task_id,
        "uploaded_at": said.uploaded_at,
        "previous_decision_id": said.previous_decision_id,
        "facts_digest": said.facts_digest,
        "statement_id": said.statement_id,
        "reconsider_at": said.reconsider_at,
    }
    return [Row(DECISIONS, values | _model(said.model) | _policy(said.policy) | recorded)]


def _review_requested(said: ReviewRequested, recorded: dict[str, Any]) -> list[Row]:
    values = {
        "task_id": said.task_id,
        "decision_id": said.decision_id,
        "upload_id": said.upload_id,
        "track_id": said.track_id,
        "queue": said.queue,
        "priority": said.priority,
        "requested_for": said.requested_for,
    }
    return [Row(REVIEW_TASKS, values | _model(said.model) | _policy(said.policy) | recorded)]


def _applied(said: DecisionApplied, recorded: dict[str, Any]) -> list[Row]:
    values = {
        "decision_id": said.decision_id,
        "upload_id": said.upload_id,
        "track_id": said.track_id,
        "result": said.result,
    }
    return [Row(APPLIED, values | recorded)]


def _review_decided(said: ReviewDecided, recorded: dict[str, Any]) -> list[Row]:
    values = {
        "verdict_id": said.verdict_id,
        "task_id": said.task_id,
        "decision_id": said.decision_id,
        "upload_id": said.upload_id,
        "track_id": said.track_id,
        "reviewer": said.reviewer.id,
        "outcome": said.outcome,
        "extent": said.extent and said.extent.value,
        "second_review_of": said.second_review_of,
        "undoes": said.undoes,
        "decided_at": said.decided_at,
    }
    return [Row(VERDICTS, values | recorded)]


def _appeal_changed(said: AppealChanged, recorded: dict[str, Any]) -> list[Row]:
    values = {
        "change_id": said.change_id,
        "appeal_id": said.appeal_id,
        "sequence": said.sequence,
        "decision_id": said.decision_id,
        "upload_id": said.upload_id,
        "track_id": said.track_id,
        "state": said.state,
        "grounds": said.grounds,
        "assigned_to": said.assigned_to,
        "received_at": said.received_at,
        "window_ends_at": said.window_ends_at,
        "changed_at": said.changed_at,
    }
    return [Row(APPEALS, values | recorded)]


def _rights_changed(said: RightsChanged, recorded: dict[str, Any]) -> list[Row]:
    entry, generator = said.entry, said.generator
    values = {
        "entry_id": said.entry_id,
        "version": said.version,
        "kind": "generator" if entry is None else "entry",
        "agreement_id": entry and entry.agreement_id,
        "generator_id": generator and generator.generator_id,
        "permission": entry and entry.permission,
        "valid_from": entry and entry.valid_from,
        "valid_until": entry and entry.valid_until,
        "changed_by": said.changed_by,
        "changed_at": said.changed_at,
    }
    return [Row(RIGHTS, values | recorded)]


def _policy_changed(said: PolicyChanged, recorded: dict[str, Any]) -> list[Row]:
    values = {
        "change_id": said.change_id,
        "kind": said.kind,
        "name": said.policy.name,
        "version": said.policy.version,
        "digest": said.policy.digest,
        "state": said.state,
        "rule_id": said.rule_id,
        "changed_by": said.changed_by,
        "changed_at": said.changed_at,
    }
    return [Row(POLICIES, values | recorded)]


def _reopened(said: TrackReopened, recorded: dict[str, Any]) -> list[Row]:
    return []  # a request is no fact: what came of it is a decision, which names its cause


def _shadowed(said: PolicyShadowed, recorded: dict[str, Any]) -> list[Row]:
    values = {
        "shadow_id": said.shadow_id,
        "decision_id": said.decision_id,
        "upload_id": said.upload_id,
        "track_id": said.track_id,
        "policy_digest": said.policy.digest,
        "changed_dimensions": ",".join(said.changed_dimensions),
        "would_review": said.would_review,
        "distributor": said.distributor,
    }
    return [
        Row(
            SHADOW_HITS,
            {"rule_id": hit.rule_id, "rule_version": hit.rule_version} | values | recorded,
        )
        for hit in said.rules
    ]


def _statement(said: StatementWritten, recorded: dict[str, Any]) -> list[Row]:
    values = {
        "statement_id": said.statement_id,
        "decision_id": said.decision_id,
        "upload_id": said.upload_id,
        "track_id": said.track_id,
        "recipient": said.recipient,
        "replaces": said.replaces,
    }
    return [Row(STATEMENTS, values | recorded)]


def _usage(said: UsageAttributed, recorded: dict[str, Any]) -> list[Row]:
    values = {
        "usage_id": said.usage_id,
        "decision_id": said.decision_id,
        "upload_id": said.upload_id,
        "track_id": said.track_id,
        "agreement_id": said.agreement_id,
        "ended": said.ended,
        "from_at": said.from_at,
    }
    return [Row(USAGES, values | recorded)]


def _credits(said: CreditsDerived, recorded: dict[str, Any]) -> list[Row]:
    values = {
        "credits_id": said.credits_id,
        "decision_id": said.decision_id,
        "upload_id": said.upload_id,
        "track_id": said.track_id,
    }
    return [Row(CREDITS, values | recorded)]


_PROJECTIONS: Final[dict[str, tuple[type[Record], Callable[..., list[Row]]]]] = {
    topics.UPLOADED: (UploadReceived, _uploaded),
    topics.FINGERPRINTED: (TrackFingerprinted, _fingerprinted),
    topics.CLASSIFIED: (TrackClassified, _classified),
    topics.LABELLED: (TrackLabelled, _labelled),
    topics.DECIDED: (TrackDecided, _decided),
    topics.REVIEWS_REQUESTED: (ReviewRequested, _review_requested),
    topics.DECISIONS_APPLIED: (DecisionApplied, _applied),
    topics.REVIEWS_DECIDED: (ReviewDecided, _review_decided),
    topics.APPEALS_CHANGED: (AppealChanged, _appeal_changed),
    topics.RIGHTS_CHANGED: (RightsChanged, _rights_changed),
    topics.POLICIES_CHANGED: (PolicyChanged, _policy_changed),
    topics.REOPENED: (TrackReopened, _reopened),
    topics.POLICIES_SHADOWED: (PolicyShadowed, _shadowed),
    topics.STATEMENTS_WRITTEN: (StatementWritten, _statement),
    topics.USAGE_ATTRIBUTED: (UsageAttributed, _usage),
    topics.CREDITS_DERIVED: (CreditsDerived, _credits),
}


def _dead_letter(message: Message) -> Row:
    letter = dead_letters.read(message.topic, message.key, message.value, message.headers)
    origin = letter.origin or message.origin
    # The origin alone is no id: the embedded broker counts from 0 again when it restarts.
    content = sha256(message.value or b"").hexdigest()
    return Row(
        DEAD_LETTERS,
        {
            "dead_letter_id": stable_id("ddl", origin, content),
            "source": letter.source,
            "processor": letter.processor,
            "reason": letter.reason,
            "detail": letter.detail,
            "origin": origin,
            "upload_id": _upload_id(letter.value),
            "track_id": None if letter.key is None else letter.key.decode(errors="replace"),
            "key": letter.key,
            "value": letter.value,
            "omitted": letter.omitted,
            "headers": orjson.dumps(
                [(name, b64encode(value).decode()) for name, value in message.headers]
            ).decode(),
            "recorded_at": _moment(message.timestamp_ms),
        },
    )


def _upload_id(value: bytes | None) -> str | None:
    """Return the upload id of a dead letter, where its bytes are readable enough."""
    try:
        upload_id = orjson.loads(value or b"")["upload_id"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return upload_id if isinstance(upload_id, str) else None


def _model(model: ModelRef) -> dict[str, str]:
    return {"model": model.name, "model_version": model.version, "model_digest": model.digest}


def _policy(policy: PolicyRef) -> dict[str, str]:
    return {
        "policy": policy.name,
        "policy_version": policy.version,
        "policy_digest": policy.digest,
    }


def _recorded(message: Message) -> dict[str, Any]:
    text = (message.value or b"").decode()  # it has been parsed, so it is UTF-8
    return {"recorded_at": _moment(message.timestamp_ms), "record": text}


def _moment(timestamp_ms: int) -> datetime | None:
    """Return the broker's time; None where it gave none."""
    return datetime.fromtimestamp(timestamp_ms / 1_000, UTC) if timestamp_ms else None
