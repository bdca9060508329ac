"""Commands on models, for the command line to mount; each prints its result.

Modules are imported where a command needs them: PyTorch takes a second to load. What only
trains or measures is the extra ``earmark[train]``.
"""

from collections.abc import Callable
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from detector.errors import Fatal
from detector.evidence.registry import BRANCHES

app = typer.Typer()

_Parameters = ParamSpec("_Parameters")
_Manifest = Annotated[Path, typer.Option(help="CSV with path, label, generator, repo.")]
_Root = Annotated[
    Path | None, typer.Option(help="Folder of the manifest's paths; its own by default.")
]
_Cache = Annotated[Path, typer.Option(help="Cache of observations, by content.")]
_Cells = Annotated[Path, typer.Option(help="Cache of observations of augmented recordings.")]
_Workers = Annotated[int, typer.Option(min=1, help="Processes that decode audio.")]
_Version = Annotated[str, typer.Option(help="Version of the model.")]
_CACHE = Path(".earmark/observations")
RELEASED = Path(__file__).parent / "ensemble-5"
_CELLS = Path(".earmark/cells")


def _needs_train(command: Callable[_Parameters, None]) -> Callable[_Parameters, None]:
    """Register a command of ``earmark[train]``; without the extra it names what to install."""

    @wraps(command)
    def checked(*args: _Parameters.args, **options: _Parameters.kwargs) -> None:
        if find_spec("models.training") is None:
            raise Fatal("this command needs packages for training: install earmark[train]")
        command(*args, **options)

    return app.command()(checked)


@_needs_train
def train(
    manifest: _Manifest,
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    name: Annotated[str, typer.Option(help="Name of the model.")],
    audio_root: _Root = None,
    version: _Version = "1",
    branches: Annotated[
        str, typer.Option(help="Branches of evidence, ',' between; clock always takes part.")
    ] = ",".join(BRANCHES),
    seed: Annotated[int, typer.Option(help="Recorded; the same seed gives the same model.")] = 0,
    cache: _Cache = _CACHE,
    cells: _Cells = _CELLS,
    workers: _Workers = 2,
) -> None:
    """Train a model from labelled recordings and write its folder."""
    from models.training.train import train as train_model

    chosen = [branch.strip() for branch in branches.split(",")]
    unknown = sorted(set(chosen) - set(BRANCHES))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(BRANCHES)}")
    trained = train_model(
        manifest, audio_root or manifest.parent, out, name=name, version=version, seed=seed,
        cache=cache, cells=cells, workers=workers, branches=chosen,
    )  # fmt: skip
    typer.echo(trained.report)
    typer.echo(f"\n{trained.folder}: sha256 {trained.digest}")


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
        typer.Option(help="A human recording from the same source; give several."),
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
    """Teach a model a new generator from a few of its tracks."""
    from models.learning.few_shot import learn_from_files
    from models.learning.reviewed import chosen

    tracks, humans = files or [], controls or []
    if from_reviews:
        reviewed, reviewed_humans = chosen(from_reviews, listed_as or generator)
        tracks, humans = [*tracks, *reviewed], [*humans, *reviewed_humans]
    taught = learn_from_files(
        generator, tracks, humans, model, None if dry_run else out, cache=cache, workers=workers
    )
    typer.echo(taught.report())


@_needs_train
def release(
    candidate: Annotated[Path, typer.Argument(help="Folder that `earmark train` wrote.")],
    manifest: _Manifest,
    out: Annotated[Path, typer.Option(help="Folder to release, as models/NAME.")],
    audio_root: _Root = None,
    version: _Version = "1",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the gates.")] = False,
    cache: _Cache = _CACHE,
    cells: _Cells = _CELLS,
    workers: _Workers = 2,
) -> None:
    """Train a candidate again, check its gates and write the release."""
    from models.evaluation.release import release as release_model

    report = release_model(
        candidate, manifest, audio_root or manifest.parent, out, version=version, cache=cache,
        cells=cells, workers=workers, dry_run=dry_run,
    )  # fmt: skip
    typer.echo(report)


@_needs_train
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
    from models.evaluation.document import write_files
    from models.evaluation.evaluate import evaluate as evaluate_model

    root = audio_root or manifest.parent
    files = evaluate_model(
        manifest, root, model, cache=cache, cells=cells, workers=workers, seed=seed
    )
    typer.echo(files["evaluation.txt"].rstrip())
    for path in write_files(out, files) if out else ():
        typer.echo(path)


