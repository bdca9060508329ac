"""``earmark dlq``: what died, why, since when; replay it, or drop it.

Exit codes: 0; 1 where something that was asked for could not be done.
"""

import getpass
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from streams.ops.state import DEFAULT, State

if TYPE_CHECKING:
    from streams.store.database import Ledger
    from streams.store.dead_letter_store import Letter, Wanted

app = typer.Typer(no_args_is_help=True, help="Dead letters: what is stuck; replay or drop it.")

AGO: Final = re.compile(r"(\d+)([smhdw])")
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Which(StrEnum):
    """How a letter stands, as a filter."""

    OPEN = "open"
    REPLAYED = "replayed"
    DROPPED = "dropped"
    ALL = "all"


def moment(text: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> datetime:
    """Read a time: ISO 8601 (UTC where no zone is given), or how long ago (``90m``, ``2d``)."""
    ago = AGO.fullmatch(text)
    try:
        if ago:
            return now() - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is neither a time nor like 90m, 6h, 2d") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


Topic = Annotated[str | None, typer.Option("--topic", help="Source topic.")]
Processor = Annotated[str | None, typer.Option("--processor", help="Who refused it.")]
Reason = Annotated[str | None, typer.Option("--reason", help="missing_file, too_large ...")]
Upload = Annotated[str | None, typer.Option("--upload", help="Upload id.")]
Track = Annotated[str | None, typer.Option("--track", help="Track id.")]
Since = Annotated[
    datetime | None, typer.Option(parser=moment, metavar="TIME", help="From: ISO 8601, or 6h, 2d.")
]
Until = Annotated[
    datetime | None, typer.Option(parser=moment, metavar="TIME", help="Before: the same.")
]
StateOption = Annotated[Path, typer.Option("--state", help="Folder of a one-machine instance.")]
Who = Annotated[str, typer.Option(help="Who does it, noted; you, if left out.")]


@app.command("ls")
def list_letters(
    topic: Topic = None,
    processor: Processor = None,
    reason: Reason = None,
    upload: Upload = None,
    track: Track = None,
    since: Since = None,
    until: Until = None,
    standing: Which = Which.OPEN,
    limit: Annotated[int, typer.Option(min=0, help="The latest so many.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    state: StateOption = Path(DEFAULT),
) -> None:
    """What is stuck, where, since when and why: an overview, then the latest letters."""
    from streams.services import dead_letter_text
    from streams.store import dead_letter_store as ledger_letters

    ledger = _ledger(state)
    wanted = _wanted((), topic, processor, reason, upload, track, since, until, standing)
    letters = ledger_letters.find(ledger, wanted, limit)
    if json:
        _say(*map(dead_letter_text.as_json, letters))
        return
    found = ledger_letters.heaps(ledger, wanted)
    lines = [*dead_letter_text.overview(found), *([""] if letters else [])]
    lines += [dead_letter_text.listed(one) for one in letters]
    count = sum(heap.count for heap in found)
    if count > len(letters):
        lines.append(f"{count - len(letters)} older ones are not shown (--limit)")
    _say(*(lines or ["no dead letters"]))


@app.command()
def show(
    dead_letter_id: str,
    raw: Annotated[bool, typer.Option("--raw", help="Only the value, byte by byte.")] = False,
    state: StateOption = Path(DEFAULT),
) -> None:
    """Everything about one dead letter: why, headers, key, value, what was done about it."""
    from streams.services import dead_letter_text
    from streams.store import dead_letter_store as ledger_letters

    ledger = _ledger(state)
    letter = ledger_letters.one(ledger, dead_letter_id)
    if raw:
        if letter.value is None:
            _fail("its value was left out" if letter.omitted else "its value is null")
        sys.stdout.buffer.write(letter.value)
        sys.stdout.buffer.flush()
        return
    _say(*dead_letter_text.shown(letter, ledger_letters.actions(ledger, dead_letter_id)))


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids; or filters, or --all.")] = None,
    topic: Topic = None,
    processor: Processor = None,
    reason: Reason = None,
    upload: Upload = None,
    track: Track = None,
    since: Since = None,
    until: Until = None,
    standing: Which = Which.OPEN,
    everything: Annotated[bool, typer.Option("--all", help="Every open letter.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
    max_attempts: Annotated[
        int, typer.Option(min=1, help="Leave out what was replayed so often, unless named.")
    ] = 5,
    who: Who = "",
    why: Annotated[str, typer.Option(help="Why; noted.")] = "",
    state: StateOption = Path(DEFAULT),
) -> None:
    """Put the original messages back on their source topics, oldest first.

    Replaying twice is harmless: the same message gives the same decision under the same id.
    """
    from streams.services import dead_letter_text
    from streams.services.dead_letters import Outcome, refusal
    from streams.services.dead_letters import replay as send

    named = tuple(ids or ())
    wanted = _wanted(
        named,
        topic,
        processor,
        reason,
        upload,
        track,
        since,
        until,
        Which.ALL if named else standing,
    )
    if wanted.anything and not everything:
        _fail("say which: ids, filters (--reason missing_file --since 6h ...), or --all")
    ledger = _ledger(state)
    letters = _found(ledger, wanted)
    if not letters:
        _say("no dead letters match")
        return
    most = None if named else max_attempts
    if dry_run:
        outcomes = [
            Outcome(one, attempt=one.attempts + 1, refused=refusal(one, most)) for one in letters
        ]
        _say(*map(dead_letter_text.outcome, outcomes))
        raise SystemExit(any(one.refused for one in outcomes))
    from streams.runtime.kafka.clients import open_producer

    here = State(state)
    settings = here.announced() or here.settings(None)
    producer = open_producer(settings, "replay")
    refused = sent = 0
    try:
        patience = 2 * settings.request_timeout_s
        for one in send(
            ledger,
            producer,
            letters,
            who=who or _me(),
            why=why,
            patience_s=patience,
            max_attempts=most,
        ):
            _say(dead_letter_text.outcome(one))
            sent += one.sent_to is not None
            refused += one.refused is not None
    finally:
        producer.close(timeout=settings.request_timeout_s)
    _say(f"{sent} replayed, {refused} not")
    raise SystemExit(1 if refused else 0)


@app.command()
def drop(
    ids: list[str],
    why: Annotated[str, typer.Option(help="Why nobody needs to look at it; noted.")],
    who: Who = "",
    state: StateOption = Path(DEFAULT),
) -> None:
    """Note that letters are settled without a replay; their bytes stay in the ledger."""
    from streams.services.dead_letters import drop as note
    from streams.store.dead_letter_store import Wanted

    ledger = _ledger(state)
    letters = _found(ledger, Wanted(ids=tuple(ids)))
    open_ones = [letter for letter in letters if letter.standing != "dropped"]
    note(ledger, open_ones, who=who or _me(), why=why)
    _say(*(f"{letter.dead_letter_id}  dropped" for letter in open_ones))


def _wanted(
    ids: tuple[str, ...],
    topic: str | None,
    processor: str | None,
    reason: str | None,
    upload: str | None,
    track: str | None,
    since: datetime | None,
    until: datetime | None,
    standing: Which,
) -> "Wanted":
    from streams.store.dead_letter_store import Wanted

    stands = None if standing is Which.ALL else standing.value
    return Wanted(ids, topic, processor, reason, upload, track, since, until, stands)


def _found(ledger: "Ledger", wanted: "Wanted") -> "list[Letter]":
    """Return the letters; an id that is unknown is an error before anything is done."""
    from streams.store import dead_letter_store as ledger_letters

    letters = ledger_letters.find(ledger, wanted)
    unknown = set(wanted.ids) - {letter.dead_letter_id for letter in letters}
    if unknown:
        _fail(f"the ledger has no dead letter {', '.join(sorted(unknown))}")
    return letters


def _ledger(state: Path) -> "Ledger":
    from streams.store.database import Ledger

    return Ledger.open(State(state).settings(None).ledger)


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _fail(said: str) -> NoReturn:
    sys.stderr.write(f"earmark: {said}\n")
    raise SystemExit(1)
