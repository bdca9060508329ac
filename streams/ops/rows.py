"""The rows of OUT: one JSON object for each file that was named, of one of three kinds."""

from collections.abc import Mapping
from typing import Any, Final

from streams.contract.dead_letters import DeadLetter
from streams.ops.inputs import Skipped
from streams.ops.watch import Ended

_PATH: Final = {"path": "the file, URI or title, as it was named"}
_SENT: Final = _PATH | {
    "upload_id": "the upload",
    "seconds": "time from sending to the end of processing; null: it had ended before",
}
_WHY: Final = {"reason": "the reason in one word", "detail": "the reason as a sentence"}
# The fields of each kind of row, by its status, with their meanings.
KINDS: Final[dict[str, dict[str, str]]] = {
    "decided": _SENT
    | {
        "status": "an upload that was decided",
        "track_id": "the track",
        "decision_id": "the decision",
        "content_sha256": "SHA-256 of the file's bytes",
        "outcome": "the detector's answer: `identified`, `suspected`, `no_trace` and so on",
        "reason": "why the detector does not assess the track, else null",
        "score": "raw score; null without an answer",
        "probability": "calibrated probability; null without an answer",
        "p_value": "conformal p-value; null without an answer",
        "extent": "the label: `All`, `Partly`, `None` or `Unknown`",
        "certainty": "`confirmed`, `declared` or `suspected`",
        "source": "the source of the label",
        "licensed": "whether an agreement covers the AI",
        "actions": "the action of each dimension",
        "territorial": "`territories` with other `actions`, and whether it is `licensed` there",
        "rules": "ids of the policy's rules that held",
        "review_task_id": "the review task, or null",
        "model": "name, version and digest of the model",
        "policy": "name, version and digest of the policy",
    },
    "dead_letter": _SENT
    | {"status": "an upload that could not be processed"}
    | _WHY
    | {"topic": "the source topic; the dead letter is on the one with `.dead`"},
    "not_sent": _PATH | {"status": "never became an upload"} | _WHY,
}


def row(path: str, ended: Ended, seconds: float | None) -> dict[str, Any]:
    """Return the row of an upload that ended."""
    rounded = None if seconds is None else round(seconds, 3)
    sent = {"path": path, "upload_id": ended.upload_id, "seconds": rounded}
    if isinstance(ended.end, DeadLetter):
        return _row("dead_letter", vars(ended.end) | sent | {"topic": ended.end.source})
    fields = ended.end.model_dump(mode="json")
    rules = {"rules": [hit.rule_id for hit in ended.end.rules]}
    # the label's extent, not the analysis's
    return _row("decided", fields["analysis"] | fields["label"] | fields | sent | rules)


def not_sent(item: Skipped) -> dict[str, Any]:
    """Return the row of something that was not sent."""
    return _row("not_sent", vars(item))


def _row(status: str, values: Mapping[str, Any]) -> dict[str, Any]:
    own = {**values, "status": status}
    return {name: own[name] for name in KINDS[status]}


def table() -> str:
    """Return the fields of all three kinds as Markdown tables."""
    parts = []
    for status, fields in KINDS.items():
        lines = [f"| `{name}` | {meaning} |" for name, meaning in fields.items()]
        title = f"## `{status}`: {fields['status']}"
        parts.append("\n".join((title, "", "| field | meaning |", "|---|---|", *lines)))
    return "\n\n".join(parts)
