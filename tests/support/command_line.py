"""The command line as people type it, in this process."""

from pathlib import Path

from typer.testing import CliRunner

from streams.cli.main import app
from streams.runtime.settings import Settings

POLICY = Settings().policy


def run(*words: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result.output
