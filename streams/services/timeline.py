"""The ledger in plain words: the story of one track. Dead letters: ``tell_letters``."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from streams.contract.records import Actions, stable_id
from streams.ops import display
from streams.services.dead_letter_text import printable
from streams.store import queries
from streams.store.database import Ledger


def story(ledger: Ledger, name: str) -> Iterator[str]:
    """Yield what happened to a track, by its id, an upload's id, or the path of a file."""
    track_id = name
    if Path(name).exists():
        track_id = stable_id("trk", Path(name).resolve().as_uri())
    elif (found := queries.track_of(ledger, name)) is not None:
        track_id = found
    for entry in queries.story(ledger, track_id):
        said = _SENTENCES.get(entry.table, _plain)(entry.record)
        when = entry.recorded_at.isoformat(timespec="milliseconds") if entry.recorded_at else "?"
        yield f"{when}  {entry.table:19} {said}"


def _plain(record: Mapping[str, Any]) -> str:
    """Return the fields of a record that has no sentence of its own."""
    simple = {name: value for name, value in record.items() if isinstance(value, str | int | float)}
    return ", ".join(f"{name} {value}" for name, value in simple.items())


def _uploaded(record: Mapping[str, Any]) -> str:
    upload = record["upload"]
    declared = upload.get("declared", {}).get("contains_ai", "nothing")
    return f"{record['upload_id']} of {upload['uri']}, declared AI: {declared}"


def _heard(record: Mapping[str, Any]) -> str:
    audio = record["audio"]
    return (
        f"{audio['duration_s']} s of {audio['codec']} at {audio['sample_rate_hz']} Hz, "
        f"content {record['content_sha256'][:12]}"
    )


def _analysed(record: Mapping[str, Any]) -> str:
    analysis = record["analysis"]
    reason = f" ({analysis['reason']})" if analysis.get("reason") else ""
    sentences = " ".join(one["sentence"] for one in analysis.get("evidence", ()))
    return (
        f"{analysis['outcome']}{reason}, p-value {analysis.get('p_value')}, "
        f"model {analysis['model']['name']} {analysis['model']['digest'][:12]}. {sentences}"
    )


def _labelled(label: Mapping[str, Any]) -> str:
    licensed = f", licensed by {label['agreement_id']}" if label.get("licensed") else ""
    return f"AI extent {label['extent']}, {label['certainty']} by {label['source']}{licensed}"


def _decided(record: Mapping[str, Any]) -> str:
    done = display.restrictions(Actions.model_validate(record["actions"]))
    what = ", ".join(f"{key}={value}" for key, value in done.items()) or "nothing restricted"
    rules = ", ".join(hit["rule_id"] for hit in record["rules"]) or "none"
    policy = record["policy"]
    cause = record.get("cause")
    again = ""
    if cause:
        again = (
            f"; again because of {cause['kind']} {cause['id']}, "
            f"instead of {record['previous_decision_id']}"
        )
    return (
        f"{record['decision_id']}: {what}; rules: {rules}; "
        f"policy {policy['name']} {policy['digest'][:12]}{again}"
    )


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "uploads": _uploaded,
    "fingerprints": _heard,
    "analyses": _analysed,
    "labels": _labelled,
    "decisions": _decided,
    "review_tasks": lambda r: (
        f"{r['task_id']} in queue {r['queue']}: {', '.join(r['reason_codes'])}"
    ),
    "verdicts": lambda r: (
        f"{r['verdict_id']} by {r['reviewer']['id']}: "
        + (f"undoes {r['undoes']}" if r.get("undoes") else r["outcome"])
        + (f", AI extent {r['extent']}" if r.get("extent") else "")
        + f" ({', '.join(r['reason_codes'])})"
    ),
    "appeals": lambda r: (
        f"{r['appeal_id']} by the {r['appellant']['type']} ({r['grounds']}): {r['state']}"
    ),
    "shadow_hits": lambda r: (
        f"on trial: {', '.join(hit['rule_id'] for hit in r['rules'])}; would change: "
        f"{', '.join(r['changed_dimensions']) or 'nothing'}"
    ),
    "statements": lambda r: (
        f"{r['statement_id']} of reasons"
        + (f", instead of {r['replaces']}" if r.get("replaces") else "")
        + f"; objections until {r['redress']['deadline'][:10]}"
    ),
    "usages": lambda r: f"counts under {r['agreement_id']}" + (" no longer" if r["ended"] else ""),
    "credits": lambda r: f"credited: AI {r['contains_ai']}, {len(r['lines'])} lines",
    "applied": lambda r: f"the catalogue says {r['result']} to {r['decision_id']}",
    "dead_letters": lambda r: (
        f"{r['source']} by {r['processor']}: {r['reason']}: {printable(r['detail'])}"
    ),
    "dead_letter_actions": lambda r: (
        f"{r['dead_letter_id']} {r['action']} by {printable(r['who'])}: {printable(r['why'])}"
    ),
}
