"""Commands that run, examine or describe an installation, and its accounts."""

import gc
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from detector.errors import BadInput
from streams.cli.options import HERE, JsonLines, StateOption, echo, settings_of
from streams.ops.state import State

if TYPE_CHECKING:
    from streams.contract.records import Upload
    from streams.ops.forking import ForkServer
    from streams.ops.inputs import Skipped
    from streams.runtime.settings import Settings

app = typer.Typer()
users = typer.Typer()


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
    from streams.ops.forking import ForkServer

    with ForkServer() as forks:  # its libraries are loaded beside ours
        _run_all(forks, audio, once, out, State(state), seed)


def _run_all(
    forks: "ForkServer", audio: str, once: bool, out: Path | None, state: State, seed: int
) -> None:
    with _loading():
        from rich.console import Console

        from streams.ops.inputs import named
        from streams.ops.submit import uploads
        from streams.ops.up import up as run_all
        from streams.runtime import logs

    logs.configure("error")  # the screen and the workers' logs show the rest
    names = named(audio) if audio else []
    if audio and not any(map(os.path.lexists, names)):  # before broker and processors start
        raise BadInput("missing_file", f"{audio}: no such file or folder")

    def items(settings: "Settings") -> "Iterable[tuple[str, Upload] | Skipped]":
        if audio:
            return uploads(names, settings.fetch_max_bytes)
        return _samples(state.folder / "samples", seed)

    console = Console()
    raise SystemExit(run_all(state, items, once=once, out=out, console=console, forks=forks))


@contextmanager
def _loading() -> Iterator[None]:
    """Let modules load without collections in between, which take a fifth of a start."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def _known(name: str) -> str:
    from streams.contract.processes import PROCESSES

    if name not in PROCESSES:
        raise typer.BadParameter(f"no process {name!r}; there are {', '.join(PROCESSES)}")
    return name


@app.command()
def worker(name: Annotated[str, typer.Argument(callback=_known, help="The process.")]) -> None:
    """Run one process; its settings come from the environment."""
    from streams.contract.processes import PROCESSES
    from streams.runtime.settings import Settings

    settings = Settings.from_env()
    module, _, function = PROCESSES[name].entry.partition(":")
    with _loading():
        run = getattr(import_module(module), function)
    raise SystemExit(run(settings))


@app.command()
def catalogue() -> None:
    """Run the reference catalogue consumer (= worker catalogue)."""
    worker("catalogue")


@app.command()
def doctor(json: JsonLines = False, state: StateOption = HERE) -> None:
    """Check the parts of an installation, and name remedies."""
    from streams.ops.doctor import as_text, examine

    running = State(state).announced()  # None: the settings of the environment
    faults = 0
    for finding in examine(running.environment() if running else None):
        faults += finding.state == "fault"
        echo(orjson.dumps(finding).decode() if json else as_text(finding))
    raise SystemExit(1 if faults else 0)


@app.command()
def schemas(
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("schemas"),
) -> None:
    """Write the JSON Schemas of all topics, and their AsyncAPI document."""
    from streams.contract.json_schemas import write

    echo(*map(str, write(out)))


@app.command()
def settings() -> None:
    """Print all settings: meaning, default, current value; secrets hidden."""
    from streams.runtime.settings import PREFIX, Settings

    current = Settings.from_env().shown()
    for name, field in Settings.model_fields.items():
        default = "none" if field.default in (None, "") else field.default
        echo(f"{PREFIX}{name.upper()}={current[name]}",
             f"    {field.description} (default {default})")  # fmt: skip


@users.command("login-link")
def login_link(
    name: Annotated[str, typer.Argument(help="A user's name; none: the first admin.")] = "",
    state: StateOption = HERE,
) -> None:
    """Print a one-time link into the console, to set a password."""
    from streams.services.accounts.sessions import new_link
    from streams.store.database import Ledger

    settings = settings_of(state)
    token = new_link(Ledger.of(settings), name)
    echo(f"{settings.console_address()}/enter/{token}")


def _samples(folder: Path, seed: int) -> "Iterator[tuple[str, Upload]]":
    from models.synthesis.samples import write_samples
    from streams.contract.records import Declaration, Tool
    from streams.services.upload_inputs import upload_from_file

    for sample in write_samples(folder, seed):
        tools = (Tool(name=sample.tool, agreement_id=sample.agreement_id),) if sample.tool else ()
        declared = Declaration(contains_ai=sample.contains_ai, tools=tools)
        yield (
            f"{sample.title} [{sample.kind}]",
            upload_from_file(sample.path, title=sample.title, declared=declared),
        )
