"""``earmark groups``: the consumer groups of the processes."""

from datetime import datetime
from typing import Annotated

import typer

from streams.cli.options import HERE, DryRunUnlessYes, StateOption, echo, parse_time, settings_of

app = typer.Typer(no_args_is_help=True, help="Consumer groups of the processes.")


@app.callback()
def groups() -> None:
    """Consumer groups of the processes."""


@app.command("reset-offsets")
def reset_offsets(
    process: Annotated[str, typer.Argument(help="fingerprint, classify, decide, ledger ...")],
    to: Annotated[
        datetime, typer.Option(parser=parse_time, metavar="TIME", help="6h, 7d, or ISO 8601.")
    ],
    dry_run: DryRunUnlessYes = True,
    state: StateOption = HERE,
) -> None:
    """Reset a consumer group to a point in time. Stop its workers first."""
    from streams.contract.processes import GROUPS
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
