"""``earmark rights``: agreements and generators.

``rights import`` reads entries and generators, finds which are new or differ from what the
registry has, gives them the next version and sends them. With ``--dry-run`` it prints how many
tracks each may concern, and sends nothing. Each command imports what it needs when it runs.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from streams.cli import options as opt
from streams.cli.options import HERE, echo, ledger_of, operator, settings_of

app = typer.Typer()


@app.command("import")
def import_rights(
    file: Annotated[Path, typer.Argument(help="CSV, or JSONL with one entry a line.")],
    by: opt.By = "",
    dry_run: opt.DryRun = False,
    state: opt.StateOption = HERE,
) -> None:
    """Import agreements, consents and generators into the registry."""
    from streams.contract import topics
    from streams.policy.registry import keys_of_entry
    from streams.runtime.kafka.clients import send_all
    from streams.services.agreement_files import read, versioned
    from streams.store import reopening
    from streams.store.track_facts import TrackFacts

    settings, ledger = settings_of(state), ledger_of(state)
    known, _ = TrackFacts(ledger).registry("", fresh=True)
    entries = list(read(file))
    changed = versioned(entries, known, operator(by), datetime.now(UTC))
    for change in changed:
        about = sum(1 for _ in reopening.tracks_about(ledger, keys_of_entry(change)))
        name = change.entry.agreement_id if change.entry else f"generator {change.entry_id}"
        echo(f"{change.entry_id} version {change.version} ({name}): about {about} tracks")
        if change.entry and change.entry.conditions.max_volume:
            echo("  its max_volume decides nothing by itself: `earmark rights ls` counts")
    if not dry_run and changed:
        send_all(settings, "operator", topics.RIGHTS_CHANGED, changed)
    verb = "would be" if dry_run else "are"
    echo(f"{len(changed)} of {len(entries)} {verb} new or changed")


@app.command()
def template() -> None:
    """Print a CSV with the columns of agreements and an example."""
    from streams.services.agreement_files import template as sheet

    echo(sheet())


@app.command("ls")
def list_rights(state: opt.StateOption = HERE) -> None:
    """List the entries of the registry."""
    from streams.policy.registry import keys_of_entry, status_of
    from streams.store import reopening
    from streams.store.track_facts import TrackFacts

    ledger = ledger_of(state)
    registry, _ = TrackFacts(ledger).registry("", fresh=True)
    now = datetime.now(UTC)
    for change in sorted(registry, key=lambda change: change.entry_id):
        name = f"{change.entry_id} v{change.version}"
        if (entry := change.entry) is not None:
            status = status_of(entry, entry.territories[0], now)
            uses, territories = ", ".join(entry.uses), ", ".join(entry.territories)
            echo(f"{name} {entry.agreement_id}: {entry.permission}, {status}; {uses}; "
                 f"{territories}")  # fmt: skip
            if (most := entry.conditions.max_volume) is not None:
                count = sum(1 for _ in reopening.tracks_about(ledger, keys_of_entry(change)))
                over = ", MORE THAN AGREED" if count > most else ""
                echo(f"  about {count} tracks, of at most {most}{over}")
        if change.generator is not None:
            licences = ", ".join(
                f"{licence.status} in {', '.join(licence.territories)}"
                for licence in change.generator.licences
            )
            echo(f"{name} generator {change.generator.generator_id}: {licences}")
