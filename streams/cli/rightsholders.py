"""``earmark rightsholders``: who has a page by a link, and what they ask for."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli import options as opt
from streams.cli.options import HERE, echo, ledger_of, operator, settings_of

app = typer.Typer()
LISTED = 200
Request = Annotated[str, typer.Argument(help="Id of the request, rrq_...")]
Holder = Annotated[str, typer.Argument(help="Id of the rightsholder, rho_...")]
Names = Annotated[list[str], typer.Option(help="What is theirs; may be given several times.")]


@app.command("set")
def put(
    party: Annotated[str, typer.Argument(help="Id of the party, as the registry names it.")],
    name: Annotated[str, typer.Argument(help="Its name.")],
    voice: Names = [],  # noqa: B006 - Typer copies it
    artist: Names = [],  # noqa: B006
    isrc: Names = [],  # noqa: B006
    catalogue: Names = [],  # noqa: B006
    by: opt.By = "",
    state: opt.StateOption = HERE,
) -> None:
    """Add a rightsholder, or change what is theirs."""
    from streams.services import rightsholders

    stored = rightsholders.put(
        *(ledger_of(state), party, name),
        {
            **{"voice": tuple(voice), "artist": tuple(artist)},
            **{"recording": tuple(isrc), "catalogue": tuple(catalogue)},
        },
        by=operator(by),
    )
    echo(f"{stored.rightsholder_id} {stored.party_id}: {stored.name}")


@app.command("ls")
def list_rightsholders(state: opt.StateOption = HERE) -> None:
    """List rightsholders, latest first."""
    from streams.services.rightsholders import Rightsholder
    from streams.store import rightsholders

    for row in rightsholders.listed(ledger_of(state), None, LISTED).rows:
        holder = Rightsholder.of(row)
        echo(f"{holder.rightsholder_id} {holder.party_id}: {holder.name}")


@app.command()
def link(
    rightsholder: Holder,
    days: Annotated[
        int, typer.Option(min=0, max=3_650, help="Days that it is valid; 0: by setting.")
    ] = 0,
    by: opt.By = "",
    state: opt.StateOption = HERE,
) -> None:
    """Print a new link to the page of a rightsholder."""
    from streams.services import rightsholders
    from streams.services.signed_links import LinkSigner

    signer = LinkSigner.from_settings(settings_of(state))
    made = rightsholders.make_link(
        *(ledger_of(state), signer, rightsholder), by=operator(by), days=days or None
    )
    echo(f"{made.link.link_id} until {made.link.expires_at:%Y-%m-%d}", made.url)


@app.command()
def requests(
    ended: Annotated[bool, typer.Option("--ended", help="Those that were decided.")] = False,
    state: opt.StateOption = HERE,
) -> None:
    """List what rightsholders ask for, latest first."""
    from streams.services.rights_requests import RightsRequest
    from streams.services.rightsholder_page import shown
    from streams.store import rightsholders

    states = ("in_force", "refused", "withdrawn") if ended else ("waiting",)
    for row in rightsholders.requests(ledger_of(state), states, None, LISTED).rows:
        asked = RightsRequest.of(row)
        page = shown(asked, "en")
        echo(f"{asked.request_id} {asked.rightsholder_id} {asked.state}: {page.sentence}")
        if page.about:
            echo(f"  {page.about}")
        if asked.state == "waiting" and asked.preview is not None:
            preview = asked.preview
            echo(f"  about {preview.tracks} tracks, {preview.different} decided otherwise")


@app.command()
def approve(request: Request, by: opt.By = "", state: opt.StateOption = HERE) -> None:
    """Approve a choice: its entries go to the rights registry."""
    from streams.services import rights_requests

    asked = rights_requests.approve(ledger_of(state), request, by=operator(by))
    entries = ", ".join(f"{entry} version {version}" for entry, version in asked.entries)
    echo(f"{request} is approved: {entries}")


@app.command()
def refuse(request: Request, why: opt.Why, by: opt.By = "", state: opt.StateOption = HERE) -> None:
    """Refuse a request, with reasons that the rightsholder reads."""
    from streams.services import rights_requests

    rights_requests.refuse(ledger_of(state), request, why, by=operator(by))
    echo(f"{request} is refused")


@app.command()
def export(
    rightsholder: Holder,
    out: Annotated[Path, typer.Argument(help="The ZIP file to write.")],
    by: opt.By = "",
    state: opt.StateOption = HERE,
) -> None:
    """Write all that is held about a rightsholder (GDPR, Article 15)."""
    from streams.media.kept_audio import KeptUploads
    from streams.services import appeal_files, rightsholder_export

    settings = settings_of(state)
    folder = appeal_files.folder_of(KeptUploads.open(settings), settings)
    with out.open("wb") as file:
        files = rightsholder_export.write(
            ledger_of(state), folder, rightsholder, file, by=operator(by)
        )
    echo(f"{out}: held.json and {files} files")


@app.command()
def erase(
    rightsholder: Holder,
    dry_run: opt.DryRunUnlessYes = True,
    by: opt.By = "",
    state: opt.StateOption = HERE,
) -> None:
    """Erase a rightsholder with links, requests and files."""
    from streams.media.kept_audio import KeptUploads
    from streams.services import appeal_files, rightsholder_export, rightsholders

    settings, ledger = settings_of(state), ledger_of(state)
    if dry_run:
        held, files = rightsholder_export.held(ledger, rightsholder)
        echo(f"would erase {rightsholder}: {len(held['links'])} links, "
             f"{len(held['requests'])} requests, {len(files)} files; --yes does it")  # fmt: skip
        return
    folder = appeal_files.folder_of(KeptUploads.open(settings), settings)
    rows = rightsholders.erase(ledger, folder, rightsholder, by=operator(by))
    echo(f"{rightsholder} is erased: {rows} rows")
