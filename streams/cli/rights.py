"""``earmark rights`` and ``earmark redecide``: agreements, and what follows from changes.

``rights import`` reads entries and generators, finds which are new or differ from what the
registry has, gives them the next version and sends them. With ``--dry-run`` it says how many
tracks each may be about, and sends nothing.
"""

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.dead_letters import moment
from streams.ops.state import DEFAULT, State

if TYPE_CHECKING:
    from streams.runtime.settings import Settings
    from streams.store.database import Ledger

app = typer.Typer(no_args_is_help=True, help="The rights registry: agreements and consents.")
StateOption = Annotated[Path, typer.Option("--state", help="Folder of a one-machine instance.")]
By = Annotated[str, typer.Option("--by", help="Who you are; noted.")]


@app.command("import")
def import_rights(
    file: Annotated[Path, typer.Argument(help="CSV, or JSONL with one entry a line.")],
    by: By = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
    state: StateOption = Path(DEFAULT),
) -> None:
    """Bring agreements, consents and generators into the registry."""
    from streams.contract import topics
    from streams.policy.registry import keys_of_entry
    from streams.services.agreement_files import read, versioned
    from streams.services.policies.publishing import send
    from streams.store import reopening
    from streams.store.track_facts import Standing

    settings, ledger = _settings(state), _ledger(state)
    known, _ = Standing(ledger).registry("", fresh=True)
    given = list(read(file))
    changed = versioned(given, known, by or getpass.getuser(), datetime.now(UTC))
    for one in changed:
        about = sum(1 for _ in reopening.tracks_about(ledger, keys_of_entry(one)))
        name = one.entry.agreement_id if one.entry else f"generator {one.entry_id}"
        _print(f"{one.entry_id} version {one.version} ({name}): about {about} tracks")
        if one.entry and one.entry.conditions.max_volume:
            _print("  its max_volume decides nothing by itself: `earmark rights ls` counts")
    if not dry_run and changed:
        send(settings, topics.RIGHTS_CHANGED, changed)
    verb = "would be" if dry_run else "are"
    _print(f"{len(changed)} of {len(given)} {verb} new or changed")


@app.command("ls")
def list_rights(state: StateOption = Path(DEFAULT)) -> None:
    """What stands in the registry today."""
    from streams.policy.registry import keys_of_entry, standing
    from streams.store import reopening
    from streams.store.track_facts import Standing

    ledger = _ledger(state)
    registry, _ = Standing(ledger).registry("", fresh=True)
    now = datetime.now(UTC)
    for one in sorted(registry, key=lambda one: one.entry_id):
        if one.entry is not None:
            stands = standing(one.entry, one.entry.territories[0], now)
            uses, where = ", ".join(one.entry.uses), ", ".join(one.entry.territories)
            _print(f"{one.entry_id} v{one.version} {one.entry.agreement_id}: "
                   f"{one.entry.permission}, {stands}; {uses}; {where}")  # fmt: skip
            most = one.entry.conditions.max_volume
            if most is not None:
                count = sum(1 for _ in reopening.tracks_about(ledger, keys_of_entry(one)))
                over = ", MORE THAN AGREED" if count > most else ""
                _print(f"  about {count} tracks, of at most {most}{over}")
        if one.generator is not None:
            said = ", ".join(
                f"{licence.status} in {', '.join(licence.territories)}"
                for licence in one.generator.licences
            )
            _print(f"{one.entry_id} v{one.version} generator {one.generator.generator_id}: {said}")


def redecide(
    entry: Annotated[str, typer.Option(help="Tracks that a registry entry may be about.")] = "",
    track: Annotated[str, typer.Option(help="One track.")] = "",
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="TIME", help="Tracks decided since: 6h, 7d, ISO 8601."),
    ] = None,
    all_tracks: Annotated[bool, typer.Option("--all", help="Every track.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; otherwise it is a dry run.")] = False,
    state: StateOption = Path(DEFAULT),
) -> None:
    """Decide tracks again by the running policy, from stored facts. A dry run unless --yes."""
    from streams.cli.policy import _print_report
    from streams.contract import topics
    from streams.contract.records import Cause
    from streams.contract.records.policy import TrackReopened
    from streams.policy.bundle import load
    from streams.policy.registry import keys_of_entry
    from streams.services.policies.backtest import backtest
    from streams.services.policies.publishing import running, send
    from streams.store import reopening
    from streams.store.track_facts import Standing

    settings, ledger = _settings(state), _ledger(state)
    bundle = running(ledger, load(settings.policy))
    if entry:
        registry, _ = Standing(ledger).registry("", fresh=True)
        keys = {key for one in registry if one.entry_id == entry for key in keys_of_entry(one)}
        if not keys:
            raise typer.BadParameter(f"the registry has no entry {entry!r}")
        ids = reopening.tracks_about(ledger, keys)
    elif track:
        ids = iter([track])
    elif since or all_tracks:
        ids = reopening.tracks_since(ledger, since)
    else:
        raise typer.BadParameter("say which tracks: --entry, --track, --since or --all")
    if not yes:
        report = backtest(ledger, bundle, datetime.now(UTC), ids).as_data()
        _print_report(report)
        _print("a dry run: nothing was sent; add --yes")
        return
    cause = Cause(kind="operator", id=getpass.getuser())
    wanted = (TrackReopened(track_id=one, cause=cause, force=True) for one in ids)
    count = send(settings, topics.REOPENED, wanted)
    _print(f"{count} tracks reopened; what differs is decided again, at most "
           f"{settings.redecide_per_s:g} a second by each worker")  # fmt: skip


def _settings(state: Path) -> "Settings":
    return State(state).announced() or State(state).settings(None)


def _ledger(state: Path) -> "Ledger":
    from streams.store.database import Ledger

    return Ledger.open(_settings(state).ledger)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
