"""``earmark redecide``: decide tracks again by the running policy."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from streams.cli.options import (
    HERE,
    DryRunUnlessYes,
    StateOption,
    echo,
    ledger_of,
    operator,
    parse_time,
    settings_of,
)


def redecide(
    entry: Annotated[str, typer.Option(help="Tracks that a registry entry may concern.")] = "",
    track: Annotated[str, typer.Option(help="One track.")] = "",
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help="Decided since: 6h, 7d, ISO 8601."),
    ] = None,
    all_tracks: Annotated[bool, typer.Option("--all", help="Every track.")] = False,
    dry_run: DryRunUnlessYes = True,
    state: StateOption = HERE,
) -> None:
    """Decide tracks again from stored facts, by the running policy."""
    from streams.cli.policy import print_report
    from streams.contract.records import Cause
    from streams.policy.bundle import load
    from streams.policy.registry import keys_of_entry
    from streams.services.policies.backtest import backtest
    from streams.services.policies.publishing import reopen, running
    from streams.store import reopening
    from streams.store.track_facts import TrackFacts

    settings, ledger = settings_of(state), ledger_of(state)
    bundle = running(ledger, load(settings.policy))
    if entry:
        registry, _ = TrackFacts(ledger).registry("", fresh=True)
        keys = {
            key for change in registry if change.entry_id == entry for key in keys_of_entry(change)
        }
        if not keys:
            raise typer.BadParameter(f"the registry has no entry {entry!r}")
        track_ids = reopening.tracks_about(ledger, keys)
    elif track:
        track_ids = iter([track])
    elif since or all_tracks:
        track_ids = reopening.tracks_since(ledger, since)
    else:
        raise typer.BadParameter("say which tracks: --entry, --track, --since or --all")
    if dry_run:
        print_report(backtest(ledger, bundle, datetime.now(UTC), track_ids).as_data())
        echo("a dry run: nothing was sent; add --yes")
        return
    cause = Cause(kind="operator", id=operator(""))
    count = reopen(settings, track_ids, cause)
    echo(f"{count} tracks reopened; what differs is decided again, at most "
         f"{settings.redecide_per_s:g} a second by each worker")  # fmt: skip
