"""The story of a track, sentence by sentence, for those who answer for us."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streams.contract.records import Actions, Analysis
from streams.services.verdict_reasons import REASONS
from streams.store.queries import Entry
from streams.web.console import strings


@dataclass(frozen=True)
class Sentence:
    """One thing that happened; ``kind`` chooses its mark, ``link`` leads to more."""

    at: datetime | None
    kind: str
    text: str
    detail: str = ""
    link: str = ""


def told(entries: Iterable[Entry], names: Mapping[str, str]) -> list[Sentence]:
    """Return the story, as it happened."""
    found = []
    for entry in entries:
        tell = _TELL.get(entry.table)
        if tell is not None:
            found.append(tell(entry.recorded_at, entry.record, names))
    return found


def _uploaded(at: datetime | None, record: Mapping[str, Any], _: Mapping[str, str]) -> Sentence:
    upload = record["upload"]
    declared = upload.get("declared", {}).get("contains_ai")
    claim = {
        "All": "declared as made with AI",
        "Partly": "declared as made with AI in part",
        "None": "declared as made without AI",
        None: "without a statement about AI",
    }[declared]
    by = f" by {upload['distributor']}" if upload.get("distributor") else ""
    return Sentence(at, "upload", f"Delivered{by}, {claim}.", record["upload_id"])


def _heard(at: datetime | None, record: Mapping[str, Any], _: Mapping[str, str]) -> Sentence:
    audio = record["audio"]
    said = (
        f"Heard: {audio['duration_s'] / 60:.1f} minutes of {audio['codec']} at "
        f"{audio['sample_rate_hz'] / 1000:g} kHz."
    )
    return Sentence(at, "heard", said, f"content {record['content_sha256'][:16]}")


def _analysed(at: datetime | None, record: Mapping[str, Any], _: Mapping[str, str]) -> Sentence:
    analysis = Analysis.model_validate(record["analysis"])
    said = f"Our analysis says: {strings.said(analysis.outcome.value)}. {strings.plain(analysis)}"
    evidence = " ".join(one.sentence for one in analysis.evidence)
    model = f"model {analysis.model.name} {analysis.model.digest[:12]}"
    return Sentence(at, "analysis", said, f"{evidence} ({model})".strip())


def _labelled(at: datetime | None, label: Mapping[str, Any], _: Mapping[str, str]) -> Sentence:
    if label.get("neg"):
        said = f"The label of {strings.said(label['source'])} was withdrawn."
    else:
        extent = strings.said(label["extent"])
        said = (
            f"Label “{extent}”, {strings.CERTAINTY[label['certainty']]}, by "
            f"{strings.said(label['source'])}."
        )
    if label.get("licensed"):
        said += f" It is licensed under {label.get('agreement_id')}."
    return Sentence(at, "label", said, label["label_id"])


def _decided(at: datetime | None, record: Mapping[str, Any], _: Mapping[str, str]) -> Sentence:
    known = {name: record["actions"][name] for name in Actions.model_fields}
    done = strings.consequences(Actions.model_validate(known))
    rules = ", ".join(f"{one['rule_id']} v{one['rule_version']}" for one in record["rules"])
    policy = record["policy"]
    said = "Decided: " + ("; ".join(done) + "." if done else "nothing is restricted or shown.")
    version = f"{policy['name']} {policy['version']} {policy['digest'][:12]}"
    detail = f"rules {rules or 'none'} · policy {version}"
    return Sentence(at, "decision", said, detail)


def _task(at: datetime | None, record: Mapping[str, Any], _: Mapping[str, str]) -> Sentence:
    reasons = ", ".join(strings.reason(one) for one in record["reason_codes"])
    said = f"A person was asked to look: {reasons}."
    detail = f"queue {record['queue']}, {', '.join(record['reason_codes'])}"
    return Sentence(at, "task", said, detail, f"/tasks/{record['task_id']}")


def _verdict(at: datetime | None, record: Mapping[str, Any], names: Mapping[str, str]) -> Sentence:
    who = names.get(record["reviewer"]["id"], record["reviewer"]["id"])
    if record.get("undoes"):
        said = f"{who} took the verdict back."
    elif record.get("second_review_of"):
        said = (
            f"{who} looked a second time, to measure reviewers: {strings.said(record['outcome'])}."
        )
    else:
        extent = f": {strings.said(record['extent'])}" if record.get("extent") else ""
        said = f"{who} reviewed it, {strings.said(record['outcome'])}{extent}."
    detail = ", ".join(REASONS.get(code, code) for code in record["reason_codes"])
    return Sentence(at, "verdict", said, detail, f"/tasks/{record['task_id']}")


def _appeal(at: datetime | None, record: Mapping[str, Any], _: Mapping[str, str]) -> Sentence:
    if record["sequence"] == 0:
        who = strings.said(record["appellant"]["type"])
        said = f"An appeal by the {who}: {strings.said(record['grounds'])}."
    else:
        said = f"The appeal: {strings.said(record['state'])}."
        if record.get("outcome"):
            said += f" {record['outcome']['reasons']}"
    return Sentence(at, "appeal", said, record["appeal_id"], f"/appeals/{record['appeal_id']}")


def _applied(at: datetime | None, record: Mapping[str, Any], _: Mapping[str, str]) -> Sentence:
    result = {
        "applied": "The catalogue has applied the decision.",
        "already_applied": "The catalogue had applied the decision before.",
        "stale": "The catalogue keeps a newer decision.",
    }
    return Sentence(at, "applied", result[record["result"]])


def _died(at: datetime | None, record: Mapping[str, Any], _: Mapping[str, str]) -> Sentence:
    said = f"It could not be processed ({strings.said(record['reason'])}): {record['detail']}"
    return Sentence(at, "dead", said, f"{record['source']}, {record['processor']}")


def _done(at: datetime | None, record: Mapping[str, Any], _: Mapping[str, str]) -> Sentence:
    said = f"{record['who']} {record['action']} the dead letter: {record['why']}"
    return Sentence(at, "dead", said, record["dead_letter_id"])


def _statement(at: datetime | None, record: Mapping[str, Any], _: Mapping[str, str]) -> Sentence:
    texts = record["texts"]
    said = texts.get("en") or next(iter(texts.values()), "")
    return Sentence(at, "statement", f"Statement of reasons: {said}", record["statement_id"])


_TELL: dict[str, Any] = {
    "uploads": _uploaded,
    "fingerprints": _heard,
    "analyses": _analysed,
    "labels": _labelled,
    "decisions": _decided,
    "review_tasks": _task,
    "verdicts": _verdict,
    "appeals": _appeal,
    "statements": _statement,
    "applied": _applied,
    "dead_letters": _died,
    "dead_letter_actions": _done,
}
