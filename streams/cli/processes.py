"""Commands that run or examine the installation's processes: up, worker, catalogue, doctor."""

import gc
import os
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detector.errors import BadInput
from streams.cli.options import HERE, JsonLines, StateOption, echo
from streams.cli.tracks import uploads_of
from streams.ops.state import State

if TYPE_CHECKING:
    from streams.contract.records import Upload
    from streams.ops.inputs import Passed
    from streams.runtime.kafka.processor import Processor
    from streams.runtime.settings import Settings

app = typer.Typer()


class WorkerName(StrEnum):
    """The processes of an installation."""

    FINGERPRINT = "fingerprint"
    CLASSIFY = "classify"
    DECIDE = "decide"
    LEDGER = "ledger"
    REDECIDE = "redecide"
    CATALOGUE = "catalogue"
    MONITOR = "monitor"
    CONSOLE = "console"


@app.command()
def up(
    audio: Annotated[
        str, typer.Option(help="File or folder (several: quoted); none: synthetic samples.")
    ] = "",
    once: Annotated[bool, typer.Option(help="Exit when every upload has ended.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the ends as JSON lines.")] = None,
    state: StateOption = HERE,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic samples.")] = 1,
) -> None:
    """Run everything on this machine and decide about AUDIO."""
    from rich.console import Console

    from streams.ops.inputs import named
    from streams.ops.up import up as run_all
    from streams.runtime import logs

    logs.configure("error")  # the screen and the workers' logs show the rest
    names = named(audio) if audio else []
    if audio and not any(map(os.path.lexists, names)):  # before broker and processors start
        raise BadInput("missing_file", f"{audio}: no such file or folder")
    here = State(state)

    def items(settings: "Settings") -> "Iterable[tuple[str, Upload] | Passed]":
        return uploads_of(names, settings) if audio else _samples(here.samples, seed)

    raise SystemExit(run_all(here, items, once=once, out=out, console=Console()))


@app.command()
def worker(name: WorkerName) -> None:
    """Run one process; its settings come from the environment."""
    gc.disable()  # collecting while modules load takes a fifth of the start
    run = _loaded(name)
    gc.freeze()
    gc.enable()
    raise SystemExit(run())


@app.command()
def catalogue() -> None:
    """Run the reference catalogue consumer (= worker catalogue)."""
    worker(WorkerName.CATALOGUE)


@app.command()
def doctor(
    json: JsonLines = False,
    state: StateOption = HERE,
) -> None:
    """Check the parts of an installation, and name remedies."""
    from streams.ops.doctor import as_json, as_text, examine

    running = State(state).announced()  # None: the settings of the environment
    faults = 0
    for finding in examine(running.environment() if running else None):
        faults += finding.state == "fault"
        echo(as_json(finding) if json else as_text(finding))
    raise SystemExit(1 if faults else 0)


def _loaded(name: WorkerName) -> Callable[[], int]:
    """Import what a process needs; return what runs it."""
    from streams.runtime.settings import Settings

    settings = Settings.from_env()
    match name:
        case WorkerName.FINGERPRINT | WorkerName.CLASSIFY | WorkerName.DECIDE:
            from streams.runtime.kafka.processor import run

            return partial(run, _processor(name), settings)
        case WorkerName.REDECIDE:
            from streams.stages.redecide import run_redecide

            return partial(run_redecide, settings)
        case WorkerName.LEDGER:
            from streams.stages.ledger import run_ledger

            return partial(run_ledger, settings)
        case WorkerName.CATALOGUE:
            from streams.stages.catalogue import run_catalogue

            return partial(run_catalogue, settings)
        case WorkerName.MONITOR:
            from streams.ops.monitor import run_monitor

            return partial(run_monitor, settings)
        case WorkerName.CONSOLE:
            from streams.web.console.server import run_console

            return partial(run_console, settings)


def _processor(name: WorkerName) -> "Processor[Any]":
    match name:
        case WorkerName.FINGERPRINT:
            from streams.stages.fingerprint import FINGERPRINT

            return FINGERPRINT
        case WorkerName.CLASSIFY:
            from streams.stages.classify import CLASSIFY

            return CLASSIFY
        case _:
            from streams.stages.decide import DECIDE

            return DECIDE


def _samples(folder: Path, seed: int) -> "Iterator[tuple[str, Upload] | Passed]":
    from models.commands import write_samples
    from streams.contract.records import Declaration, Tool
    from streams.stages.ingest import upload_from_file

    for sample in write_samples(folder, seed):
        tools = (Tool(name=sample.tool, agreement_id=sample.agreement_id),) if sample.tool else ()
        declared = Declaration(contains_ai=sample.contains_ai, tools=tools)
        yield (
            f"{sample.title} [{sample.kind}]",
            upload_from_file(sample.path, title=sample.title, declared=declared),
        )
