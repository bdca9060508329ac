"""Commands about DDEX messages: deliveries in, labels and credits out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from streams.cli import options as opt
from streams.cli.options import HERE, echo, fail, ledger_of, warn
from streams.contract.vocabulary import Certainty

app = typer.Typer()
WITHDRAWN: Final = 3  # exit code


@app.command("in")
def read_messages(
    files: Annotated[list[Path], typer.Argument(help="ERN messages (XML).")],
    report: Annotated[
        Path | None, typer.Option(help="Write what each message gave as JSON lines.")
    ] = None,
    sender: Annotated[
        list[str] | None, typer.Option(help="Refuse messages of other DPIDs; repeatable.")
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
            delivery = read(file, sender or ())
        except WrongDdex as error:
            warn(f"earmark: {readable(file)}: {error}")
            lines.append(orjson.dumps({"file": readable(file), "refused": str(error)}))
            code = 1
            continue
        echo(*(upload.model_dump_json(exclude_none=True) for upload in delivery.uploads))
        for sentence in delivery.sentences():
            warn(f"{readable(file)}: {sentence}")
        lines.append(orjson.dumps({"file": readable(file), **delivery.as_data()}))
        code = code or (WITHDRAWN if delivery.withdrawn else 0)
    if report is not None:
        report.write_bytes(b"".join(line + b"\n" for line in lines))
    if code:
        raise SystemExit(code)


@app.command("out")
def write_messages(
    out: Annotated[Path, typer.Option(help="Folder for the messages, one for each release.")],
    sender: Annotated[str, typer.Option(help="Our DPID.")],
    recipient: Annotated[str, typer.Option(help="The partner's DPID.")],
    track: Annotated[
        list[str] | None, typer.Option(help="A track with its release; repeatable.")
    ] = None,
    release: Annotated[str, typer.Option(help="A release: UPC, GRid or own id.")] = "",
    since: opt.Since = None,
    certainty: Annotated[
        Certainty, typer.Option(help="Labels so certain or more; identified counts as declared.")
    ] = (Certainty.DECLARED),
    state: opt.StateOption = HERE,
) -> None:
    """Write labels and credits as ERN 4.3.2 messages for a partner.

    They have ContainsAI, contributors with their roles and AiContribution, and neither deals nor
    files. Standard error names tracks that are left out, and those without ContainsAI.
    """
    from streams.services.ddex.writing import DPID, Parties, message, message_id
    from streams.store.labelled_tracks import labelled_tracks, tracks_of_release, whole_releases
    from streams.store.reopening import tracks_since

    for name, dpid in (("--sender", sender), ("--recipient", recipient)):
        if not DPID.fullmatch(dpid):
            raise typer.BadParameter(f"{dpid!r} is no DPID (PADPIDA...)", param_hint=name)
    if not (track or release or since):
        raise typer.BadParameter("say which tracks: --track, --release or --since")
    ledger, parties = ledger_of(state), Parties(sender, recipient)
    track_ids = list(track or ())
    track_ids += tracks_of_release(ledger, release) if release else []
    track_ids += tracks_since(ledger, since) if since else []
    order, count = list(Certainty), 0
    out.mkdir(parents=True, exist_ok=True)
    for group in whole_releases(ledger, track_ids):
        tracks = labelled_tracks(ledger, group)
        for track_id in set(group) - {item.upload.track_id for item in tracks}:
            warn(f"{track_id}: it has no decision and is left out")
        certain = []
        for item in tracks:
            label = item.decided.label
            # What two traces identify is as sure as a declaration.
            sure = Certainty.DECLARED if label.tier == "identified" else label.certainty
            if order.index(sure) > order.index(certainty):
                warn(f"{item.upload.track_id}: {label.certainty}, so it is left out")
                continue
            if label.extent == "Unknown":
                warn(f"{item.upload.track_id}: Unknown, so it has no ContainsAI")
            certain.append(item)
        if certain:
            path = out / f"{message_id(certain, parties)}.xml"
            path.write_bytes(message(certain, parties, datetime.now(UTC)))
            echo(f"{path}  {len(certain)} of {len(group)} tracks")
            count += 1
    if not count:
        fail("no track has such a label: nothing is written")
