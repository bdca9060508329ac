"""Commands about tracks: from submission to evidence."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from streams.cli import options as opt
from streams.cli.options import HERE, echo, fail, ledger_of, operator, settings_of, warn
from streams.ops.state import State

if TYPE_CHECKING:
    from streams.policy.conditions import Condition

app = typer.Typer()
NEARLY_ALL = 0.999  # of the delivery: headers round
Model = Annotated[Path | None, typer.Option(help="Folder of a released model.")]


@app.command()
def submit(
    names: Annotated[list[str], typer.Argument(help="Files, folders, URIs; - reads a manifest.")],
    wait: Annotated[bool, typer.Option(help="Wait for the decisions and print them.")] = True,
    rescan: Annotated[
        bool, typer.Option(help="A back catalogue: few at once, none while others wait.")
    ] = False,
    at_once: Annotated[int, typer.Option(min=1, help="Of a rescan, under way at once.")] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Write the ends as JSON lines (not of a rescan).")
    ] = None,
    state: opt.StateOption = HERE,
) -> None:
    """Send tracks to a running Earmark (of --state, else EARMARK_BROKERS)."""
    from rich.console import Console

    from streams.ops.submit import manifest, uploads
    from streams.ops.submit import submit as send
    from streams.runtime import logs
    from streams.runtime.settings import Settings

    logs.configure("warning")
    logs.silence("kafka")  # its lines repeat ours
    settings = State(state).announced()
    if settings is None:
        settings = Settings.from_env()
        warn(f"nothing runs from {state}: sending to {settings.brokers}")
    items = (
        manifest(sys.stdin.buffer) if names == ["-"] else uploads(names, settings.fetch_max_bytes)
    )
    if rescan:
        if out:
            raise typer.BadParameter("a rescan prints its ends alone", param_hint="--out")
        from streams.ops.submit import rescan as send_behind_others

        raise SystemExit(send_behind_others(settings, items, at_once=at_once, console=Console()))
    raise SystemExit(send(settings, items, wait=wait, out=out, console=Console()))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Track id, upload id, or the path of a file.")],
    state: opt.StateOption = HERE,
) -> None:
    """Print the story of one track, from the ledger."""
    from streams.services import timeline
    from streams.store import queries

    ledger = ledger_of(state)
    rows = queries.story(ledger, timeline.find_track(ledger, name))
    if not rows:
        fail(f"the ledger knows nothing of {name}")
    echo(*map(timeline.as_text, timeline.story(rows, {})))


@app.command()
def analyze(
    files: Annotated[list[str], typer.Argument(help="Files or folders.")],
    json: opt.JsonLines = False,
    model: Model = None,
    alpha: Annotated[float | None, typer.Option(help="False-positive rate to read by.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Decode processes.")] = 1,
    device: Annotated[str, typer.Option(help="cpu, or cuda (needs earmark[gpu]).")] = "cpu",
) -> None:
    """Analyse files without a broker; the answers equal the pipeline's."""
    from detector.assessment.model import Model as ReleasedModel
    from detector.evidence.arrays import described
    from streams.ops.offline_analysis import analyze as answers
    from streams.runtime import logs
    from streams.runtime.settings import Settings

    logs.configure("warning")  # to standard error: standard output is for the answers
    options = {"model": model, "alpha": alpha, "decode_workers": jobs}
    settings = Settings.model_validate(
        Settings.from_env().model_dump() | {k: v for k, v in options.items() if v is not None}
    )
    released = ReleasedModel.load(settings.model, device)
    warn(f"earmark: scores on {described(device)}")
    released.check_rates(settings.rates)

    async def run() -> None:
        async for (answer,) in answers(files, [released], settings):
            echo(orjson.dumps(answer).decode() if json else _answer_text(answer))

    asyncio.run(run())


@app.command()
def compare(
    files: Annotated[list[str], typer.Argument(help="Files or folders.")],
    model: Annotated[list[Path], typer.Option(help="Folders of two released models or more.")],
    json: opt.JsonLines = False,
    jobs: Annotated[int, typer.Option(min=1, help="Decode processes.")] = 1,
) -> None:
    """Compare models on the same files; * marks answers that differ."""
    from detector.assessment.model import Model as ReleasedModel
    from streams.ops.offline_analysis import analyze as answers
    from streams.runtime import logs
    from streams.runtime.settings import Settings, found_model

    if len(model) < 2:
        raise typer.BadParameter("name two models: --model A --model B", param_hint="--model")
    logs.configure("warning")
    settings = Settings.model_validate(Settings.from_env().model_dump() | {"decode_workers": jobs})
    released = [ReleasedModel.load(found_model(folder)) for folder in model]
    for compared in released:
        compared.check_rates(settings.rates)
    counts: Counter[tuple[str, ...]] = Counter()

    async def run() -> None:
        async for rows in answers(files, released, settings):
            outcomes = tuple(row["outcome"] or row["status"] for row in rows)
            counts[outcomes] += 1
            if json:
                echo(orjson.dumps({"path": rows[0]["path"], "answers": rows}).decode())
                continue
            mark = "*" if len(set(outcomes)) > 1 else " "
            cells = (f"{a} {_p_value(row)}" for a, row in zip(outcomes, rows, strict=True))
            echo(f"{mark} {rows[0]['path']}: {' | '.join(cells)}")

    asyncio.run(run())
    warn(f"models: {' | '.join(f'{one.name} {one.digest[:12]}' for one in released)}")
    for outcomes, count in counts.most_common():
        warn(f"{count:6}  {' | '.join(outcomes)}")


