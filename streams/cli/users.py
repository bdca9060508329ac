"""``earmark users``: accounts of the console."""

from typing import Annotated

import typer

from streams.cli.options import HERE, StateOption, echo, settings_of

app = typer.Typer(no_args_is_help=True, help="Accounts of the console.")


@app.callback()
def users() -> None:
    """Accounts of the console."""


@app.command("login-link")
def login_link(
    name: Annotated[str, typer.Argument(help="A user's name; none: the first admin.")] = "",
    state: StateOption = HERE,
) -> None:
    """Print a one-time link into the console, to set a password."""
    from streams.services.accounts.sessions import new_link
    from streams.store.database import Ledger

    settings = settings_of(state)
    token = new_link(Ledger.open(settings.ledger), name)
    echo(f"{settings.console_address()}/enter/{token}")
