"""The rows of OUT: one JSON object for each file that was named, of one of three kinds."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from streams.contract.dead_letters import DeadLetter
from streams.ops.inputs import Skipped
from streams.ops.watch import Ended


class _Row(BaseModel):
    path: str = Field(description="the file, URI or title, as it was named")


class _Sent(_Row):
    upload_id: str = Field(description="the upload")
    seconds: float = Field(description="time from sending to the end of processing")


class DecidedRow(_Sent):
    """A row of an upload that was decided."""

    status: Literal["decided"] = Field("decided", description="an upload that was decided")
    track_id: str = Field(description="the track")
    decision_id: str = Field(description="the decision")
    content_sha256: str = Field(description="SHA-256 of the file's bytes")
    outcome: str = Field(description="the detector's answer: `ai_likely` and so on")
    reason: str | None = Field(description="why the detector does not assess the track, else null")
    score: float | None = Field(description="raw score; null without an answer")
    probability: float | None = Field(description="calibrated probability; null without an answer")
    p_value: float | None = Field(description="conformal p-value; null without an answer")
    extent: str = Field(description="the label: `All`, `Partly`, `None` or `Unknown`")
    certainty: str = Field(description="`confirmed`, `declared` or `suspected`")
    source: str = Field(description="the source of the label")
    licensed: bool = Field(description="whether an agreement covers the AI")
    actions: dict[str, Any] = Field(description="the action of each dimension")
    territorial: list[dict[str, Any]] = Field(
        description="`territories` with other `actions`, and whether it is `licensed` there"
    )
    rules: list[str] = Field(description="ids of the policy's rules that held")
    review_task_id: str | None = Field(description="the review task, or null")
    model: dict[str, Any] = Field(description="name, version and digest of the model")
    policy: dict[str, Any] = Field(description="name, version and digest of the policy")


class DeadLetterRow(_Sent):
    """A row of an upload that could not be processed."""

    status: Literal["dead_letter"] = Field(
        "dead_letter", description="an upload that could not be processed"
    )
    reason: str = Field(description="the reason in one word")
    detail: str = Field(description="the reason as a sentence")
    topic: str = Field(description="the source topic; the dead letter is on the one with `.dead`")


class NotSentRow(_Row):
    """A row of something that never became an upload."""

    status: Literal["not_sent"] = Field("not_sent", description="never became an upload")
    reason: str = Field(description="the reason in one word")
    detail: str = Field(description="the reason as a sentence")


def row(path: str, ended: Ended, seconds: float) -> dict[str, Any]:
    """Return the row of an upload that ended."""
    sent = {"path": path, "upload_id": ended.upload_id, "seconds": round(seconds, 3)}
    if isinstance(ended.end, DeadLetter):
        letter = ended.end
        return DeadLetterRow(
            **sent, reason=letter.reason, detail=letter.detail, topic=letter.source
        ).model_dump()
    fields = ended.end.model_dump(mode="json")
    rules = {"rules": [hit.rule_id for hit in ended.end.rules]}
    # the label's extent, not the analysis's
    return DecidedRow.model_validate(
        fields["analysis"] | fields["label"] | fields | sent | rules
    ).model_dump()


def not_sent(item: Skipped) -> dict[str, Any]:
    """Return the row of something that was not sent."""
    return NotSentRow(path=item.path, reason=item.reason, detail=item.detail).model_dump()


def table() -> str:
    """Return the fields of all three kinds as Markdown tables."""
    parts = []
    for kind in (DecidedRow, DeadLetterRow, NotSentRow):
        status = kind.model_fields["status"]
        fields = [
            f"| `{name}` | {field.description} |" for name, field in kind.model_fields.items()
        ]
        title = f"## `{status.default}`: {status.description}"
        parts.append("\n".join((title, "", "| field | meaning |", "|---|---|", *fields)))
    return "\n\n".join(parts)
