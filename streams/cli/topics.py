"""``earmark topics``: what the topics should be, and making them so."""

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from streams.cli.dead_letters import moment
from streams.ops.state import DEFAULT, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.runtime.kafka.topic_plan import Change

VISIBLE_S: Final = 10.0

app = typer.Typer(no_args_is_help=True, help="Create topics and keep them as they should be.")


@app.command()
def plan(
    check: Annotated[bool, typer.Option("--check", help="Exit 1 where something differs.")] = False,
) -> None:
    """Say how the topics on EARMARK_BROKERS differ from the settings; change nothing."""
    from streams.runtime.kafka.topic_plan import on_broker, open_admin, wanted
    from streams.runtime.kafka.topic_plan import plan as changes
    from streams.runtime.settings import Settings

    settings = Settings.from_env()
    with open_admin(settings) as admin:
        found = changes(wanted(settings), on_broker(admin))
    _say(found, "topics are as they should be")
    _advise(found)
    raise SystemExit(1 if found and check else 0)


@app.command()
def apply(
    grow: Annotated[
        bool,
        typer.Option(
            "--grow", help="Also add partitions. Drain first: a track's order is lost across it."
        ),
    ] = False,
) -> None:
    """Create what is missing and set what differs; say what is left to do by hand."""
    from streams.ops.embedded_broker import ensure_topics
    from streams.runtime.kafka.topic_plan import apply as make
    from streams.runtime.kafka.topic_plan import on_broker, open_admin, wanted
    from streams.runtime.kafka.topic_plan import plan as changes
    from streams.runtime.settings import Settings

    settings = Settings.from_env()
    with open_admin(settings) as admin:
        done = make(admin, changes(wanted(settings), on_broker(admin)), grow=grow)
        _say(done, "nothing to do")
        ensure_topics(settings)  # waits until all are visible
        deadline = time.monotonic() + VISIBLE_S
        while True:
            left = changes(wanted(settings), on_broker(admin))
            late = {(one.topic, one.kind) for one in left} & {(one.topic, one.kind) for one in done}
            if not late or time.monotonic() > deadline:
                break
            time.sleep(0.2)  # a broker tells what was changed a moment later
    if left:
        sys.stdout.write("left as it is:\n")
        _say(left, "")
        _advise(left)
    if any(change.kind == "grow" for change in done):
        sys.stdout.write(
            "start all processes anew: running ones see new partitions minutes later\n"
        )


@app.command()
def rewind(
    process: Annotated[str, typer.Argument(help="fingerprint, classify, decide, ledger ...")],
    to: Annotated[
        datetime,
        typer.Option(parser=moment, metavar="TIME", help="Since when again: 6h, 7d, ISO 8601."),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise it only tells.")] = False,
    state: Annotated[Path, typer.Option(help="Folder of a one-machine instance.")] = Path(DEFAULT),
) -> None:
    """Let a process do again what came since a time; its workers must be stopped meanwhile."""
    from streams.ops.checks.broker import READS
    from streams.runtime.kafka.offsets import moves
    from streams.runtime.kafka.offsets import rewind as move_back
    from streams.runtime.kafka.topic_plan import open_admin
    from streams.runtime.settings import Settings

    if process not in READS:
        raise typer.BadParameter(f"no process {process!r}; there are {', '.join(READS)}")
    settings = State(state).announced() or Settings.from_env()
    group = f"{settings.group_prefix}.{process}"
    with open_admin(settings) as admin:
        found = moves(admin, group, READS[process], to)
        if yes and found:
            move_back(admin, group, found)
    for one in found:
        sys.stdout.write(
            f"{one.topic}/{one.partition}: from {one.before} back to {one.after} (end {one.end})\n"
        )
    again = sum(one.before - one.after for one in found)
    sys.stdout.write(f"{again} events {'will be' if yes else 'would be'} done again\n")
    if not yes:
        sys.stdout.write("nothing was changed; stop the workers of that process, then add --yes\n")


def _advise(left: "Sequence[Change]") -> None:
    kinds = {change.kind for change in left}
    if kinds & {"create", "configure"}:
        sys.stdout.write("earmark topics apply does it\n")
    if "grow" in kinds:
        sys.stdout.write(
            "partitions are added by apply --grow alone: stop the uploads first, and drain\n"
        )


def _say(found: "Sequence[Change]", nothing: str) -> None:
    lines = [f"{change.kind:<10} {change.topic}: {change.says}" for change in found] or [nothing]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
