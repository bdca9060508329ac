"""``earmark statements``: statements of reasons, their delivery, and where they go."""

from typing import Annotated

import orjson
import typer

from streams.cli import options as opt
from streams.cli.options import HERE, echo, ledger_of, operator, warn

app = typer.Typer()
LISTED = 50

Statements = Annotated[list[str], typer.Argument(help="Ids of statements: sor_...")]
Distributor = Annotated[str, typer.Argument(help="The distributor, as uploads name it.")]


@app.command()
def export(
    since: opt.Since = None,
    track: Annotated[str, typer.Option(help="Of one track.")] = "",
    fields: Annotated[
        bool, typer.Option("--fields", help="Only what the Transparency Database takes.")
    ] = False,
    state: opt.StateOption = HERE,
) -> None:
    """Export statements of reasons as JSON lines; nothing is submitted.

    The fields of each line are what the DSA Transparency Database takes. Statements that break one
    of its rules are listed on standard error, and the exit code is 1.
    """
    from streams.policy.transparency import faults as faults_of
    from streams.store import queries

    refused = False
    for statement in queries.statements(ledger_of(state), since, track):
        if faults := faults_of(statement.fields):
            refused = True
            warn(f"earmark: {statement.statement_id}: {'; '.join(faults)}")
        data = statement.fields if fields else statement.model_dump(mode="json", exclude_none=True)
        echo(orjson.dumps(data).decode())
    if refused:
        raise SystemExit(1)


@app.command("ls")
def list_deliveries(
    undelivered: Annotated[
        bool, typer.Option("--undelivered", help="Only what could not be delivered.")
    ] = False,
    track: Annotated[str, typer.Option(help="Of one track.")] = "",
    json: opt.JsonLines = False,
    state: opt.StateOption = HERE,
) -> None:
    """List the latest deliveries of statements: to whom, when, or why not."""
    from streams.store import statement_deliveries as deliveries

    states = deliveries.UNDELIVERED if undelivered else ()
    part = deliveries.listed(ledger_of(state), None, LISTED, states=states, track_id=track)
    for row in part.rows:
        if json:
            echo(orjson.dumps({str(name): value for name, value in row.items()}).decode())
            continue
        to = f" to {row['address']}" if row["address"] else ""
        at = f" {row['ended_at']:%Y-%m-%d %H:%M}" if row["ended_at"] else ""
        detail = row["receipt"] or row["error"]
        why = f": {detail}" if detail else ""
        echo(f"{row['statement_id']} {row['track_id']}: {row['state']}{at}{to}{why}")


@app.command()
def resend(statements: Statements, by: opt.By = "", state: opt.StateOption = HERE) -> None:
    """Deliver statements again, delivered or not."""
    from streams.services import statement_delivery

    statement_delivery.resend(ledger_of(state), statements, by=operator(by))
    echo(f"{len(statements)} will be sent")


@app.command()
def bounce(
    statement: Annotated[str, typer.Argument(help="Id of the statement: sor_...")],
    why: opt.Why = "",
    by: opt.By = "",
    state: opt.StateOption = HERE,
) -> None:
    """Record that a delivered statement came back; it becomes a task."""
    from streams.services import statement_delivery

    statement_delivery.record_bounce(ledger_of(state), statement, why, by=operator(by))
    echo(f"{statement} bounced")


@app.command()
def set_address(
    distributor: Distributor,
    address: Annotated[str, typer.Argument(help="Mail address.")],
    language: Annotated[str, typer.Option(help="Language of the mails: en, de.")] = "en",
    digest: Annotated[bool, typer.Option("--digest", help="One mail a day.")] = False,
    by: opt.By = "",
    state: opt.StateOption = HERE,
) -> None:
    """Set where statements about a distributor's uploads go by mail."""
    from streams.services import statement_delivery

    ledger = ledger_of(state)
    statement_delivery.set_address(
        ledger, distributor, address, language=language, digest=digest, by=operator(by)
    )
    echo(f"{distributor}: {address}, {language}{', daily digest' if digest else ''}")


@app.command()
def remove_address(
    distributor: Distributor, by: opt.By = "", state: opt.StateOption = HERE
) -> None:
    """Forget a distributor's address, in past deliveries too."""
    from streams.services import statement_delivery

    statement_delivery.remove_address(ledger_of(state), distributor, by=operator(by))
    echo(f"the address of {distributor} is forgotten")


@app.command()
def addresses(state: opt.StateOption = HERE) -> None:
    """List the addresses."""
    from streams.store import statement_deliveries

    for row in statement_deliveries.addresses(ledger_of(state)):
        how = ", daily digest" if row.digest else ""
        echo(f"{row.distributor}: {row.address}, {row.language}{how}")
