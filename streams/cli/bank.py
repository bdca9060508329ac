"""``earmark bank``: banks of known tracks, their items and their audit log.

Each command imports what it needs when it runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from detector.errors import BadInput
from streams.cli import options as opt
from streams.cli.options import HERE, echo, echo_json, operator, settings_of
from streams.contract.vocabulary import BankKind

if TYPE_CHECKING:
    from streams.known.banks import Banks, By
    from streams.known.index import Changed
    from streams.runtime.settings import Settings

app = typer.Typer()
UNNAMED = "? / ?"  # artists and ISRC of an item that is no track of the ledger

Name = Annotated[str, typer.Argument(help="Name of the bank.")]
ReasonWhy = Annotated[str, typer.Option("--why", help="Why; noted in the audit log.")]
OfItems = Annotated[str | None, typer.Option(help="Of its items.")]
Note = Annotated[str | None, typer.Option(help="For people.")]
Archive = Annotated[Path, typer.Argument(help="File of `bank snapshot`.", exists=True)]


@app.command()
def create(
    name: Name,
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(BankKind)}.")],
    owner: Annotated[str, typer.Option(help="Who answers for it.")],
    enabled_ratio: Annotated[float, typer.Option(help="Share of uploads, 0 to 1.")] = 1.0,
    min_score: Annotated[float, typer.Option(help="Stricter than Earmark's own, 0 to 1.")] = 0.0,
    min_overlap_s: Annotated[float, typer.Option(help="Likewise, in seconds.")] = 0.0,
    generator: OfItems = None,
    licence: OfItems = None,
    note: Note = None,
    why: opt.Why = "",
    by: opt.By = "",
    dry_run: opt.DryRun = False,
    state: opt.StateOption = HERE,
) -> None:
    """Create an empty bank."""
    from streams.known.banks import described

    fields = {"name": name, "kind": kind, "owner": owner, "enabled_ratio": enabled_ratio,
              "min_score": min_score, "min_overlap_s": min_overlap_s, "generator": generator,
              "licence": licence, "note": note}  # fmt: skip
    with _opened(state, dry_run=dry_run) as (banks, _):
        banks.create(described(fields), _attribution(by, why))


@app.command(name="set")
def change(
    name: Name,
    why: ReasonWhy,
    enabled_ratio: Annotated[float | None, typer.Option(help="Share of uploads.")] = None,
    disable_until: Annotated[
        str | None, typer.Option(help="ISO 8601 time with zone; `now` enables it again.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for it.")] = None,
    min_score: Annotated[float | None, typer.Option(help="0: Earmark's own.")] = None,
    min_overlap_s: Annotated[float | None, typer.Option(help="0: Earmark's own.")] = None,
    generator: OfItems = None,
    licence: OfItems = None,
    note: Note = None,
    by: opt.By = "",
    dry_run: opt.DryRun = False,
    state: opt.StateOption = HERE,
) -> None:
    """Change a bank: roll it out, disable it, make it stricter."""
    values = {"enabled_ratio": enabled_ratio, "owner": owner, "min_score": min_score,
             "min_overlap_s": min_overlap_s, "generator": generator, "licence": licence,
             "note": note, "disabled_until": disable_until}  # fmt: skip
    changes: dict[str, object] = {key: value for key, value in values.items() if value is not None}
    if disable_until == "now":
        changes["disabled_until"] = None
    with _opened(state, dry_run=dry_run) as (banks, _):
        echo(banks.change(name, _attribution(by, why), **changes).model_dump_json(indent=2))


@app.command()
def add(
    name: Name,
    things: Annotated[
        list[str], typer.Argument(help="Files, or tracks that the ledger knows, or SHA-256s.")
    ],
    why: ReasonWhy,
    item_id: Annotated[
        str | None, typer.Option("--id", help="Of a single one; its name or track id by default.")
    ] = None,
    generator: Annotated[str | None, typer.Option(help="That made it.")] = None,
    licence: Annotated[str | None, typer.Option(help="Under which it was made.")] = None,
    note: Note = None,
    by: opt.By = "",
    dry_run: opt.DryRun = False,
    state: opt.StateOption = HERE,
) -> None:
    """Add recordings: files, or tracks and contents of the artefact store."""
    if item_id is not None and len(things) > 1:
        raise BadInput("wrong_arguments", "--id names a single item")
    from streams.services.bank_items import item_of

    more = {"generator": generator, "licence": licence, "note": note}
    with _opened(state, dry_run=dry_run) as (banks, settings):
        banks.get(name)
        items = [item_of(name, thing, item_id, more, settings) for thing in things]
        _show_changed(banks.add(name, items, _attribution(by, why)))


@app.command()
def remove(
    name: Name,
    item_ids: Annotated[list[str], typer.Argument(help="Ids of items.")],
    why: ReasonWhy,
    by: opt.By = "",
    dry_run: opt.DryRun = False,
    state: opt.StateOption = HERE,
) -> None:
    """Remove items."""
    with _opened(state, dry_run=dry_run) as (banks, _):
        count = banks.remove(name, item_ids, _attribution(by, why))
    echo(f"{count} removed")
    raise SystemExit(0 if count == len(set(item_ids)) else 1)


@app.command(name="import")
def bring_in(
    name: Name, archive: Archive, why: ReasonWhy,
    by: opt.By = "", dry_run: opt.DryRun = False, state: opt.StateOption = HERE,
) -> None:  # fmt: skip
    """Add all items of an archive to a bank, after checking the archive."""
    from streams.known import archives

    with _opened(state, dry_run=dry_run) as (banks, _):
        _show_changed(archives.bring_in(banks, archive, name, _attribution(by, why)))


@app.command()
def snapshot(
    archive: Annotated[Path, typer.Argument(help="File to write, all or nothing.")],
    name: Annotated[list[str] | None, typer.Option("--bank", help="Only these; several.")] = None,
    state: opt.StateOption = HERE,
) -> None:
    """Write banks, their items and their audit log to one file."""
    from streams.known import archives

    with _opened(state) as (banks, _):
        echo(f"{archives.snapshot(banks, archive, name)} items in {archive}")


@app.command()
def restore(archive: Archive, by: opt.By = "", state: opt.StateOption = HERE) -> None:
    """Restore the banks of an archive into the index (EARMARK_INDEX)."""
    from streams.known import archives

    with _opened(state) as (banks, _):
        attribution = _attribution(by, f"restored from {archive.name}")
        _show_changed(archives.restore(banks, archive, attribution))


@app.command()
def replicate(
    name: Name,
    replica: Annotated[str, typer.Option("--as", help="Name of this replica, like no other's.")],
    state: opt.StateOption = HERE,
) -> None:
    """Add decided tracks to a catalogue bank of the index (EARMARK_INDEX)."""
    from streams.known.banks import described
    from streams.stages.bank_replication import follow

    described({"name": name, "kind": "catalogue", "owner": replica})  # both names are checked
    settings = settings_of(state)
    raise SystemExit(follow(settings.model_copy(update={"catalogue_bank": name}), replica))


@app.command()
def stats(
    json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    state: opt.StateOption = HERE,
) -> None:
    """Print banks, items and disk use."""
    with _opened(state) as (banks, _):
        totals, every_bank = banks.index.stats(), banks.all()
    if json:
        items = {
            name: bank.model_dump(mode="json") | {"items": totals.items.get(name, 0)}
            for name, bank in every_bank.items()
        }
        sizes = ("postings", "segments", "bytes_on_disk")
        echo_json({"banks": items} | {size: getattr(totals, size) for size in sizes})
        return
    for name, bank in every_bank.items():
        off = f", disabled until {bank.disabled_until:%F %R %Z}" if bank.disabled_until else ""
        echo(
            f"{name}  {bank.kind}, {totals.items.get(name, 0)} items, "
            f"{bank.enabled_ratio:.0%} of uploads{off}; {bank.owner}"
        )
    echo(
        f"{totals.postings} index keys in {totals.segments} segments, "
        f"{totals.bytes_on_disk / 1e6:.1f} MB on disk"
    )


@app.command()
def verify(state: opt.StateOption = HERE) -> None:
    """Check the files of the index, and look up a sample of its items.

    The sample is the first hundred items, then each hundredth.
    """
    from streams.services.bank_items import sampled

    faults = checked = 0
    with _opened(state) as (banks, _):
        for fault in banks.index.faults():
            faults += 1
            echo(fault)
        for item, finds_itself in sampled(banks):
            checked += 1
            if not finds_itself:
                faults += 1
                echo(f"{item.item_id} of {item.bank} does not find itself")
    echo(f"{faults} faults; {checked} items looked up")
    raise SystemExit(1 if faults else 0)


@app.command()
def duplicates(
    name: Name,
    other_names: Annotated[
        bool,
        typer.Option("--other-names", help="Only under another artist, ISRC or distributor."),
    ] = False,
    json: opt.JsonLines = False,
    state: opt.StateOption = HERE,
) -> None:
    """Print a bank's items that are one recording, with their names.

    Names are those under which the ledger's tracks were delivered.
    """
    from rich.console import Console
    from rich.progress import Progress

    from streams.services.bank_duplicates import duplicates as found_in

    count = 0
    console = Console(stderr=True)
    shown = Progress(console=console, disable=not console.is_terminal)
    with _opened(state) as (banks, _), shown as progress:
        total = banks.index.stats().items.get(name, 0)
        task = progress.add_task("looked up", total=total)
        for duplicate in found_in(banks, name, opt.ledger_of(state)):
            if duplicate is None:
                progress.advance(task)
            elif duplicate.differ or not other_names:
                count += 1
                echo(_duplicate(duplicate.row(), duplicate.differ.words, as_json=json))
    if not json:
        echo(f"{count} pair{'' if count == 1 else 's'}")


def _duplicate(row: dict[str, Any], other: str, *, as_json: bool) -> str:
    if as_json:
        return orjson.dumps(row).decode()
    text = f"{row['item_id']} = {row['other_item_id']}  {row['match_class']}"
    names = ((row["artists"], row["other_artists"]), (row["isrc"], row["other_isrc"]))
    sides = [f"{', '.join(side[0]) or '?'} / {side[1] or '?'}" for side in zip(*names, strict=True)]
    text += f", {row['overlap_s']:.0f} s"
    if set(sides) != {UNNAMED}:
        text += f": {sides[0]} = {sides[1]}"
    return f"{text}; other {other}" if other else text


@app.command()
def audit(
    name: Annotated[str | None, typer.Argument(help="Of one bank.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Latest changes.")] = 50,
    state: opt.StateOption = HERE,
) -> None:
    """Print changes of banks: when, by whom, and why."""
    with _opened(state) as (banks, _):
        for line in reversed(banks.audit(name, limit)):
            what = f"{line.action} {line.bank}: {line.why or '-'}"
            echo(f"{line.at:%F %T} {line.who} {what} {orjson.dumps(line.detail).decode()}")


@contextmanager
def _opened(state: Path, *, dry_run: bool = False) -> "Iterator[tuple[Banks, Settings]]":
    from streams.known.banks import Banks
    from streams.known.index import open_index
    from streams.runtime import logs

    logs.configure("warning")
    settings = settings_of(state)
    with open_index(settings.index_url) as index:
        index.database.dry_run = dry_run
        yield Banks(index), settings
    if dry_run:
        typer.echo("a dry run: nothing was changed", err=True)


def _attribution(by: str, why: str) -> "By":
    from streams.known.banks import By

    return By(operator(by), why or None, datetime.now(UTC))


def _show_changed(changed: "Changed") -> None:
    echo(f"{changed.added} added, {changed.replaced} replaced, {changed.unchanged} there already")