@_needs_train
def evaluate_tiers(
    manifest: _Manifest,
    model: Annotated[Path, typer.Option(help="Folder of the model.")],
    out: Annotated[Path, typer.Option(help="Folder for tiers.json.")],
    audio_root: _Root = None,
    cache: _Cache = _CACHE,
    workers: _Workers = 2,
) -> None:
    """Measure both tiers by kind and generator, known and unseen."""
    from models.evaluation.document import markdown, write_files
    from models.evaluation.tiers import REPORT, measure
    from models.evaluation.tiers_report import blocks

    root = audio_root or manifest.parent
    figures = measure(manifest, root, model, cache=cache, workers=workers)
    typer.echo(markdown(blocks(figures)).rstrip())
    for path in write_files(out, {REPORT: figures}):
        typer.echo(path)


@_needs_train
def robustness(
    manifest: _Manifest,
    model: Annotated[list[Path], typer.Option(help="Folder of a model; several are compared.")],
    out: Annotated[Path, typer.Option(help="Folder for robustness.json and .md.")],
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
    """Measure a model under augmentations and on hard negatives.

    The first run takes about half a minute of one core per recording; observations are cached.
    Run `evaluate` into the same folder first: its scores of human recordings are out of fold.
    """
    from models.evaluation.robustness import measure
    from models.evaluation.robustness_report import write

    figures = measure(
        manifest, audio_root or manifest.parent, model, cells=cells, report=out,
        per_maker=per_maker, seeds=seeds, alpha=alpha, seed=seed, workers=workers,
    )  # fmt: skip
    paths = write(figures, out)
    typer.echo((out / "robustness.md").read_text(encoding="utf-8"))
    for path in paths:
        typer.echo(path)


@_needs_train
def evaluate_matching(
    manifest: _Manifest,
    audio_root: _Root = None,
    tracks: Annotated[int, typer.Option(min=2, help="Recordings, drawn evenly by maker.")] = 150,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 0,
    cells: Annotated[Path, typer.Option(help="Cache of landmarks.")] = _CELLS,
) -> None:
    """Measure how known tracks are matched after common alterations.

    The first run takes about eight seconds of one core per recording; landmarks are cached.
    """
    from models.evaluation.matching_grid import measure, sample

    drawn = sample(manifest, audio_root or manifest.parent, tracks, seed)
    typer.echo(measure(drawn, cells).text)


@_needs_train
def predict(
    manifest: _Manifest,
    model: Annotated[Path, typer.Option(help="Folder of the released model.")],
    out: Annotated[Path, typer.Option(help="Folder of the report.")],
    name: Annotated[str, typer.Option(help="Name of this set of files on the card.")],
    audio_root: _Root = None,
    cache: _Cache = _CACHE,
    workers: _Workers = 2,
) -> None:
    """Count the outcomes of a model for the files of a manifest, by label."""
    from models.evaluation.outcomes_report import OUTCOMES, outcome_rows, write_outcomes

    root = audio_root or manifest.parent
    report = write_outcomes(manifest, root, model, out, name=name, cache=cache, workers=workers)
    typer.echo(f"alpha {report['alpha']:.2%}")
    typer.echo("\t".join(("label", "files", *OUTCOMES, "reasons to abstain")))
    for row in outcome_rows(report["labels"]):
        typer.echo("\t".join(row))


@_needs_train
def card(
    model: Annotated[Path, typer.Argument(help="Folder of the released model.")],
    report: Annotated[
        Path, typer.Argument(help="Folder that evaluate, evaluate-tiers and robustness wrote.")
    ],
) -> None:
    """Write the measurements of a released model into its MEASURED.md."""
    from models.evaluation.card_measurements import write_measured

    typer.echo(write_measured(model, report))


@_needs_train
def lineage(
    manifest: _Manifest,
    out: Annotated[Path, typer.Option(help="Manifest to write, with the column lineage.")],
    audio_root: _Root = None,
    cache: _Cache = _CACHE,
) -> None:
    """Mark human recordings of one performance in the column lineage."""
    from models.training.lineage import write_lineage

    counts = write_lineage(manifest, audio_root or manifest.parent, out, cache)
    typer.echo(
        f"{out}: {counts['recordings']} human recordings of {counts['performances']} performances"
    )
