"""``python -m tests.bench``: one command for each question about cost."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from tests.bench.table import Report

app = typer.Typer(no_args_is_help=True, help="What Earmark costs, beside a peer or a limit.")

FOLDER: Final = Path(".earmark/bench")
TRACK_S: Final = 180.0

FORMATS: Final = (".mp3", ".flac", ".m4a", ".opus")

_Audio = Annotated[
    Path | None, typer.Option(help="A file to measure on; none: a self-made MP3 of 180 s.")
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")]
_Rounds = Annotated[int, typer.Option(min=1, help="Turns of each.")]


@app.command()
def decode(audio: _Audio = None, rounds: _Rounds = 5, json: _Json = False) -> None:
    """Our decoding beside ffmpeg, soundfile and torchaudio, if installed."""
    from tests.bench.decode import bench_decode

    files = [audio] if audio else [_track(suffix) for suffix in FORMATS]
    _say(bench_decode(files, rounds), json)


@app.command()
def peers(audio: _Audio = None, rounds: _Rounds = 5, json: _Json = False) -> None:
    """A track beside fpcalc, ffmpeg, librosa, torchaudio, if installed."""
    from tests.bench.peers import bench_peers

    _say(bench_peers(audio or _track(".mp3"), rounds), json)


@app.command()
def stages(audio: _Audio = None, rounds: _Rounds = 5, json: _Json = False) -> None:
    """Where the CPU of one track goes, against decoding it to nothing."""
    from detector.assessment.model import Model
    from streams.runtime.settings import Settings
    from tests.bench.stages import bench_stages

    settings = Settings.from_env()
    model = Model.load(settings.model)
    _say(bench_stages(audio or _track(".mp3"), model, settings.rates, rounds), json)


@app.command()
def score(audio: _Audio = None, rounds: _Rounds = 5, json: _Json = False) -> None:
    """Stored observations answered per second, by batch and device."""
    from detector.assessment.model import Model
    from detector.observation.listen import listen
    from streams.runtime.settings import Settings
    from tests.bench.score import bench_score

    settings = Settings.from_env()
    decoded = listen(audio or _track(".mp3"), max_duration_s=settings.decode_max_duration_s)
    report = bench_score(
        [decoded.observation],
        lambda device: Model.load(settings.model, device),
        settings.rates,
        rounds,
    )
    _say(report, json)


@app.command()
def rescore(
    tracks: Annotated[int, typer.Option(min=100, help="Stored tracks.")] = 100_000,
    seconds: Annotated[float, typer.Option(min=13, help="Length of each.")] = TRACK_S,
    workers: Annotated[int, typer.Option(min=1, help="Processes that score.")] = 2,
    kill_s: Annotated[
        float, typer.Option(min=0, help="Kill a worker this often; 0: never.")
    ] = 60.0,
    brokers: Annotated[
        str | None, typer.Option(help="An empty Kafka; none: an embedded broker.")
    ] = None,
    json: _Json = False,
) -> None:
    """Stored observations scored again through Kafka, workers killed."""
    from streams.runtime import logs
    from tests.bench.rescore import bench_rescore

    logs.configure("error")
    _say(bench_rescore(tracks, seconds, workers, kill_s, brokers), json)


@app.command()
def chain(
    tracks: Annotated[int, typer.Option(min=2, help="Tracks at once.")] = 60,
    paced: Annotated[int, typer.Option(min=2, help="Tracks at each load.")] = 40,
    brokers: Annotated[str | None, typer.Option(help="Kafka; none: an embedded broker.")] = None,
    json: _Json = False,
) -> None:
    """The whole pipeline: tracks a second, CPU by process, waits by load."""
    from tests.bench.chain import bench_chain

    with _copies(TRACK_S) as files:
        _say(bench_chain(files, FOLDER, tracks, paced, brokers), json)


@app.command()
def scale(
    tracks: Annotated[int, typer.Option(min=2, help="Tracks at once, in each shape.")] = 20,
    json: _Json = False,
) -> None:
    """One to four workers, one to twelve partitions: tracks a second."""
    from tests.bench.scale import bench_scale

    with _copies(TRACK_S) as files:
        _say(bench_scale(files, FOLDER, tracks), json)


@app.command()
def linear(
    tracks: Annotated[int, typer.Option(min=2, help="Tracks, then ten times as many.")] = 100,
    seconds: Annotated[float, typer.Option(min=5, help="Length of each.")] = 8.0,
    json: _Json = False,
) -> None:
    """Whether ten times the tracks cost ten times the CPU."""
    from tests.bench.scale import bench_linear

    with _copies(seconds) as files:
        _say(bench_linear(files, FOLDER, tracks, seconds), json)


@app.command()
def lane(
    tracks: Annotated[int, typer.Option(min=2, help="New uploads, alone and beside it.")] = 40,
    every_s: Annotated[float, typer.Option(min=0.1, help="Seconds between two of them.")] = 4.0,
    at_once: Annotated[int, typer.Option(min=1, help="Of the rescan, under way at once.")] = 1,
    brokers: Annotated[str | None, typer.Option(help="Kafka; none: an embedded broker.")] = None,
    json: _Json = False,
) -> None:
    """Time from upload to decision, alone and while a rescan runs."""
    import tempfile

    from streams.runtime import logs
    from tests.bench.files import copies
    from tests.bench.lane import bench_lane

    logs.configure("error")
    track = _track(".mp3")
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        files = copies(track, Path(folder))
        _say(bench_lane(files, FOLDER, tracks, every_s, at_once, brokers), json)


@app.command()
def policy(
    events: Annotated[int, typer.Option(min=10, help="Decisions of a turn.")] = 500,
    rounds: _Rounds = 5,
    json: _Json = False,
) -> None:
    """Decisions a second on one core: configured policy, fifty rules."""
    from streams.runtime.settings import Settings
    from tests.bench.policy import bench_policy

    _say(bench_policy(Settings.from_env().policy, events, rounds), json)


@app.command()
def ledger(
    tracks: Annotated[int, typer.Option(min=10, help="Written, then ten times more.")] = 2_000,
    json: _Json = False,
) -> None:
    """Decisions written a second (SQLite), empty ledger and full ledger."""
    import tempfile

    from streams.runtime.settings import Settings
    from tests.bench.ledger import bench_ledger

    with tempfile.TemporaryDirectory() as folder:
        _say(bench_ledger(Path(folder), Settings.from_env().policy, tracks), json)


@app.command()
def startup(rounds: _Rounds = 3, json: _Json = False) -> None:
    """Cost of starting each process; time until ``earmark up`` decides."""
    import tempfile

    from tests.bench.startup import bench_startup

    with tempfile.TemporaryDirectory() as folder:
        _say(bench_startup(_track(".mp3").resolve(), Path(folder), rounds), json)


@app.command()
def index(
    tracks: Annotated[list[int], typer.Option(min=100, help="Sizes; several.")] = [10_000],  # noqa: B006
    searches: Annotated[int, typer.Option(min=10, help="Of each kind.")] = 100,
    folder: Annotated[
        Path | None, typer.Option(help="Leave the index there; one that is there grows.")
    ] = None,
    json: _Json = False,
) -> None:
    """An index of known tracks: build, memory, disk, search times, recall."""
    import tempfile

    from streams.runtime import logs
    from tests.bench.index import bench_index

    logs.configure("error")
    with tempfile.TemporaryDirectory() as temporary:
        at = (folder or Path(temporary)).resolve()
        for size in sorted(tracks):
            _say(bench_index(at, size, searches), json)


@contextmanager
def _copies(seconds: float) -> Iterator[Iterator[Path]]:
    """Yield an endless supply of tracks of one length, each of other content."""
    import tempfile

    from streams.runtime import logs
    from tests.bench.files import copies

    logs.configure("error")
    track = _track(".mp3", seconds)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        yield copies(track, Path(folder))


def _track(suffix: str, seconds: float = TRACK_S) -> Path:
    """Return the self-made track in one format; made once, kept in the state folder."""
    from tests.support.audio import write_track

    path = FOLDER / f"track-{seconds:.0f}s{suffix}"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"new{suffix}")
        write_track(beside, seconds)
        beside.replace(path)
    return path


def _say(report: "Report", json: bool) -> None:
    import orjson
    from rich.console import Console

    if json:
        sys.stdout.write(orjson.dumps(report.data()).decode() + "\n")
    else:
        report.show(Console())
