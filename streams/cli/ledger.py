"""``earmark ledger``: look after the ledger's database.

Each command imports what it needs when it runs: help takes a third of the time so.
"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from streams.cli import options as opt
from streams.cli.options import HERE, echo, ledger_of, operator, settings_of

app = typer.Typer()
LEFT = """\
still hold it: the topics, until they forget it by age; the audit log, by ids; banks of known
tracks (earmark bank remove); your backups. docs/how-to/erasure.md has the steps\
"""


@app.command()
def upgrade(state: opt.StateOption = HERE) -> None:
    """Migrate the tables to this release, as opening the ledger does."""
    from streams.store.database import Ledger, connect

    done = Ledger(connect(settings_of(state).ledger)).upgrade()
    echo(
        f"the ledger is at {done.after} already"
        if done.before == done.after
        else f"upgraded from {done.before or 'an empty database'} to {done.after}"
    )


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="File to write (JSON lines); it holds hashes.")],
    state: opt.StateOption = HERE,
) -> None:
    """Write the ledger to one file, without sessions and one-time links."""
    from streams.store import export as exports

    out.touch(mode=0o600)
    with out.open("wb") as file:
        counts = exports.export(ledger_of(state), file)
    _show_counts(counts, "rows written")


@app.command()
def rebuild(
    source: Annotated[
        Path | None, typer.Option("--from", help="An export; none: the topics.")
    ] = None,
    state: opt.StateOption = HERE,
) -> None:
    """Add rows that an export or the topics hold and the ledger lacks."""
    from streams.services import ledger_rebuild

    settings = settings_of(state)
    if source is not None:
        with source.open("rb") as file:
            counts = ledger_rebuild.restore(ledger_of(state), settings, file)
        _show_counts(counts, "rows added")
        return
    counts, refused = ledger_rebuild.rebuild(ledger_of(state), settings)
    _show_counts(counts, "rows added")
    if refused:
        echo(f"{refused} messages could not be read and were passed over")


@app.command()
def verify(
    expect: Annotated[
        str | None, typer.Option(help="Hash of the audit log that the monitor has published.")
    ] = None,
    state: opt.StateOption = HERE,
) -> None:
    """Check rows against records, the catalogue, and the audit log's chain."""
    from streams.services import ledger_verification
    from streams.store import audit

    ledger = ledger_of(state)
    faults = list(ledger_verification.faults(ledger, expect or audit.START))
    echo(*(f"{fault.kind}: {fault.detail}" for fault in faults))
    chain = audit.verify(ledger)
    echo(f"audit log: {chain.entries} entries, last hash {chain.last_hash}")
    if faults:
        raise SystemExit(1)
    echo("the ledger is consistent")


@app.command("export-training-labels")
def export_training_labels(
    out: Annotated[Path, typer.Argument(help="CSV file to write.")], state: opt.StateOption = HERE
) -> None:
    """Write the reviewed tracks that may be used to calibrate and train."""
    from streams.services import training_export

    with out.open("w", newline="") as file:
        echo(f"{training_export.write(ledger_of(state), file)} tracks written")


@app.command()
def accuracy(
    json: opt.Json = False,
    state: opt.StateOption = HERE,
) -> None:
    """Show false positives and recall, from verdicts and marks."""
    from dataclasses import asdict

    from streams.services import accuracy as estimating
    from streams.services.released_models import reference_of

    settings = settings_of(state)
    digest = reference_of(settings.model).digest
    measured = estimating.measure(ledger_of(state), digest, settings.rates)
    if json:
        names = ("false_positives", "recall")
        opt.echo_json({name: list(map(asdict, getattr(measured, name))) for name in names})
        return
    echo(*estimating.table(measured, settings.rates))


@app.command()
def erase(
    tracks: Annotated[list[str], typer.Argument(help="Ids of tracks.")],
    dry_run: opt.DryRunUnlessYes = True,
    by: opt.By = "",
    state: opt.StateOption = HERE,
) -> None:
    """Delete what ledger and store hold about tracks; list what stays."""
    from streams.media.artefacts import ArtefactStore
    from streams.services import erasure

    store = ArtefactStore.open(settings_of(state).store)
    erased = erasure.erase(ledger_of(state), store, tracks, who=operator(by), really=not dry_run)
    _show_counts(erased.rows, "rows would be deleted" if dry_run else "rows deleted")
    lines = [*map(str, erased.files)]
    lines += [f"stays: content {content[:16]}, other tracks have it" for content in erased.shared]
    lines += [f"not there: the ledger has no upload of track {name}" for name in erased.unknown]
    echo(*(f"{'':10}{line}" for line in lines))
    echo("nothing was deleted; add --yes" if dry_run else LEFT)


def _show_counts(counts: Counter[str], what: str) -> None:
    echo(*(f"{count:9} {name}" for name, count in sorted(counts.items()) if count))
    echo(f"{sum(counts.values()):9} {what}")
