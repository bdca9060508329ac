"""The one command line: ``earmark``. Modules are imported where a command needs them."""

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detector.errors import BadInput, EarmarkError
from streams.cli.bank import app as bank_app
from streams.cli.dead_letters import app as dlq_app
from streams.cli.ledger import app as ledger_app
from streams.cli.policy import app as policy_app
from streams.cli.rights import app as rights_app
from streams.cli.rights import redecide
from streams.cli.statements import statements
from streams.cli.topics import app as topics_app
from streams.ops.state import DEFAULT, State

if TYPE_CHECKING:
    from streams.contract.records import Upload
    from streams.ops.inputs import Passed
    from streams.runtime.kafka.processor import Processor
    from streams.runtime.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(bank_app, name="bank")
app.add_typer(dlq_app, name="dlq")
app.add_typer(ledger_app, name="ledger")
app.add_typer(policy_app, name="policy")
app.add_typer(rights_app, name="rights")
app.command(name="redecide")(redecide)
app.command(name="statements")(statements)
app.add_typer(topics_app, name="topics")
StateOption = Annotated[Path, typer.Option("--state", help="Folder of a one-machine instance.")]


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
        str, typer.Option(help="File or folder (several: quoted); none: self-made samples.")
    ] = "",
    once: Annotated[bool, typer.Option(help="Exit when every upload has ended.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the ends as JSON lines.")] = None,
    state: StateOption = Path(DEFAULT),
    seed: Annotated[int, typer.Option(help="Seed of the self-made samples.")] = 1,
) -> None:
    """Run everything on this machine and decide about AUDIO."""
    from rich.console import Console

    from streams.ops.up import up as run_all
    from streams.runtime import logs

    logs.configure("error")  # what is wrong is on the screen and in the workers' logs
    if audio and not _exists(audio):
        raise BadInput("missing_file", f"{audio}: no such file or folder")
    here = State(state)

    def items(settings: "Settings") -> "Iterable[tuple[str, Upload] | Passed]":
        return _uploads(audio, settings) if audio else _samples(here.samples, seed)

    raise SystemExit(run_all(here, items, once=once, out=out, console=Console()))


@app.command()
def submit(
    names: Annotated[list[str], typer.Argument(help="Files, folders, URIs; - reads a manifest.")],
    wait: Annotated[bool, typer.Option(help="Wait for the decisions and print them.")] = True,
    rescan: Annotated[
        bool,
        typer.Option(help="A back catalogue: few at once, none while others wait."),
    ] = False,
    at_once: Annotated[int, typer.Option(min=1, help="Of a rescan, under way at once.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Write the ends as JSON lines (not of a rescan).")
    ] = None,
    state: StateOption = Path(DEFAULT),
) -> None:
    """Send tracks to a running Earmark (the one of --state, else EARMARK_BROKERS)."""
    from rich.console import Console

    from streams.ops.submit import submit as send
    from streams.runtime import logs
    from streams.runtime.settings import Settings

    logs.configure("warning")
    logs.silence("kafka")  # it repeats what we say in one line
    settings = State(state).announced()
    if settings is None:
        settings = Settings.from_env()
        sys.stderr.write(f"nothing runs from {state}: sending to {settings.brokers}\n")
    items = _manifest() if names == ["-"] else _named(names, settings)
    if rescan:
        if out:
            raise typer.BadParameter("a rescan prints its ends alone", param_hint="--out")
        from streams.ops.rescan import rescan as behind_others

        raise SystemExit(behind_others(settings, items, at_once=at_once, console=Console()))
    raise SystemExit(send(settings, items, wait=wait, out=out, console=Console()))


@app.command()
def ddex(
    files: Annotated[list[Path], typer.Argument(help="ERN 4.3.2 messages (XML).")],
) -> None:
    """Turn DDEX messages into uploads, one JSON object a line: `earmark submit -` takes them."""
    from streams.services.ddex import uploads

    for file in files:
        for one in uploads(file):
            sys.stdout.write(one.model_dump_json(exclude_none=True) + "\n")


