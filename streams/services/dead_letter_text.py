"""Dead letters in plain words, for whoever is on call."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson

from streams.services.dead_letters import Outcome, refusal
from streams.store.dead_letter_store import Action, Heap, Letter

MAX_SHOWN = 4_000  # characters of a value; ``--raw`` gives all


def printable(text: str) -> str:
    """Return text that a terminal only prints: a detail may quote a hostile file."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def overview(found: Sequence[Heap]) -> Iterator[str]:
    """Yield a line for each place and reason: how many, and since when."""
    for heap in found:
        yield (
            f"{heap.count:6} x {heap.reason} in {heap.source} by {heap.processor}, "
            f"from {_moment(heap.oldest)} to {_moment(heap.newest)}"
        )


def listed(letter: Letter) -> str:
    """Return three lines about one letter."""
    again = f", replayed {letter.attempts} times" if letter.attempts else ""
    return printable_lines(
        f"{letter.dead_letter_id}  {_moment(letter.recorded_at)}  {letter.standing}{again}  "
        f"{letter.source} by {letter.processor}",
        f"    {letter.reason}: {letter.detail}",
        f"    track {letter.track_id}, upload {letter.upload_id}, from {letter.origin}",
    )


def shown(letter: Letter, done: Sequence[Action]) -> Iterator[str]:
    """Yield everything about one letter; bytes that are no text are shown as hexadecimals."""
    yield listed(letter)
    for action in done:
        sent = f" as {action.sent_to}, attempt {action.attempt}" if action.sent_to else ""
        said = f"{action.action} by {action.who}{sent}: {action.why}"
        yield printable_lines(f"    {_moment(action.recorded_at)} {said}")
    refused = refusal(letter)
    if refused is not None:
        yield printable_lines(f"    cannot be replayed: {refused}")
    yield "headers"
    for name, value in letter.headers:
        yield printable_lines(f"    {name} = {_text(value)}")
    yield f"key    {'null' if letter.key is None else printable(_text(letter.key))}"
    if letter.value is None:
        yield f"value  {'left out' if letter.omitted else 'null'}"
    else:
        yield f"value  {len(letter.value)} bytes"
        yield from (f"    {line}" for line in _pretty(letter.value).splitlines())


def outcome(found: Outcome) -> str:
    """Return a line that says what became of one replay."""
    letter = found.letter
    if found.refused is not None:
        said = f"not replayed: {found.refused}"
    elif found.sent_to is None:
        said = f"would be replayed on {letter.source}, attempt {found.attempt}"
    else:
        said = f"replayed as {found.sent_to}, attempt {found.attempt}"
    return printable_lines(f"{letter.dead_letter_id}  {letter.reason}  {said}")


def as_json(letter: Letter) -> str:
    """Return a letter as one line of JSON; bytes that are no text become hexadecimals."""
    fields: dict[str, Any] = vars(letter) | {
        "attempts": letter.attempts,
        "key": None if letter.key is None else _text(letter.key),
        "value": None if letter.value is None else _text(letter.value),
        "headers": [(name, _text(value)) for name, value in letter.headers],
        "replayable": refusal(letter) is None,
    }
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
