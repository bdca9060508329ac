"""The command line ``earmark``. Commands import their modules when they run."""

import os
import sys
from io import TextIOWrapper

import typer

from detector.errors import BadInput, EarmarkError
from models import commands as models
from streams.cli import bank, dead_letters, ledger, policy, processes, rights, topics, tracks
from streams.cli.renamed import Renamed

app = typer.Typer(
    cls=Renamed, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for module in (tracks, processes, models):
    app.registered_commands.extend(module.app.registered_commands)
app.command()(policy.redecide)
for name, group in {
    "bank": bank.app,
    "dead-letters": dead_letters.app,
    "groups": topics.groups,
    "ledger": ledger.app,
    "policy": policy.app,
    "rights": rights.app,
    "topics": topics.app,
    "users": processes.users,
}.items():
    app.add_typer(group, name=name)


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
    for stream in (sys.stdout, sys.stderr):  # names of files are bytes, and need not be UTF-8
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except (EarmarkError, OSError) as error:
        sys.stderr.write(f"earmark: {error}\n")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