@app.command()
def analyze(
    files: Annotated[list[str], typer.Argument(help="Files or folders.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    model: Annotated[Path | None, typer.Option(help="Folder of a released model.")] = None,
    alpha: Annotated[float | None, typer.Option(help="False-positive rate to read by.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Decode processes.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Analyse files without a broker; the same answer as the pipeline's."""
    import orjson

    from detector.assessment.model import Model
    from streams.ops.offline_analysis import analyze as answers
    from streams.runtime import logs
    from streams.runtime.settings import Settings

    logs.configure("warning")  # on standard error: the answers have the other to themselves
    given = {"model": model, "alpha": alpha, "decode_workers": jobs}
    settings = Settings.model_validate(
        Settings.from_env().model_dump() | {k: v for k, v in given.items() if v is not None}
    )
    released = Model.load(settings.model, device)
    released.check_alpha(settings.alpha)

    async def run() -> None:
        async for answer in answers(files, released, settings):
            line = orjson.dumps(answer).decode() if json else _plain(answer)
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    asyncio.run(run())


@app.command()
def evidence(
    file: Annotated[Path, typer.Argument(help="One audio file.")],
    out: Annotated[Path, typer.Option(help="Folder for JSON, SVG and PNG.")] = Path(),
    model: Annotated[Path | None, typer.Option(help="Folder of a released model.")] = None,
) -> None:
    """Draw what the detector found in a file: the lines, where they are, the sentence."""
    from detector.assessment.model import Model
    from detector.explain.plot import evidence as draw
    from detector.observation.observation import Observation
    from streams.media.decode_pool import DecodePool
    from streams.runtime.settings import Settings

    settings = Settings.from_env()
    released = Model.load(model or settings.model)
    released.check_alpha(settings.alpha)
    with DecodePool(settings) as pool:
        heard = asyncio.run(pool.decode(file))
    observation = Observation.from_bytes(heard.observation)
    for path in draw(observation, file.name, released, out, settings.alpha):
        sys.stdout.write(f"{path}\n")


@app.command()
def worker(name: WorkerName) -> None:
    """Run one process of the installation; settings come from the environment."""
    gc.disable()  # what is loaded now stays: looking through it again and again takes a fifth
    run = _loaded(name)
    gc.freeze()
    gc.enable()
    raise SystemExit(run())


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


@app.command()
def samples(
    folder: Annotated[Path, typer.Argument(help="Where to write them.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same tracks.")] = 1,
) -> None:
    """Write the self-made tracks: one for each way that an upload can go."""
    from models.commands import write_samples

    for sample in write_samples(folder, seed):
        sys.stdout.write(f"{sample.path}  {sample.kind}: {sample.title}\n")


@app.command()
def catalogue() -> None:
    """Run the reference catalogue consumer (the same as "worker catalogue")."""
    worker(WorkerName.CATALOGUE)


@app.command()
def link(
    name: Annotated[str, typer.Argument(help="A user's name; none: the first admin.")] = "",
    state: StateOption = Path(DEFAULT),
) -> None:
    """Print a one-time link into the console: for a first password, or a forgotten one."""
    from streams.services.accounts.sessions import new_link
    from streams.store.database import Ledger
    from streams.web.console.address import address_of

    settings = State(state).announced() or State(state).settings(None)
    token = new_link(Ledger.open(settings.ledger), name)
    sys.stdout.write(f"{address_of(settings, settings.console_port)}/enter/{token}\n")


@app.command(name="show")
def show_command(
    name: Annotated[str, typer.Argument(help="Track id, upload id, or the path of a file.")],
    state: StateOption = Path(DEFAULT),
) -> None:
    """Tell the story of one track, from the ledger."""
    from streams.services.timeline import story
    from streams.store.database import Ledger

    lines = list(story(Ledger.open(State(state).settings(None).ledger), name))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    if not lines:
        sys.stderr.write(f"earmark: the ledger knows nothing of {name}\n")
        raise SystemExit(1)


@app.command()
def doctor(
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    state: StateOption = Path(DEFAULT),
) -> None:
    """Check broker, topics, ledger, store, model, policy, device, clock; name the remedies."""
    from streams.ops.doctor import as_json, as_text, examine

    running = State(state).announced()  # of `earmark up` in this folder; else the environment
    faults = 0
    for finding in examine(running.environment() if running else None):
        faults += finding.state == "fault"
        sys.stdout.write(f"{as_json(finding) if json else as_text(finding)}\n")
        sys.stdout.flush()
    raise SystemExit(1 if faults else 0)


@app.command()
def schemas(
    out: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("schemas"),
) -> None:
    """Write a JSON Schema for every topic, and an AsyncAPI document about all of them."""
    from streams.contract.json_schemas import write

    sys.stdout.write("".join(f"{path}\n" for path in write(out)))


@app.command(name="settings")
def settings_command() -> None:
    """Print every setting with its meaning, default and current value; secrets hidden."""
    from streams.runtime.settings import PREFIX, Settings

    current = Settings.from_env().shown()
    for name, field in Settings.model_fields.items():
        default = "none" if field.default in (None, "") else field.default
        sys.stdout.write(
            f"{PREFIX}{name.upper()}={current[name]}\n    {field.description} (default {default})\n"
        )


@app.command(
    hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def bench() -> None:
    """Say where the benchmarks are: they measure a clone, and are no part of the package."""
    raise BadInput("moved", "in a clone of the repository: python -m tests.bench COMMAND")


def _exists(audio: str) -> bool:
    """Return whether anything that AUDIO names is there: before broker and processors start."""
    from streams.ops.inputs import named

    return any(map(os.path.lexists, named(audio)))


def _uploads(audio: str, settings: "Settings") -> "Iterator[tuple[str, Upload] | Passed]":
    from streams.ops.inputs import named

    return _named(named(audio), settings)


def _named(names: list[str], settings: "Settings") -> "Iterator[tuple[str, Upload] | Passed]":
    from streams.ops.submit import uploads

    return uploads(names, settings.fetch_max_bytes)


def _manifest() -> "Iterator[tuple[str, Upload] | Passed]":
    from streams.ops.submit import manifest

    return manifest(sys.stdin)


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


def _plain(answer: dict[str, object]) -> str:
    if answer["status"] == "rejected":
        return f"{answer['path']}: rejected: {answer['reason']}: {answer['detail']}"
    said = f"{answer['path']}: {answer['outcome']}"
    if answer["reason"]:
        said += f" ({answer['reason']})"
    if answer["probability"] is not None:
        said += f", p(AI) {answer['probability']}, p-value {answer['p_value']}"
    evidence = answer["evidence"]
    if isinstance(evidence, (list, tuple)):
        said += "".join(f"\n    {one['sentence']}" for one in evidence)
    return said


def main() -> None:
    """Run the command line; an error of the input or of the machine is one line, exit code 1."""
    # Read when numpy is loaded, which is later: the products are small, and a second thread of
    # OpenBLAS waits busily for them. Workers inherit it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from models.commands import app as models_app

    app.registered_commands.extend(models_app.registered_commands)
    try:
        app()
    except (EarmarkError, OSError) as error:
        sys.stderr.write(f"earmark: {error}\n")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
