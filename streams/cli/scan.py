"""``earmark scan``: what a folder, a bucket or a back catalogue contains, without a broker."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import echo, fail, warn
from streams.cli.tracks import Model

app = typer.Typer()
INTERRUPTED = 130  # as shells have it


@app.command()
def scan(
    names: Annotated[list[str], typer.Argument(help="Folders, buckets, manifests; - reads one.")],
    out: Annotated[Path, typer.Option(help="Folder of the report; run again, it goes on.")],
    parquet: Annotated[
        bool, typer.Option("--parquet", help="Tables as Parquet, too (earmark[parquet]).")
    ] = False,
    model: Model = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Decode processes; none: one for each core.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, or cuda (needs earmark[gpu]).")] = "cpu",
) -> None:
    """Report on a folder or back catalogue: tables and one HTML page.

    A scan that ended early goes on where it stopped. No broker and no ledger is needed; matches
    with known tracks are added where EARMARK_INDEX is set.
    """
    from rich.console import Console

    from detector.assessment.model import Model as ReleasedModel
    from streams.ops.scan.scanning import PAGE, Scan
    from streams.runtime import logs
    from streams.runtime.settings import Settings

    logs.configure("warning")
    cores = len(os.sched_getaffinity(0))
    options = {"model": model, "decode_workers": jobs or cores}
    settings = Settings.model_validate(
        Settings.from_env().model_dump() | {k: v for k, v in options.items() if v is not None}
    )
    released = ReleasedModel.load(settings.model, device)
    released.check_rates(settings.rates)
    run = Scan(names, out, settings, released, parquet)
    try:
        report = run.run(sys.stdin.buffer, Console(stderr=True))
    except KeyboardInterrupt:
        warn(f"earmark: stopped; the report so far is {out / PAGE}. The same command goes on")
        raise SystemExit(INTERRUPTED) from None
    total = report.total
    if not total.tracks:
        fail("there is no audio to scan")
    parts = {
        "identified": total.outcomes["identified"],
        "suspected": total.outcomes["suspected"],
        "no trace": total.outcomes["no_trace"],
        "open": total.outcomes["uncertain"] + total.outcomes["not_assessable"],
        "marked": total.marked,
        "duplicates": total.duplicates,
        "unreadable": total.unreadable,
    }
    echo(f"{total.tracks} files: {', '.join(f'{count} {name}' for name, count in parts.items())}")
    echo(f"report: {out / PAGE}")
