"""``earmark statements``: statements of reasons as JSON lines.

Each line's ``fields`` are what the DSA Transparency Database takes, checked against its rules.
The command submits nothing. Statements that break a rule are listed on standard error, and the
exit code is 1.
"""

import sys
from typing import Annotated

import orjson
import typer

from streams.cli.options import HERE, Since, StateOption, echo, ledger_of


def statements(
    since: Since = None,
    track: Annotated[str, typer.Option(help="Of one track.")] = "",
    fields: Annotated[
        bool, typer.Option("--fields", help="Only what the Transparency Database takes.")
    ] = False,
    state: StateOption = HERE,
) -> None:
    """Export statements of reasons as JSON lines; nothing is submitted."""
    from streams.policy.transparency import faults as faults_of
    from streams.store.queries import statements as stored

    refused = False
    for statement in stored(ledger_of(state), since, track):
        if faults := faults_of(statement.fields):
            refused = True
            sys.stderr.write(f"earmark: {statement.statement_id}: {'; '.join(faults)}\n")
        data = statement.fields if fields else statement.model_dump(mode="json", exclude_none=True)
        echo(orjson.dumps(data).decode())
    if refused:
        raise SystemExit(1)
