"""``earmark topics``: compare the topics on the broker with the settings, and change them."""

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from streams.cli.options import DryRun, echo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.runtime.kafka.topic_plan import Change

VISIBLE_S: Final = 10.0

app = typer.Typer(no_args_is_help=True, help="Create topics and align them with the settings.")


@app.command()
def plan(
    check: Annotated[bool, typer.Option("--check", help="Exit 1 where something differs.")] = False,
) -> None:
    """Show how the topics on EARMARK_BROKERS differ from the settings."""
    from streams.runtime.kafka.topic_plan import on_broker, open_admin
    from streams.runtime.kafka.topic_plan import plan as changes_of
    from streams.runtime.kafka.topic_plan import target_shapes as planned_topics
    from streams.runtime.settings import Settings

    settings = Settings.from_env()
    with open_admin(settings) as admin:
        changes = changes_of(planned_topics(settings), on_broker(admin))
    _show(changes, "topics are as they should be")
    _advise(changes)
    raise SystemExit(1 if changes and check else 0)


@app.command()
def apply(
    grow: Annotated[
        bool, typer.Option("--grow", help="Also add partitions. Drain first: order breaks.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Create missing topics and set what differs; list what is left to do."""
    from streams.ops.embedded_broker import ensure_topics
    from streams.runtime.kafka.topic_plan import apply as apply_changes
    from streams.runtime.kafka.topic_plan import on_broker, open_admin
    from streams.runtime.kafka.topic_plan import plan as changes_of
    from streams.runtime.kafka.topic_plan import target_shapes as planned_topics
    from streams.runtime.settings import Settings

    if dry_run:
        plan(check=False)
    settings = Settings.from_env()
    with open_admin(settings) as admin:
        done = apply_changes(
            admin, changes_of(planned_topics(settings), on_broker(admin)), grow=grow
        )
        _show(done, "nothing to do")
        ensure_topics(settings)  # waits until all are visible
        deadline = time.monotonic() + VISIBLE_S
        applied = {(change.topic, change.kind) for change in done}
        while True:  # a broker shows a change a moment later
            left = changes_of(planned_topics(settings), on_broker(admin))
            late = applied & {(change.topic, change.kind) for change in left}
            if not late or time.monotonic() > deadline:
                break
            time.sleep(0.2)
    if left:
        echo("left as it is:")
        _show(left)
        _advise(left)
    if any(change.kind == "grow" for change in done):
        echo("restart all processes: running ones see new partitions minutes later")


def _advise(left: "Sequence[Change]") -> None:
    kinds = {change.kind for change in left}
    if kinds & {"create", "configure"}:
        echo("earmark topics apply does it")
    if "grow" in kinds:
        echo("partitions are added by apply --grow alone: stop the uploads first, and drain")


def _show(changes: "Sequence[Change]", nothing: str = "") -> None:
    echo(*[f"{change.kind:<10} {change.topic}: {change.says}" for change in changes] or [nothing])