def _p_value(row: dict[str, Any]) -> str:
    return row["reason"] or "" if row["p_value"] is None else f"p {row['p_value']}"


@app.command()
def evidence(
    file: Annotated[Path, typer.Argument(help="One audio file.")],
    out: Annotated[Path, typer.Option(help="Folder for JSON, SVG and PNG.")] = Path(),
    model: Model = None,
) -> None:
    """Draw the spectral lines of a file, and explain them in a sentence."""
    from detector.assessment.model import Model as ReleasedModel
    from detector.explain.plot import evidence as draw
    from detector.observation.observation import Observation
    from streams.contract.printing import printable
    from streams.media.decode_pool import DecodePool
    from streams.runtime.settings import Settings
    from streams.services.upload_inputs import readable

    settings = Settings.from_env()
    released = ReleasedModel.load(model or settings.model)
    released.check_rates(settings.rates)
    with DecodePool(settings) as pool:
        decoded = asyncio.run(pool.decode(file))
    observation = Observation.from_bytes(decoded.observation)
    name = printable(readable(file.name))
    echo(*map(str, draw(observation, name, released, out, settings.rates)))


@app.command()
def samples(
    folder: Annotated[Path, typer.Argument(help="Where to write them.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same tracks.")] = 1,
) -> None:
    """Write synthetic tracks: one for each outcome of an upload."""
    from models.synthesis.samples import write_samples

    for sample in write_samples(folder, seed):
        echo(f"{sample.path}  {sample.kind}: {sample.title}")


@app.command()
def redecide(
    entry: Annotated[str, typer.Option(help="Tracks that a registry entry may concern.")] = "",
    track: Annotated[str, typer.Option(help="One track.")] = "",
    since: Annotated[datetime | None, opt.time_option("Decided since: 6h, 7d, ISO 8601.")] = None,
    all_tracks: Annotated[bool, typer.Option("--all", help="Every track.")] = False,
    dry_run: opt.DryRunUnlessYes = True,
    state: opt.StateOption = HERE,
) -> None:
    """Decide tracks again from stored facts, by the running policy."""
    from streams.cli.policy import print_report
    from streams.contract.records import Cause
    from streams.policy.registry import keys_of_entry
    from streams.services.policies.backtest import backtest
    from streams.services.policies.publishing import reopen, running
    from streams.store import reopening
    from streams.store.track_facts import TrackFacts

    settings, ledger = settings_of(state), ledger_of(state)
    bundle = running(settings, ledger)
    if entry:
        registry, _ = TrackFacts(ledger).registry("", fresh=True)
        keys = {
            key for change in registry if change.entry_id == entry for key in keys_of_entry(change)
        }
        if not keys:
            raise typer.BadParameter(f"the registry has no entry {entry!r}")
        track_ids = reopening.tracks_about(ledger, keys)
    elif track:
        track_ids = iter([track])
    elif since or all_tracks:
        track_ids = reopening.tracks_since(ledger, since)
    else:
        raise typer.BadParameter("say which tracks: --entry, --track, --since or --all")
    if dry_run:
        print_report(backtest(ledger, bundle, datetime.now(UTC), track_ids).as_data())
        echo("a dry run: nothing was sent; add --yes")
        return
    count = reopen(settings, track_ids, Cause(kind="operator", id=operator("")))
    echo(f"{count} tracks reopened; what differs is decided again, at most "
         f"{settings.redecide_per_s:g} a second by each worker")  # fmt: skip


