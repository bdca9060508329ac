"""``earmark models``: compare what models answer. See docs/how-to/rescore.md."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from streams.cli import options as opt
from streams.cli.options import HERE, echo, echo_json, fail, ledger_of, settings_of

if TYPE_CHECKING:
    from streams.contract.records import ModelRef
    from streams.store.database import Ledger

SHOWN: Final = 20
ModelName = Annotated[str, typer.Argument(help="Name, folder, or the begin of a digest.")]

app = typer.Typer()


@app.callback()
def models() -> None:
    """Compare what models answer."""


@app.command()
def compare(
    old: ModelName,
    new: ModelName,
    since: opt.Since = None,
    json: opt.Json = False,
    state: opt.StateOption = HERE,
) -> None:
    """Report what NEW would change of OLD: outcomes, reviews, verdicts."""
    from streams.services.model_comparison import compare as run
    from streams.services.policies.publishing import running
    from streams.store import reopening

    settings, ledger = settings_of(state), ledger_of(state)
    before, after = _model(ledger, old), _model(ledger, new)
    tracks = reopening.tracks_since(ledger, since)
    bundle = running(settings, ledger)
    result = run(ledger, bundle, before.digest, after.digest, datetime.now(UTC), tracks)
    report = result.as_data()
    if json:
        echo_json(report)
        return
    if not report["tracks"]:
        fail(f"no track has an answer of both: earmark rescore --model {new} --shadow --yes")
    _print(before, after, report)


def _model(ledger: "Ledger", name: str) -> "ModelRef":
    """Return the one model of a name: of a folder, or of those that answered."""
    from pathlib import Path

    from streams.runtime.settings import found_model
    from streams.services.released_models import reference_of
    from streams.store import rescores

    if (folder := found_model(Path(name))).is_dir():
        return reference_of(folder)
    known = rescores.models(ledger)
    matching = [one for one in known if one.name == name or one.digest.startswith(name)]
    if len(matching) != 1:
        names = ", ".join(f"{one.name} {one.version} ({one.digest[:12]})" for one in known)
        raise typer.BadParameter(f"{name!r} is not one of {names or 'none that answered here'}")
    return matching[0]


def _print(old: "ModelRef", new: "ModelRef", report: dict[str, Any]) -> None:
    tracks, flips = report["tracks"], report["flips"]
    names = " and ".join(f"{one.name} {one.version} ({one.digest[:12]})" for one in (old, new))
    changed = sum(flips.values())
    echo(f"{tracks} tracks with an answer of {names}: {changed} differ ({changed / tracks:.2%})")
    rows = report["outcomes"]
    echo(*(f"  {row['from']} -> {row['to']}: {row['tracks']}" for row in rows))
    for title, key in (("generator", "by_generator"), ("deliverer", "by_deliverer")):
        counts = {
            name: {flip: n for flip, n in values.items() if flip != "tracks"}
            for name, values in report[key].items()
        }
        most = sorted(counts.items(), key=lambda one: -sum(one[1].values()))[:SHOWN]
        lines = [f"  {name}: {_counted(values)}" for name, values in most if values]
        echo(f"flips by {title}:", *(lines or ["  none"]))
    echo("actions that change:", *_lines(report["actions"]))
    reviews = report["reviews"]
    echo(f"review tasks: {reviews['old']} by {old.name}, {reviews['new']} by {new.name}")
    echo(f"against the verdicts of people, on {report['reviewed']} tracks:")
    for model, name in (("old", old.name), ("new", new.name)):
        echo(f"  {name}: {_counted(report['contradicted'][model]) or 'nothing'}")
    echo("tracks to listen to, /tracks/ID of the console:")
    echo(
        *(
            f"  {one['track_id']}: {one['from']} -> {one['to']}, {one['generator']}"
            for one in report["changed"][:SHOWN]
        )
    )


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def _lines(counts: dict[str, int]) -> list[str]:
    return [f"  {what}: {count} tracks" for what, count in counts.items()] or ["  none"]
