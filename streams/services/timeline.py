"""The story of a track: one narrator, from the rows of the ledger.

The command line, the console and the API render the same entries.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from streams.contract.printing import printable
from streams.contract.records import Actions, Analysis, Label, stable_id
from streams.services.reviews import REASONS
from streams.services.wording import (
    consequences,
    explanation,
    extent_words,
    places,
    reason,
    restrictions,
    words,
)
from streams.store import queries
from streams.store.database import Ledger

INTERNAL: Final = frozenset({"trial", "usage", "credits", "record"})
"""Kinds of entries that only the command line shows."""
CLAIMS: Final = {
    "All": "declared as made with AI",
    "Partly": "declared as made with AI in part",
    "None": "declared as made without AI",
}
APPLIED: Final = {
    "applied": "The catalogue has applied the decision.",
    "already_applied": "The catalogue had applied the decision before.",
    "stale": "The catalogue keeps a newer decision.",
}

Row = Mapping[str, Any]
Names = Mapping[str, str]


@dataclass(frozen=True)
class StoryEntry:
    """One event in the story of a track."""

    at: datetime | None  # when the ledger recorded it
    kind: str
    sentence: str  # what happened, in plain words
    details: str = ""  # ids and numbers behind it
    subject: str = ""  # the id of the task or appeal, where there is one
    internal: str = ""  # what only operators may see


def find_track(ledger: Ledger, name: str) -> str:
    """Return the id of the track that a track id, an upload id or the path of a file names."""
    if Path(name).exists():
        return stable_id("trk", Path(name).resolve().as_uri())
    return queries.track_of(ledger, name) or name


def story(rows: Sequence[queries.Entry], names: Names) -> Iterator[StoryEntry]:
    """Yield the entries of a story in order; ``names`` holds the reviewers' names by id."""
    for row in rows:
        narrator = _NARRATORS.get(row.table)
        fields = narrator(row.record, names) if narrator else _in_brief(row.table, row.record)
        yield StoryEntry(row.recorded_at, *fields)


def as_text(entry: StoryEntry) -> str:
    """Return an entry as one line that is safe to print to a terminal."""
    at = entry.at.isoformat(timespec="milliseconds") if entry.at else "?"
    details = " ".join(filter(None, (entry.details, entry.internal)))
    brackets = f" ({details})" if details else ""
    return printable(f"{at}  {entry.kind:9} {entry.sentence}{brackets}")


def _uploaded(row: Row, _: Names) -> tuple[str, ...]:
    upload = row["upload"]
    declared = (upload.get("declared") or {}).get("contains_ai")
    claim = CLAIMS.get(declared or "", "without a statement about AI")
    by = f" by {upload['distributor']}" if upload.get("distributor") else ""
    # An address may hold a signature: it is for operators only.
    return "upload", f"Delivered{by}, {claim}.", row["upload_id"], "", f"of {upload['uri']}"


def _analysed(row: Row, _: Names) -> tuple[str, ...]:
    analysis = Analysis.model_validate(row["analysis"])
    again = ", of another model" if row.get("replaces") else ""
    sentence = f"Our analysis{again}: {words(analysis.outcome)}. {explanation(analysis)}"
    details = [evidence.sentence for evidence in analysis.evidence]
    why = f" ({analysis.reason})" if analysis.reason else ""
    details.append(
        f"{analysis.outcome}{why}, p-value {analysis.p_value}, "
        f"model {analysis.model.name} {analysis.model.digest[:12]}"
    )
    return "analysis", sentence, " ".join(details)


def _labelled(row: Row, _: Names) -> tuple[str, ...]:
    label = Label.model_validate(row)
    source = words(label.source)
    if label.neg:
        sentence = f"The label of {source} was withdrawn."
    else:
        stated = extent_words(label.extent, label.source)
        sentence = f"Label “{stated}”, {label.certainty.words}, by {source}."
    if label.licensed:
        sentence += f" It is licensed under {label.agreement_id}."
    if label.mark and label.mark.kind == "watermark":
        sentence += f" The sound seems to carry the watermark of {label.mark.generator}."
    if label.mark and label.mark.song_id:
        sentence += f" The file names the song {label.mark.song_id} of {label.mark.generator}."
    return "label", sentence, f"{label.label_id}, AI extent {label.extent}"


def _decided(row: Row, _: Names) -> tuple[str, ...]:
    actions = Actions.model_validate(row["actions"])
    rules = ", ".join(f"{rule['rule_id']} v{rule['rule_version']}" for rule in row["rules"])
    policy = row["policy"]
    details = [
        row["decision_id"],
        ", ".join(restrictions(actions)) or "nothing restricted",
        f"rules {rules or 'none'}",
        f"policy {policy['name']} {policy['version']} {policy['digest'][:12]}",
    ]
    if cause := row.get("cause"):
        details.append(
            f"again because of {cause['kind']} {cause['id']}, "
            f"instead of {row['previous_decision_id']}"
        )
    sentence = f"Decided: {_plain(actions)}."
    for scope in row.get("territorial", ()):
        there, where = Actions.model_validate(scope["actions"]), places(scope["territories"])
        sentence += f" In {where}: {_plain(there)}."
        done = restrictions(there, licensed=bool(scope.get("licensed")))
        details.append(f"in {where}: {', '.join(done) or 'nothing restricted'}")
    return "decision", sentence, " · ".join(details)


