"""Commands on models, for the command line to mount; each prints what it made.

Modules are imported where a command needs them: torch takes a second.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from models.synthesis.samples import Sample

app = typer.Typer()

_Manifest = Annotated[Path, typer.Option(help="CSV with path, label, generator, repo.")]
_Root = Annotated[
    Path | None, typer.Option(help="Folder that the paths start from; the manifest's by default.")
]
_Cache = Annotated[Path, typer.Option(help="Folder of observations, kept by content.")]
_Cells = Annotated[Path, typer.Option(help="Folder that keeps what was heard of deliveries.")]
_Workers = Annotated[int, typer.Option(min=1, help="Processes that decode audio.")]
_CACHE = Path(".earmark/observations")
RELEASED = Path(__file__).parent / "ensemble-4"
_CELLS = Path(".earmark/cells")


def write_samples(folder: Path, seed: int) -> "list[Sample]":
    """Write the self-made tracks; see ``models.synthesis.samples``."""
    from models.synthesis.samples import write_samples as write

    return write(folder, seed)


def write_track(path: Path, seconds: float) -> None:
    """Write a self-made piece for benchmarks, as mp3 (320 kbit/s), flac, m4a or opus."""
    from models.augmentation.coders import Coder, encoded
    from models.synthesis.music import RATE_HZ, render

    coders = {
        ".mp3": Coder("libmp3lame", "mp3", 320_000),
        ".flac": Coder("flac", "flac"),
        ".m4a": Coder("aac", "ipod", 192_000),
        ".opus": Coder("libopus", "ogg", 128_000, rate_hz=48_000),
    }
    path.write_bytes(encoded(render(1, seconds), RATE_HZ, coders[path.suffix]))


@app.command()
def train(
    manifest: _Manifest,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    name: Annotated[str, typer.Option(help="Name of the model.")],
    audio_root: _Root = None,
    version: Annotated[str, typer.Option(help="Version of the model.")] = "1",
    branches: Annotated[
        str, typer.Option(help="Kinds of evidence, ',' between; clock always takes part.")
    ] = "clock,templates,parts,speed,pitch",
    seed: Annotated[int, typer.Option(help="Recorded; the same seed gives the same model.")] = 0,
    cache: _Cache = _CACHE,
    cells: _Cells = _CELLS,
    workers: _Workers = 2,
) -> None:
    """Train a model from labelled recordings and write its folder."""
    from detector.evidence.branches import BRANCHES
    from models.training.train import train as train_model

    chosen = [one.strip() for one in branches.split(",")]
    unknown = sorted(set(chosen) - set(BRANCHES))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(BRANCHES)}")
    made = train_model(
        manifest,
        audio_root or manifest.parent,
        out,
        name=name,
        version=version,
        seed=seed,
        cache=cache,
        cells=cells,
        workers=workers,
        branches=chosen,
    )
    typer.echo(made.report)
    typer.echo(f"\n{made.folder}: sha256 {made.digest}")


@app.command()
def learn(
    generator: Annotated[str, typer.Option(help="Its name.")],
    out: Annotated[Path, typer.Option(help="Folder of the candidate to write.")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="Tracks of one generator: 3, better 5.")
    ] = None,
    model: Annotated[Path, typer.Option(help="Folder of the model that learns it.")] = RELEASED,
    controls: Annotated[
        list[Path] | None,
        typer.Option(help="People's recordings from the same source; give several times."),
    ] = None,
    from_reviews: Annotated[
        Path | None,
        typer.Option(help="Manifest of `ledger export-training-labels`: its tracks, and controls."),
    ] = None,
    listed_as: Annotated[
        str, typer.Option(help="The generator's name in that manifest, if another.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, and write nothing.")] = False,
    cache: _Cache = _CACHE,
    workers: _Workers = 2,
) -> None:
    """Teach a model a new generator from a few of its tracks, and compare old and new."""
    from models.learning.few_shot import teach
    from models.learning.reviewed import chosen

    tracks, beside = chosen(from_reviews, listed_as or generator) if from_reviews else ([], [])
    taught = teach(
        generator,
        [*(files or []), *tracks],
        [*(controls or []), *beside],
        model,
        None if dry_run else out,
        cache=cache,
        workers=workers,
    )
    typer.echo(taught.report())


@app.command()
def release(
    candidate: Annotated[Path, typer.Argument(help="Folder that `earmark train` wrote.")],
    manifest: _Manifest,
    out: Annotated[Path, typer.Option(help="Folder to release, as models/NAME.")],
    audio_root: _Root = None,
    version: Annotated[str, typer.Option(help="Version of the model.")] = "1",
    cache: _Cache = _CACHE,
    cells: _Cells = _CELLS,
    workers: _Workers = 2,
) -> None:
    """Release a candidate: make it again, pass the gates, write its folder with its figures."""
    from models.evaluation.release import release as release_model

    made = release_model(
        candidate,
        manifest,
        audio_root or manifest.parent,
        out,
        version=version,
        cache=cache,
        cells=cells,
        workers=workers,
    )
    typer.echo(made.report())


@app.command()
def evaluate(
    manifest: _Manifest,
    model: Annotated[Path, typer.Option(help="Folder of the model.")],
    audio_root: _Root = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for evaluation.html, .json, .txt and scores.csv.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap and the permutations.")] = 0,
    cache: _Cache = _CACHE,
    cells: _Cells = _CELLS,
    workers: _Workers = 2,
) -> None:
    """Measure a model on labelled recordings, each maker left out."""
    from models.evaluation.evaluate import evaluate as evaluate_model

    found = evaluate_model(
        manifest,
        audio_root or manifest.parent,
        model,
        cache=cache,
        cells=cells,
        workers=workers,
        seed=seed,
    )
    typer.echo(found.text)
    if out is not None:
        for path in found.write(out):
            typer.echo(path)


@app.command()
def robustness(
    manifest: _Manifest,
    model: Annotated[list[Path], typer.Option(help="Folder of a model; several are compared.")],
    out: Annotated[Path, typer.Option(help="Folder for robustness.json, .md and .html.")],
    audio_root: _Root = None,
    per_maker: Annotated[
        int, typer.Option(min=1, help="Recordings of each generator and human source.")
    ] = 4,
    seeds: Annotated[int, typer.Option(min=1, help="Of each kind of hard negative.")] = 3,
    alpha: Annotated[float, typer.Option(help="False-positive rate of the threshold.")] = 0.01,
    seed: Annotated[int, typer.Option(help="Of the sample, noise, cuts and intervals.")] = 0,
    cells: _Cells = _CELLS,
    workers: _Workers = 2,
) -> None:
    """Measure what deliveries do to the answers, and which sounds fool a model.

    About half a minute of one core per recording, once: what was heard is kept. Run `evaluate`
    into the same folder first: its scores let human excerpts be judged as unknown ones.
    """
    from models.evaluation.robustness import measure
    from models.evaluation.robustness_report import markdown, write

    figures = measure(
        manifest,
        audio_root or manifest.parent,
        model,
        cells=cells,
        report=out,
        per_maker=per_maker,
        seeds=seeds,
        alpha=alpha,
        seed=seed,
        workers=workers,
    )
    typer.echo(markdown(figures))
    for path in write(figures, out):
        typer.echo(path)


@app.command()
def recognition(
    manifest: _Manifest,
    audio_root: _Root = None,
    tracks: Annotated[int, typer.Option(min=2, help="Recordings, drawn evenly by maker.")] = 150,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    cells: Annotated[Path, typer.Option(help="Folder that keeps landmarks.")] = _CELLS,
    out: Annotated[Path | None, typer.Option(help="Markdown file to write, too.")] = None,
) -> None:
    """Measure how known tracks are recognised after what people do to them.

    About eight seconds of one core per recording, once: what was heard is kept.
    """
    from models.evaluation.matching_grid import measure, sample

    found = measure(sample(manifest, audio_root or manifest.parent, tracks, seed), cells)
    typer.echo(found.text)
    if out is not None:
        out.write_text(f"{found.text}\n")


@app.command()
def outcomes(
    manifest: _Manifest,
    model: Annotated[Path, typer.Option(help="Folder of the released model.")],
    out: Annotated[Path, typer.Option(help="Folder of the report.")],
    name: Annotated[str, typer.Option(help="What these files are called on the card.")],
    audio_root: _Root = None,
    cache: _Cache = _CACHE,
    workers: _Workers = 2,
) -> None:
    """Count what a model answers to each file of a manifest, as `analyze` would, by label."""
    from models.evaluation.outcomes_report import OUTCOMES, served_rows, write_outcomes

    found = write_outcomes(
        manifest, audio_root or manifest.parent, model, out,
        name=name, cache=cache, workers=workers,
    )  # fmt: skip
    typer.echo(f"alpha {found['alpha']:.2%}")
    typer.echo("\t".join(("label", "files", *OUTCOMES, "reasons to abstain")))
    for row in served_rows(found["labels"]):
        typer.echo("\t".join(row))


@app.command()
def card(
    model: Annotated[Path, typer.Argument(help="Folder of the released model.")],
    report: Annotated[Path, typer.Argument(help="Folder that evaluate and robustness wrote.")],
) -> None:
    """Write what was measured about a released model into its folder, as MEASURED.md."""
    from models.evaluation.card_measurements import write_measured

    typer.echo(write_measured(model, report))


@app.command()
def lineage(
    manifest: _Manifest,
    out: Annotated[Path, typer.Option(help="Manifest to write, with the column lineage.")],
    audio_root: _Root = None,
    cache: _Cache = _CACHE,
) -> None:
    """Find versions of one performance among human recordings: they are one witness, not two."""
    from models.training.lineage import write_lineage

    found = write_lineage(manifest, audio_root or manifest.parent, out, cache)
    typer.echo(
        f"{out}: {found['recordings']} human recordings of {found['performances']} performances"
    )
