"""``earmark calibrate``: a candidate calibration from what people ruled."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import HERE, StateOption, echo, ledger_of, settings_of

app = typer.Typer()


@app.command()
def calibrate(
    from_reviews: Annotated[
        Path, typer.Option("--from-reviews", help="Folder of the candidate to write.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare, and write nothing.")] = False,
    state: StateOption = HERE,
) -> None:
    """Calibrate the model in service by what people ruled."""
    from detector.assessment.model import Model
    from detector.errors import BadInput
    from models import recalibration
    from streams.media.artefacts import ArtefactStore
    from streams.services import accuracy, review_nulls

    settings, ledger = settings_of(state), ledger_of(state)
    if from_reviews.exists() and not dry_run:
        raise BadInput("exists", f"{from_reviews} is there already; nothing is overwritten")
    model, rates = Model.load(settings.model), settings.rates
    measured = accuracy.measure(ledger, model.digest, rates)
    shares = review_nulls.shares_of(measured)
    store = ArtefactStore.open(settings.store)
    tracks, lacking = review_nulls.ruled_observations(ledger, store, measured.ruled, shares)
    if lacking:
        echo(f"left out: {lacking} tracks whose observation is missing or altered")
    made = recalibration.recalibrated(
        model,
        [recalibration.Ruled(one.observation, one.ruling.is_ai, one.share) for one in tracks],
        [
            recalibration.Stored(one.compared_with, one.outcome, one.score)
            for one in measured.answers
            if one.score is not None
        ],
        rates,
    )
    echo(made.report())
    if dry_run:
        echo("dry run: nothing was written")
        return
    digest = recalibration.write_candidate(made, settings.model, from_reviews)
    echo(f"{from_reviews}: sha256 {digest}")