def _plain(actions: Actions) -> str:
    return "; ".join(consequences(actions)) or "nothing is restricted or shown"


def _review_requested(row: Row, _: Names) -> tuple[str, ...]:
    sentence = f"A review was requested: {', '.join(map(reason, row['reason_codes']))}."
    details = f"{row['task_id']}, queue {row['queue']}, {', '.join(row['reason_codes'])}"
    return "task", sentence, details, row["task_id"]


def _reviewed(row: Row, names: Names) -> tuple[str, ...]:
    reviewer = names.get(row["reviewer"]["id"], row["reviewer"]["id"])
    if row.get("undoes"):
        sentence = f"{reviewer} took the verdict back."
    elif row.get("second_review_of"):
        sentence = (
            f"{reviewer} looked a second time, to measure reviewers: {words(row['outcome'])}."
        )
    else:
        extent = f": {words(row['extent'])}" if row.get("extent") else ""
        sentence = f"{reviewer} reviewed it, {words(row['outcome'])}{extent}."
    reasons = ", ".join(REASONS.get(code, code) for code in row["reason_codes"])
    return "verdict", sentence, f"{reasons} · {row['verdict_id']}", row["task_id"]


def _appealed(row: Row, _: Names) -> tuple[str, ...]:
    if row["sequence"] == 0:
        sentence = f"An appeal by the {words(row['appellant']['type'])}: {words(row['grounds'])}."
    else:
        sentence = f"The appeal: {words(row['state'])}."
        if row.get("outcome"):
            sentence += f" {row['outcome']['reasons']}"
    return "appeal", sentence, f"{row['appeal_id']}, {row['state']}", row["appeal_id"]


def _stated(row: Row, _: Names) -> tuple[str, ...]:
    text = row["texts"].get("en") or next(iter(row["texts"].values()), "")
    replaces = f", instead of {row['replaces']}" if row.get("replaces") else ""
    details = f"{row['statement_id']}{replaces}; objections until {row['redress']['deadline'][:10]}"
    return "statement", f"Statement of reasons: {text}", details


def _in_brief(table: str, row: Row) -> tuple[str, ...]:
    """Return a record as one sentence, or as its fields where there is none."""
    match table:
        case "fingerprints":
            audio = row["audio"]
            sentence = (
                f"Decoded: {audio['duration_s'] / 60:.1f} minutes of {audio['codec']} at "
                f"{audio['sample_rate_hz'] / 1000:g} kHz."
            )
            details = f"{audio['duration_s']} s, content {row['content_sha256'][:16]}"
            provenance = row.get("provenance") or {}
            if anchor := provenance.get("anchor"):
                sentence += (
                    f" Its manifest is signed by {provenance['signer']}; the trust anchor "
                    f"{anchor['name']} confirms it."
                )
                details += f", anchor {anchor['sha256']}"
            return "decoded", sentence, details
        case "left_out":
            return "left_out", f"Older {words(row['table'])} are left out: there are too many.", ""
        case "applied":
            return "applied", APPLIED[row["result"]], row["decision_id"]
        case "dead_letters":
            sentence = f"It could not be processed ({words(row['reason'])}): {row['detail']}"
            return "dead", sentence, f"{row['source']}, {row['processor']}, {row['reason']}"
        case "dead_letter_actions":
            sentence = f"The dead letter was {row['action']} by {row['who']}: {row['why']}"
            return "dead", sentence, row["dead_letter_id"]
        case "shadow_hits":
            rules = ", ".join(hit["rule_id"] for hit in row["rules"])
            changes = ", ".join(row["changed_dimensions"]) or "nothing"
            return "trial", f"Rules on trial hold: {rules}; they would change {changes}."
        case "usages":
            end = " no longer" if row["ended"] else ""
            return "usage", f"It counts{end} under {row['agreement_id']}."
        case "credits":
            return "credits", f"Credits: AI {row['contains_ai']}, {len(row['lines'])} lines."
    fields = {name: value for name, value in row.items() if isinstance(value, str | int | float)}
    return "record", ", ".join(f"{name} {value}" for name, value in fields.items())


_NARRATORS: Final[dict[str, Callable[[Row, Names], tuple[str, ...]]]] = {
    "uploads": _uploaded,
    "analyses": _analysed,
    "labels": _labelled,
    "decisions": _decided,
    "review_tasks": _review_requested,
    "verdicts": _reviewed,
    "appeals": _appealed,
    "statements": _stated,
}
