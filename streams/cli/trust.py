"""``earmark trust``: whose signatures confirm provenance."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from detector.errors import BadInput
from streams.cli import options as opt
from streams.cli.options import HERE, echo, operator, settings_of
from streams.contract.printing import printable
from streams.contract.records import Provenance
from streams.media import anchors as trust
from streams.media.anchors import Anchor
from streams.media.decode_pool import DecodePool
from streams.media.provenance import ProvenanceDecoder
from streams.ops.state import State
from streams.runtime import logs
from streams.services.wording import words

app = typer.Typer()

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]


@app.command(name="import")
def bring_in(
    file: File,
    fingerprint: Annotated[
        list[str] | None, typer.Option(help="SHA-256 of a certificate to trust; several.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All authorities of the file.")] = False,
    name: Annotated[str, typer.Option(help="Its name here; the certificate's if left out.")] = "",
    source: Annotated[str, typer.Option(help="Where the file is from; noted.")] = "",
    by: opt.By = "",
    dry_run: opt.DryRun = False,
    state: opt.StateOption = HERE,
) -> None:
    """Trust authorities of a PEM file, by the SHA-256 of their certificates.

    Without --fingerprint or --all it lists what is in the file, and imports nothing. The
    fingerprint stage reads the anchors when it starts.
    """
    notes = {"name": name, "source": source, "imported_by": operator(by),
             "imported_at": datetime.now(UTC).isoformat(timespec="seconds")}  # fmt: skip
    certificates = trust.certificates_of(file.read_bytes()[: trust.MAX_FILE_BYTES])
    by_sha256 = {anchor.certificate.sha256: (anchor, trust.is_authority(certificate))
             for certificate in certificates
             for anchor in [Anchor.of(certificate, **notes)]}  # fmt: skip
    asked = [one.replace(":", "").strip().lower() for one in fingerprint or ()]
    if not asked and not every:
        echo(*(_line(anchor) for anchor, _ in by_sha256.values()))
        raise BadInput("nothing_named", "name what you trust: --fingerprint SHA256, or --all")
    if unknown := [one for one in asked if one not in by_sha256]:
        raise BadInput("no_such_certificate", f"{file.name} has none of {', '.join(unknown)}")
    chosen = [by_sha256[sha256] for sha256 in asked or by_sha256]
    if name and len(chosen) > 1:
        raise BadInput("wrong_arguments", "--name names a single anchor")
    for anchor, is_authority in chosen:
        if not is_authority:
            detail = f"{anchor.certificate.subject} signs no certificates: it is no authority"
            raise BadInput("no_authority", detail)
    folder = _folder(state)
    if dry_run:
        echo(*(_line(anchor) for anchor, _ in chosen), "a dry run: nothing was imported")
        return
    added = trust.keep(folder, (anchor for anchor, _ in chosen))
    echo(*map(_line, added), f"{len(added)} added to {folder}, "
         f"{len(chosen) - len(added)} there already; restart the fingerprint stage")  # fmt: skip


@app.command(name="list")
def listed(json: opt.JsonLines = False, state: opt.StateOption = HERE) -> None:
    """Print the trust anchors: dates, and when and by whom imported."""
    for anchor in _anchors(state):
        if json:
            notes = {key: getattr(anchor, key) or None for key in trust.NOTES}
            status = {"status": anchor.state(datetime.now(UTC))}
            echo(orjson.dumps(dict(anchor.certificate) | notes | status).decode())
        else:
            echo(_line(anchor))


@app.command(name="test")
def check(file: File, state: opt.StateOption = HERE) -> None:
    """Print who signed a file, and the anchor that confirms it, or why none.

    Exit code 1: no anchor does.
    """
    logs.configure("warning")
    anchors = _anchors(state)
    with DecodePool(settings_of(state), ProvenanceDecoder(anchors)) as pool:
        content = asyncio.run(pool.decode(file)).provenance
    provenance = Provenance.model_validate_json(content) if content else Provenance()
    echo(*(printable(line) for line in story(provenance, anchors)))
    raise SystemExit(0 if provenance.anchor else 1)


def story(provenance: Provenance, anchors: tuple[Anchor, ...]) -> Iterator[str]:
    """Yield what is known of the signature in a file, a line each."""
    if provenance.state == "absent":
        yield "It has no manifest that Earmark can read."
        return
    yield f"The manifest: {words(provenance.state)}."
    if provenance.codes:
        yield f"Findings: {', '.join(provenance.codes)}."
    for depth, certificate in enumerate(provenance.chain):
        dates = f"{certificate.valid_from[:10]} to {certificate.valid_until[:10]}"
        yield "  " * depth + certificate.subject
        yield "  " * depth + f"  {certificate.sha256}, {dates}"
    if provenance.chain:
        yield f"The last one's issuer: {provenance.chain[-1].issuer}."
    if provenance.anchor is not None:
        yield f"Confirmed by the anchor {provenance.anchor.name} ({provenance.anchor.sha256})."
    elif provenance.state == "invalid":
        yield "An anchor confirms only a manifest that is intact."
    else:
        yield trust.uncovered(provenance.chain, anchors)


def _line(anchor: Anchor) -> str:
    is_valid = anchor.state(datetime.now(UTC))
    dates = f"{anchor.certificate.valid_from[:10]} to {anchor.certificate.valid_until[:10]}"
    by = f"; imported {anchor.imported_at} by {anchor.imported_by}" if anchor.imported_by else ""
    source = f" from {anchor.source}" if anchor.source else ""
    return printable(f"{anchor.certificate.sha256}  {anchor.name}  {dates}, {is_valid}{by}{source}")


def _folder(state: Path) -> Path:
    folder = settings_of(state).trust_anchors or State(state).trust
    if folder.is_file():
        detail = f"EARMARK_TRUST_ANCHORS is the file {folder}: name a folder, and import the file"
        raise BadInput("no_folder", detail)
    return folder


def _anchors(state: Path) -> tuple[Anchor, ...]:
    path = settings_of(state).trust_anchors or State(state).trust
    return trust.read(path) if path.exists() else ()
