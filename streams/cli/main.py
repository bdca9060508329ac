"""The command line ``earmark``.

A group's module is imported when one of its commands is needed. The commands beside the groups
import what they need when they run.
"""

import os
import platform
import sys
from collections.abc import MutableMapping
from importlib import import_module
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group

from detector.errors import BadInput, EarmarkError
from models import commands as models
from streams.cli import calibration, processes, scan, tracks
from streams.cli.options import warn
from streams.cli.renamed import Renamed

TRACKS, DECIDE, OPERATE, MODELS = "Tracks", "Decide", "Operate", "Models"  # parts of the help

GROUPS: Final = {  # by name: where its commands are, its help, and its part
    "bank": ("bank:app", "Banks of known tracks: add, remove, switch, back up.", DECIDE),
    "ddex": ("ddex:app", "DDEX messages: read deliveries, write labels and credits.", TRACKS),
    "dead-letters": ("dead_letters:app", "Dead letters: list, show, replay, drop.", OPERATE),
    "groups": ("topics:groups", "Consumer groups of the processes.", OPERATE),
    "keys": ("keys:app", "API keys: create, list, revoke.", OPERATE),
    "ledger": ("ledger:app", "Look after the ledger's database.", OPERATE),
    "links": ("links:app", "Links of artists to the page about their recording.", TRACKS),
    "models": ("models:app", "Models: compare what they answer.", MODELS),
    "policy": ("policy:app", "Policies: write, test, back-test, release.", DECIDE),
    "rights": ("rights:app", "The rights registry: agreements and consents.", DECIDE),
    "rightsholders": ("rightsholders:app", "Rightsholders: links, requests, export.", DECIDE),
    "statements": ("statements:app", "Statements of reasons: export, deliver.", TRACKS),
    "topics": ("topics:app", "Create topics and align them with the settings.", OPERATE),
    "trust": ("trust:app", "Trust anchors: whose signatures confirm provenance.", DECIDE),
    "users": ("processes:users", "Accounts of the console.", OPERATE),
}


class Group(TyperGroup):
    """A group of commands, which are imported when one of them is looked up."""

    @property
    def commands(self) -> MutableMapping[str, Any]:
        """The commands by name."""
        module, _, name = GROUPS[str(self.name)][0].partition(":")
        return get_group(getattr(import_module(f"streams.cli.{module}"), name)).commands

    @commands.setter
    def commands(self, none: MutableMapping[str, Any]) -> None:
        """Ignore what Typer sets: it knows of none."""


app = typer.Typer(
    cls=Renamed, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


def _version(asked: bool) -> None:
    if asked:
        release, python = version("earmark"), platform.python_version()
        from detector import kernels  # numpy is loaded where it is asked for

        made = f"kernels by {kernels.chosen.name}"
        sys.stdout.write(f"earmark {release} (Python {python}, {made})\n")
        raise typer.Exit


@app.callback()
def top(
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    """Fingerprint tracks, detect AI music, label and decide."""


for part, module in (
    *((TRACKS, tracks), (TRACKS, scan), (OPERATE, processes)),
    *((MODELS, models), (MODELS, calibration)),
):
    for command in module.app.registered_commands:
        command.rich_help_panel = part
        app.registered_commands.append(command)
for group, (_, text, part) in GROUPS.items():
    commands = typer.Typer(cls=Group, no_args_is_help=True, help=text)
    app.add_typer(commands, name=group, rich_help_panel=part)


@app.command(
    hidden=True, context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def bench() -> None:
    """Name the place of the benchmarks: they are no part of the package."""
    raise BadInput("moved", "in a clone of the repository: python -m tests.bench COMMAND")


def main() -> None:
    """Run the command line; an error of the input or of the machine is one line, exit code 1."""
    # numpy reads it when it is loaded, later. The products are small, and a second thread of
    # OpenBLAS waits busily for them. Workers inherit it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # else torch looks for devices of other makers in all installed packages: 0.09 CPU-s a start
    os.environ.setdefault("TORCH_DEVICE_BACKEND_AUTOLOAD", "0")
    for stream in (sys.stdout, sys.stderr):  # names of files are bytes, and need not be UTF-8
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except (EarmarkError, OSError) as error:
        warn(f"earmark: {error}")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