@app.command()
def rescore(
    model: Model = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Store its answers to compare; decide nothing.")
    ] = False,
    since: Annotated[datetime | None, opt.time_option("Decided since: 6h, 7d, ISO 8601.")] = None,
    where: Annotated[str, typer.Option(help="Condition over policy features.")] = "",
    ahead: Annotated[int, typer.Option(min=1, help="Tracks that may wait on the topic.")] = 1_000,
    dry_run: opt.DryRunUnlessYes = True,
    state: opt.StateOption = HERE,
) -> None:
    """Score stored observations by another model, behind all uploads."""
    from rich.console import Console

    from streams.ops.rescore_lane import LEFT, core_hours
    from streams.ops.rescore_lane import rescore as send
    from streams.runtime import logs
    from streams.runtime.settings import found_model
    from streams.services.policies.publishing import running
    from streams.services.released_models import reference_of
    from streams.services.rescoring import Selection, selected
    from streams.store.rescores import count_tracks

    logs.configure("warning")
    settings, ledger = settings_of(state), ledger_of(state)
    configured = (shadow and settings.shadow_model) or settings.model
    folder = found_model(model) if model else configured
    reference = reference_of(folder)
    if not shadow and reference != reference_of(settings.model):
        raise typer.BadParameter(
            f"uploads are scored by {settings.model.name}: set EARMARK_MODEL to {folder.name} "
            "first, or store its answers with --shadow",
            param_hint="--model",
        )
    selection = Selection(reference, settings.rates, shadow, since, _condition(where))
    total = count_tracks(ledger, since)
    items = selected(ledger, running(settings, ledger), selection, datetime.now(UTC))
    console = Console()
    if dry_run:
        counts, cost = core_hours(settings, folder, items, total, console=console)
    else:
        counts, cost = send(settings, items, total, ahead=ahead, console=console), ""
    name = f"{reference.name} {reference.version} ({reference.digest[:12]})"
    verb = "would be scored" if dry_run else "scored"
    echo(f"{counts['sent']} tracks {verb} by {name}{cost}")
    echo(*(f"{counts[why]} {meaning}" for why, meaning in LEFT.items() if counts[why]))
    if dry_run:
        echo("a dry run: nothing was sent; add --yes")
    elif shadow:
        echo(f"compare: earmark models compare OLD {reference.name}")


def _condition(text: str) -> "Condition | None":
    """Return the condition of ``--where``; None for an empty one."""
    from streams.policy.cel_syntax import CelSyntaxError
    from streams.policy.conditions import Condition

    try:
        return Condition(text, {}) if text else None
    except CelSyntaxError as error:
        raise typer.BadParameter(f"{error.message} (at {error.at})", param_hint="--where") from None


def _answer_text(answer: dict[str, Any]) -> str:
    if answer["status"] == "rejected":
        return f"{answer['path']}: rejected: {answer['reason']}: {answer['detail']}"
    text = f"{answer['path']}: {answer['outcome']}"
    if answer["reason"]:
        text += f" ({answer['reason']})"
    if answer["probability"] is not None:
        text += f", p(AI) {answer['probability']}, p-value {answer['p_value']}"
    sentences = [branch["sentence"] for branch in answer["evidence"]]
    own = _provenance_facts(answer["provenance"] or {})
    return "\n    ".join((text, *sentences, *_input_facts(answer["audio"]), *own))


def _provenance_facts(provenance: dict[str, Any]) -> Iterator[str]:
    """Yield what the file itself contains of its making, most of which anyone can write."""
    for mark in provenance.get("marks", ()):
        name = " ".join(filter(None, (mark["generator"], mark["version"])))
        song = f", song {mark['song_id']}" if mark["song_id"] else ""
        broken = "" if mark["intact"] else ", which no longer fits the file"
        yield f"Mark of {name} ({mark['kind']}, {mark['place']}{song}){broken}."
    if provenance.get("state", "absent") != "absent":
        signer = provenance["signer"] or "an unknown signer"
        stated = f"{provenance['state']}, contains AI: {provenance['extent']}"
        yield f"C2PA manifest of {signer}: {stated}."
    if aigc := provenance.get("aigc"):
        yield f"AIGC tag of {aigc['producer'] or 'an unknown producer'}: label {aigc['label']}."


def _input_facts(audio: dict[str, Any]) -> Iterator[str]:
    """Yield what was not analysed as it was delivered; ordinary files have none of it."""
    from detector.types import APART

    if audio["heard_share"] < NEARLY_ALL:
        yield f"Decoded: {audio['duration_s']:g} s, {audio['heard_share']:.1%} of the delivery."
    if audio["streams"] > 1:
        yield f"The default one of {audio['streams']} audio streams is analysed."
    if audio["channels_cancel"] > 0:
        yield f"In {audio['channels_cancel']:.1%} the channels cancel: the loudest one is analysed."
    if audio["channels"] > 2:
        yield "Of the channels, each that is unlike the others is analysed beside the mix."
    elif audio["channels_differ"] >= APART:
        yield "The channels differ: left, right and their difference are analysed beside the mix."
