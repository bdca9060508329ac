"""``earmark keys``: API keys, as the console's admin page makes them."""

from typing import Annotated

import typer

from streams.cli.options import HERE, By, Json, StateOption, echo, echo_json, ledger_of, operator

app = typer.Typer()

Key = Annotated[str, typer.Argument(help="The key's id: key_...")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    role: Annotated[
        str, typer.Option(help="ingest, viewer, reviewer, lead, policy or admin.")
    ] = "ingest",
    distributor: Annotated[
        list[str] | None, typer.Option(help="It is of this distributor alone; give several.")
    ] = None,
    uploads_per_hour: Annotated[
        int | None, typer.Option(help="Its own quota; none: that of the settings.")
    ] = None,
    by: By = "",
    state: StateOption = HERE,
) -> None:
    """Create an API key and print it, once."""
    from streams.services.accounts import keys

    echo(
        keys.create(
            *(ledger_of(state), name, role, operator(by)),
            distributors=distributor or (),
            uploads_per_hour=uploads_per_hour,
        )
    )


@app.command("ls")
def list_keys(json: Json = False, state: StateOption = HERE) -> None:
    """List the keys, without their secrets."""
    from streams.services.accounts import keys

    listed = keys.all_keys(ledger_of(state))
    if json:
        echo_json([vars(key) for key in listed])
        return
    for key in listed:
        ends = "revoked" if key.revoked_at else "valid"
        of = ", ".join(key.distributors) or "the platform"
        echo(f"{key.key_id}  {ends:7}  {key.role:8}  of {of}: {key.name}")


@app.command()
def revoke(key: Key, by: By = "", state: StateOption = HERE) -> None:
    """Revoke a key, from the next request on."""
    from streams.cli.options import fail
    from streams.services.accounts import keys

    ledger = ledger_of(state)
    if key not in {each.key_id for each in keys.all_keys(ledger)}:
        fail(f"there is no key {key}")
    keys.revoke(ledger, key, operator(by))
