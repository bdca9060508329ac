"""Commands that print reference material: schemas and settings."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import echo

app = typer.Typer()


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
