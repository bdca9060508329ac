"""``earmark dead-letters``: list, show, replay and drop dead letters.

Exit codes: 0; 1 where a dead letter could not be shown, replayed or dropped. Each command imports
what it needs when it runs.
"""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from streams.cli import options as opt
from streams.cli.options import HERE, echo, fail, ledger_of, operator, settings_of

if TYPE_CHECKING:
    from streams.store.database import Ledger
    from streams.store.dead_letter_store import DeadLetter, DeadLetterFilter

app = typer.Typer()

StatusFilter = Literal["open", "replayed", "dropped", "all"]
Topic = Annotated[str | None, typer.Option("--topic", help="Source topic.")]
Processor = Annotated[str | None, typer.Option("--processor", help="Process that refused it.")]
Reason = Annotated[str | None, typer.Option("--reason", help="missing_file, too_large ...")]
Upload = Annotated[str | None, typer.Option("--upload", help="Upload id.")]
Track = Annotated[str | None, typer.Option("--track", help="Track id.")]
Until = Annotated[datetime | None, opt.time_option("Before: the same.")]
Status = Annotated[StatusFilter, typer.Option("--status", help="Status of the dead letters.")]


@app.command("ls")
def list_dead_letters(
    topic: Topic = None,
    processor: Processor = None,
    reason: Reason = None,
    upload: Upload = None,
    track: Track = None,
    since: opt.Since = None,
    until: Until = None,
    status: Status = "open",
    limit: Annotated[int, typer.Option(min=0, help="The latest so many.")] = 50,
    json: opt.JsonLines = False,
    state: opt.StateOption = HERE,
) -> None:
    """List dead letters: counts by place and reason, then the latest."""
    from streams.services import dead_letter_text
    from streams.store import dead_letter_store

    ledger = ledger_of(state)
    only = None if status == "all" else status
    query = dead_letter_store.DeadLetterFilter(
        (), topic, processor, reason, upload, track, since, until, only
    )
    letters = dead_letter_store.find(ledger, query, limit)
    if json:
        echo(*map(dead_letter_text.as_json, letters))
        return
    groups = dead_letter_store.groups(ledger, query)
    lines = [*dead_letter_text.overview(groups), *([""] if letters else [])]
    lines += map(dead_letter_text.listed, letters)
    older = sum(group.count for group in groups) - len(letters)
    if older > 0:
        lines.append(f"{older} older ones are not shown (--limit)")
    echo(*(lines or ["no dead letters"]))


@app.command()
def show(
    dead_letter_id: str,
    raw: Annotated[bool, typer.Option("--raw", help="Only the value, byte by byte.")] = False,
    state: opt.StateOption = HERE,
) -> None:
    """Show one dead letter: reason, headers, key, value, what was done."""
    from streams.services import dead_letter_text
    from streams.store import dead_letter_store

    ledger = ledger_of(state)
    letter = dead_letter_store.get(ledger, dead_letter_id)
    if raw:
        if letter.value is None:
            fail("its value was left out" if letter.omitted else "its value is null")
        sys.stdout.buffer.write(letter.value)
        sys.stdout.buffer.flush()
        return
    echo(*dead_letter_text.shown(letter, dead_letter_store.actions(ledger, dead_letter_id)))


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids; or filters, or --all.")] = None,
    topic: Topic = None,
    processor: Processor = None,
    reason: Reason = None,
    upload: Upload = None,
    track: Track = None,
    since: opt.Since = None,
    until: Until = None,
    status: Status = "open",
    everything: Annotated[bool, typer.Option("--all", help="Every open dead letter.")] = False,
    dry_run: opt.DryRun = False,
    max_attempts: Annotated[
        int, typer.Option(min=1, help="Skip those replayed so often, unless named.")
    ] = 5,
    by: opt.By = "",
    why: opt.Why = "",
    state: opt.StateOption = HERE,
) -> None:
    """Send the original messages to their source topics again, oldest first.

    Replaying twice is harmless: the same message gives the same decision under the same id.
    """
    from streams.services import dead_letter_text, dead_letters
    from streams.store.dead_letter_store import DeadLetterFilter

    named = tuple(ids or ())
    only = None if named or status == "all" else status
    query = DeadLetterFilter(named, topic, processor, reason, upload, track, since, until, only)
    if query.matches_all and not everything:
        fail("say which: ids, filters (--reason missing_file --since 6h ...), or --all")
    ledger = ledger_of(state)
    letters = _found(ledger, query)
    if not letters:
        echo("no dead letters match")
        return
    most = None if named else max_attempts
    if dry_run:
        refusals = [dead_letters.refusal(letter, most) for letter in letters]
        for letter, refusal in zip(letters, refusals, strict=True):
            outcome = dead_letters.Replay(letter, attempt=letter.attempts + 1, refused=refusal)
            echo(dead_letter_text.outcome(outcome))
        raise SystemExit(any(refusals))
    actor = dead_letters.Operator(operator(by), why)
    refused = sent = 0
    for outcome in dead_letters.replay(ledger, settings_of(state), letters, actor, most):
        echo(dead_letter_text.outcome(outcome))
        sent += outcome.sent_to is not None
        refused += outcome.refused is not None
    echo(f"{sent} replayed, {refused} not")
    raise SystemExit(1 if refused else 0)


@app.command()
def drop(
    ids: list[str],
    why: Annotated[str, typer.Option(help="Why it needs no replay; noted.")],
    dry_run: opt.DryRun = False,
    by: opt.By = "",
    state: opt.StateOption = HERE,
) -> None:
    """Mark dead letters as settled without a replay; the ledger keeps them."""
    from streams.services import dead_letters
    from streams.store.dead_letter_store import DeadLetterFilter

    ledger = ledger_of(state)
    open_letters = [letter for letter in _found(ledger, DeadLetterFilter(ids=tuple(ids)))
                    if letter.status != "dropped"]  # fmt: skip
    if not dry_run:
        actor = dead_letters.Operator(operator(by), why)
        open_letters = dead_letters.drop(ledger, open_letters, actor)
    verb = "would be dropped" if dry_run else "dropped"
    echo(*(f"{letter.dead_letter_id}  {verb}" for letter in open_letters))


def _found(ledger: "Ledger", query: "DeadLetterFilter") -> "list[DeadLetter]":
    """Return the dead letters; an unknown id is an error before anything is done."""
    from streams.store import dead_letter_store

    letters = dead_letter_store.find(ledger, query)
    unknown = set(query.ids) - {letter.dead_letter_id for letter in letters}
    if unknown:
        fail(f"the ledger has no dead letter {', '.join(sorted(unknown))}")
    return letters
