"""Dead letters as text and JSON, for operators."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from streams.contract.printing import printable
from streams.services.dead_letters import Replay, refusal
from streams.store.dead_letter_store import Action, DeadLetter, DeadLetterGroup

MAX_SHOWN = 4_000  # characters of a value; ``--raw`` gives all


def overview(groups: Sequence[DeadLetterGroup]) -> Iterator[str]:
    """Yield a line for each place and reason: how many, and since when."""
    for group in groups:
        yield (
            f"{group.count:6} x {group.reason} in {group.source} by {group.processor}, "
            f"from {_moment(group.oldest)} to {_moment(group.newest)}"
        )


def listed(dead_letter: DeadLetter) -> str:
    """Return three lines about a dead letter."""
    again = f", replayed {dead_letter.attempts} times" if dead_letter.attempts else ""
    return printable_lines(
        f"{dead_letter.dead_letter_id}  {_moment(dead_letter.recorded_at)}  "
        f"{dead_letter.status}{again}  {dead_letter.source} by {dead_letter.processor}",
        f"    {dead_letter.reason}: {dead_letter.detail}",
        f"    track {dead_letter.track_id}, upload {dead_letter.upload_id}, "
        f"from {dead_letter.origin}",
    )


def shown(dead_letter: DeadLetter, actions: Sequence[Action]) -> Iterator[str]:
    """Yield everything about a dead letter; bytes that are no text become hexadecimals."""
    yield listed(dead_letter)
    for action in actions:
        sent = f" as {action.sent_to}, attempt {action.attempt}" if action.sent_to else ""
        text = f"{action.action} by {action.who}{sent}: {action.why}"
        yield printable_lines(f"    {_moment(action.recorded_at)} {text}")
    refused = refusal(dead_letter)
    if refused is not None:
        yield printable_lines(f"    cannot be replayed: {refused}")
    yield "headers"
    for name, value in dead_letter.headers:
        yield printable_lines(f"    {name} = {_text(value)}")
    yield f"key    {'null' if dead_letter.key is None else printable(_text(dead_letter.key))}"
    if dead_letter.value is None:
        yield f"value  {'left out' if dead_letter.omitted else 'null'}"
    else:
        yield f"value  {len(dead_letter.value)} bytes"
        yield from (f"    {line}" for line in _pretty(dead_letter.value).splitlines())


def outcome(result: Replay) -> str:
    """Return a line with the result of one replay."""
    dead_letter = result.letter
    if result.refused is not None:
        text = f"not replayed: {result.refused}"
    elif result.sent_to is None:
        text = f"would be replayed on {dead_letter.source}, attempt {result.attempt}"
    else:
        text = f"replayed as {result.sent_to}, attempt {result.attempt}"
    return printable_lines(f"{dead_letter.dead_letter_id}  {dead_letter.reason}  {text}")


def as_json(dead_letter: DeadLetter) -> str:
    """Return a dead letter as one line of JSON; bytes that are no text become hexadecimals."""
    fields: dict[str, Any] = vars(dead_letter) | {
        "standing": dead_letter.status,  # the published name
        "attempts": dead_letter.attempts,
        "key": None if dead_letter.key is None else _text(dead_letter.key),
        "value": None if dead_letter.value is None else _text(dead_letter.value),
        "headers": [(name, _text(value)) for name, value in dead_letter.headers],
        "replayable": refusal(dead_letter) is None,
    }
    del fields["status"]
    return orjson.dumps(fields).decode()


def printable_lines(*lines: str) -> str:
    """Join lines of which each is made printable."""
    return "\n".join(printable(line) for line in lines)


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else "?"


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"hex {value.hex()}"


def _pretty(value: bytes) -> str:
    try:
        text = orjson.dumps(orjson.loads(value), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        text = _text(value)
    lines = printable_lines(*text.splitlines())
    return lines if len(lines) <= MAX_SHOWN else f"{lines[:MAX_SHOWN]} ..."
