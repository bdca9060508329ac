"""``earmark links``: the links by which artists reach their page."""

from typing import Annotated

import typer

from streams.cli import options as opt
from streams.cli.options import HERE, echo, ledger_of, operator, settings_of

app = typer.Typer()
LISTED = 50


@app.command()
def make(
    decision: Annotated[str, typer.Argument(help="Id of the decision.")],
    days: Annotated[
        int, typer.Option(min=0, max=3_650, help="Days that it is valid; 0: by setting.")
    ] = 0,
    by: opt.By = "",
    state: opt.StateOption = HERE,
) -> None:
    """Print a new link to the artist's page about a decision."""
    from streams.services import artist_links
    from streams.services.signed_links import LinkSigner

    signer = LinkSigner.from_settings(settings_of(state))
    made = artist_links.make(ledger_of(state), signer, decision, by=operator(by), days=days or None)
    echo(f"{made.link.link_id} until {made.link.expires_at:%Y-%m-%d}", made.url)


@app.command("ls")
def list_links(
    decision: Annotated[str, typer.Option("--decision", help="Of this decision alone.")] = "",
    state: opt.StateOption = HERE,
) -> None:
    """List the latest links; none is printed with its signature."""
    from datetime import UTC, datetime

    from streams.services.signed_links import ArtistLink
    from streams.store import artist_links

    now = datetime.now(UTC)
    for row in artist_links.listed(ledger_of(state), None, LISTED, decision_id=decision).rows:
        link = ArtistLink.of(row)
        opened = f", opened {link.opened_at:%Y-%m-%d %H:%M}" if link.opened_at else ""
        status = "revoked" if link.revoked_at else "valid" if link.is_valid(now) else "expired"
        echo(f"{link.link_id} {link.decision_id} {link.track_id}: {status}, "
             f"until {link.expires_at:%Y-%m-%d}{opened}")  # fmt: skip


@app.command()
def revoke(
    link: Annotated[str, typer.Argument(help="Id of the link, lnk_...")],
    by: opt.By = "",
    state: opt.StateOption = HERE,
) -> None:
    """Revoke a link, from the next request on."""
    from streams.services import signed_links

    signed_links.revoke(ledger_of(state), link, by=operator(by))
    echo(f"{link} is revoked")
