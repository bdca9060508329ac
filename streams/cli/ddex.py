"""Commands about DDEX messages: deliveries in, labels and credits out."""

import sys
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from streams.cli.options import echo

app = typer.Typer()
WITHDRAWN: Final = 3  # exit code


@app.command("in")
def read_messages(
    files: Annotated[list[Path], typer.Argument(help="ERN messages (XML).")],
    report: Annotated[
        Path | None, typer.Option(help="Write what each message gave as JSON lines.")
    ] = None,
) -> None:
    """Convert ERN messages to JSON lines that `earmark submit -` reads.

    ERN 3.4 to 3.8.3 and 4.1 to 4.3.2 are read. Standard error has what each message gave, and what
    was passed over and why. The exit code is 1 where a message is refused, else 3 where one
    withdraws releases: Earmark withdraws nothing by itself.
    """
    from streams.services.ddex.reading import read
    from streams.services.ddex.xml import WrongDdex
    from streams.services.upload_inputs import readable

    code, lines = 0, list[bytes]()
    for file in files:
        try:
            delivery = read(file)
        except WrongDdex as error:
            sys.stderr.write(f"earmark: {readable(file)}: {error}\n")
            lines.append(orjson.dumps({"file": readable(file), "refused": str(error)}))
            code = 1
            continue
        echo(*(upload.model_dump_json(exclude_none=True) for upload in delivery.uploads))
        for sentence in delivery.sentences():
            sys.stderr.write(f"{readable(file)}: {sentence}\n")
        lines.append(orjson.dumps({"file": readable(file), **delivery.as_data()}))
        code = code or (WITHDRAWN if delivery.withdrawn else 0)
    if report is not None:
        report.write_bytes(b"".join(line + b"\n" for line in lines))
    if code:
        raise SystemExit(code)
