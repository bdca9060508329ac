"""``earmark topics``: what the topics should be, and making them so."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.broker.topic_plan import Change

app = typer.Typer(no_args_is_help=True, help="Create topics and keep them as they should be.")


@app.command()
def plan(
    check: Annotated[bool, typer.Option("--check", help="Exit 1 where something differs.")] = False,
) -> None:
    """Say how the topics on EARMARK_BROKERS differ from the settings; change nothing."""
    from streams.broker.topic_plan import on_broker, open_admin, wanted
    from streams.broker.topic_plan import plan as changes
    from streams.settings import Settings

    settings = Settings.from_env()
    with open_admin(settings) as admin:
        found = changes(wanted(settings), on_broker(admin))
    _say(found, "topics are as they should be")
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
    from streams.broker.embedded import ensure_topics
    from streams.broker.topic_plan import apply as make
    from streams.broker.topic_plan import on_broker, open_admin, wanted
    from streams.broker.topic_plan import plan as changes
    from streams.settings import Settings

    settings = Settings.from_env()
    with open_admin(settings) as admin:
        done = make(admin, changes(wanted(settings), on_broker(admin)), grow=grow)
        _say(done, "nothing to do")
        ensure_topics(settings)  # waits until all are visible
        left = changes(wanted(settings), on_broker(admin))
    if left:
        sys.stdout.write("left as it is:\n")
        _say(left, "")


def _say(found: "Sequence[Change]", nothing: str) -> None:
    lines = [f"{change.kind:<10} {change.topic}: {change.says}" for change in found] or [nothing]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
