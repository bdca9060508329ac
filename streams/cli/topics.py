"""``earmark topics``: align the topics on the broker with the settings; ``earmark groups``.

Each command imports what it needs when it runs.
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from streams.cli import options as opt
from streams.cli.options import HERE, echo, ledger_of, operator, settings_of
from streams.contract.processes import GROUPS
from streams.runtime.settings import Settings

if TYPE_CHECKING:
    from kafka.admin import ACL

    from streams.runtime.kafka.topic_plan import Change

VISIBLE_S: Final = 10.0
Acls = Annotated[
    bool, typer.Option("--acls", help="Also the rights of a Kafka user for each process.")
]
Principal = Annotated[str, typer.Option("--principal", help="Names of these users.")]
USERS: Final = "User:earmark-{process}"

app = typer.Typer()
groups = typer.Typer()


@app.command()
def plan(
    check: Annotated[bool, typer.Option("--check", help="Exit 1 where something differs.")] = False,
    acls: Acls = False,
    principal: Principal = USERS,
) -> None:
    """Show how the topics on EARMARK_BROKERS differ from the settings."""
    from streams.runtime.kafka.topic_plan import open_admin

    settings = Settings.from_env()
    with open_admin(settings) as admin:
        changes = _changes(admin, settings)
        missing = _rights(admin, settings, principal) if acls else []
    _show(changes, "topics are as they should be")
    _advise(changes)
    raise SystemExit(1 if (changes or missing) and check else 0)


@app.command()
def apply(
    grow: Annotated[
        bool, typer.Option("--grow", help="Also add partitions. Drain first: order breaks.")
    ] = False,
    acls: Acls = False,
    principal: Principal = USERS,
    dry_run: opt.DryRun = False,
) -> None:
    """Create missing topics and set what differs; list what is left to do."""
    from streams.ops.embedded_broker import ensure_topics
    from streams.runtime.kafka import acls as topic_acls
    from streams.runtime.kafka import topic_plan

    if dry_run:
        plan(check=False, acls=acls, principal=principal)
    settings = Settings.from_env()
    with topic_plan.open_admin(settings) as admin:
        done = topic_plan.apply(admin, _changes(admin, settings), grow=grow)
        _show(done, "nothing to do")
        ensure_topics(settings)  # waits until all are visible
        deadline = time.monotonic() + VISIBLE_S
        applied = {(change.topic, change.kind) for change in done}
        while True:  # a broker shows a change a moment later
            left = _changes(admin, settings)
            late = applied & {(change.topic, change.kind) for change in left}
            if not late or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        if acls:
            topic_acls.grant(admin, _rights(admin, settings, principal))
    if left:
        echo("left as it is:")
        _show(left)
        _advise(left)
    if any(change.kind == "grow" for change in done):
        echo("restart all processes: running ones see new partitions minutes later")


@app.command()
def skip(
    place: Annotated[str, typer.Argument(metavar="TOPIC/PARTITION/OFFSET", help="The record.")],
    why: Annotated[str, typer.Option(help="Why no process can handle it; noted.")],
    by: opt.By = "",
    process: Annotated[
        str | None, typer.Option("--process", help="Only this one of those that stand there.")
    ] = None,
    dry_run: opt.DryRun = False,
    state: opt.StateOption = HERE,
) -> None:
    """Move processes past one record; it becomes a dead letter."""
    from streams.runtime.kafka.topic_plan import open_admin
    from streams.services import skipping
    from streams.services.dead_letters import Operator

    settings = settings_of(state)
    with open_admin(settings) as admin:
        stopped = skipping.stopped_at(admin, settings, place, process)
        if not dry_run:
            by_operator = Operator(operator(by), why)
            skipping.skip(ledger_of(state), admin, settings, place, stopped, by_operator)
    echo(*(f"{name} {'would be' if dry_run else 'is'} moved past {place}" for name in stopped))


@groups.command("reset-offsets")
def reset_offsets(
    process: Annotated[str, typer.Argument(help="fingerprint, classify, decide, ledger ...")],
    to: Annotated[datetime, opt.time_option("6h, 7d, or ISO 8601.")],
    dry_run: opt.DryRunUnlessYes = True,
    state: opt.StateOption = HERE,
) -> None:
    """Reset a consumer group to a point in time. Stop its workers first."""
    from streams.runtime.kafka.offsets import moves, rewind
    from streams.runtime.kafka.topic_plan import open_admin

    if process not in GROUPS:
        raise typer.BadParameter(f"no process {process!r}; there are {', '.join(GROUPS)}")
    settings = settings_of(state)
    group = f"{settings.group_prefix}.{process}"
    with open_admin(settings) as admin:
        resets = moves(admin, group, GROUPS[process], to)
        if resets and not dry_run:
            rewind(admin, group, resets)
    for reset in resets:
        echo(f"{reset.topic}/{reset.partition}: from {reset.before} back to {reset.after} "
             f"(end {reset.end})")  # fmt: skip
    count = sum(reset.before - reset.after for reset in resets)
    echo(f"{count} events {'would be' if dry_run else 'will be'} done again")
    if dry_run:
        echo("nothing was changed; stop the workers of that process, then add --yes")


def _changes(admin: Any, settings: Settings) -> "list[Change]":
    from streams.runtime.kafka import topic_plan

    return topic_plan.plan(topic_plan.target_shapes(settings), topic_plan.on_broker(admin))


def _rights(admin: Any, settings: Settings, principal: str) -> "list[ACL]":
    """Print how the rights differ; return those that are missing."""
    from streams.runtime.kafka import acls as topic_acls

    missing, extra = topic_acls.differences(admin, topic_acls.targets(settings, principal))
    lines = [f"grant      {topic_acls.as_text(acl)}" for acl in missing]
    lines += [f"more       {topic_acls.as_text(acl)}: needed by no process" for acl in extra]
    echo(*lines or ["rights are as they should be"])
    return missing


def _advise(left: "Sequence[Change]") -> None:
    kinds = {change.kind for change in left}
    if kinds & {"create", "configure"}:
        echo("earmark topics apply does it")
    if "grow" in kinds:
        echo("partitions are added by apply --grow alone: stop the uploads first, and drain")


def _show(changes: "Sequence[Change]", nothing: str = "") -> None:
    echo(*[f"{change.kind:<10} {change.topic}: {change.says}" for change in changes] or [nothing])
