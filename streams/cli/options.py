"""Options, times and resources that several commands share."""

import getpass
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import orjson
import typer

from streams.ops.state import DEFAULT, State

if TYPE_CHECKING:
    from streams.runtime.settings import Settings
    from streams.store.database import Ledger

AGO: Final = re.compile(r"(\d+)([smhdw])")
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
HERE: Final = Path(DEFAULT)
BREAKS: Final = "\n\t"


def parse_time(text: str) -> datetime:
    """Return a time: ISO 8601 (UTC where no zone is given), or how long ago (``90m``, ``2d``)."""
    ago = AGO.fullmatch(text)
    try:
        if ago:
            return datetime.now(UTC) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is neither a time nor like 90m, 6h, 2d") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def time_option(help: str) -> Any:
    """Return an option that takes a time."""
    return typer.Option(parser=parse_time, metavar="TIME", help=help)


StateOption = Annotated[Path, typer.Option("--state", help="Folder of a one-machine instance.")]
By = Annotated[str, typer.Option("--by", help="Who does it, noted; the system's user if left out.")]
Why = Annotated[str, typer.Option("--why", help="Why; noted.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
JsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
DryRunUnlessYes = Annotated[
    bool, typer.Option("--dry-run/--yes", help="Only show what would be done; --yes does it.")
]
Since = Annotated[datetime | None, time_option("From: ISO 8601, or 6h, 7d.")]


def settings_of(state: Path) -> "Settings":
    """Return the settings of the instance that runs from ``state``, or those of its defaults."""
    here = State(state)
    return here.announced() or here.settings(None)


def ledger_of(state: Path) -> "Ledger":
    """Return the opened ledger of an instance."""
    from streams.store.database import Ledger

    return Ledger.of(settings_of(state))


def operator(by: str) -> str:
    """Return ``by``, or the name of the system's user."""
    from streams.services.upload_inputs import readable

    try:
        return readable(by.strip() or getpass.getuser())
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


def echo(*lines: str) -> None:
    """Print lines; one may have line breaks of its own, and nothing else that moves the cursor."""
    from streams.contract.printing import printable

    sys.stdout.write("".join(f"{printable(line, BREAKS)}\n" for line in lines))
    sys.stdout.flush()


def echo_json(data: Any) -> None:
    """Print data as indented JSON."""
    echo(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode())


def warn(*lines: str) -> None:
    """Print lines to standard error."""
    from streams.contract.printing import printable

    sys.stderr.write("".join(f"{printable(line, BREAKS)}\n" for line in lines))


def fail(problem: str) -> NoReturn:
    """Print a problem to standard error and exit with 1."""
    warn(f"earmark: {problem}")
    raise SystemExit(1)
