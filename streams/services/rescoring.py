"""Which stored observations a model is to score: those of the tracks' current decisions.

A track that the model has answered already is left out, so an interrupted run that is begun
again goes on where it ended.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final, Literal

from detector.types import OBSERVATION_VERSION, Rates
from streams.contract.records import Analysis, ModelRef
from streams.contract.records.rescoring import TrackRescoring
from streams.policy.bundle import Bundle
from streams.policy.conditions import Condition
from streams.policy.facts import Rulings
from streams.policy.territories import evaluate_territories
from streams.store import reopening, rescores
from streams.store.database import Ledger
from streams.store.reopening import CurrentDecision
from streams.store.track_facts import TrackFacts

PAGE: Final = 500
Left = Literal["answered", "not_selected", "no_observation", "other_version"]
"""Why a track is left out: the model has answered it already; ``where`` does not hold; nothing
was stored; its observation is of another build, so the track must be submitted again."""


@dataclass(frozen=True)
class Selection:
    """What is to be scored, by which model and rates; ``shadow``: for comparison only."""

    model: ModelRef
    rates: Rates
    shadow: bool = False
    since: datetime | None = None
    where: Condition | None = None


def selected(
    ledger: Ledger, bundle: Bundle, selection: Selection, now: datetime
) -> Iterator[TrackRescoring | Left]:
    """Yield a request for each track to score, in order of ids, or why it is left out.

    ``selection.where`` sees the features of the bundle's policy, with the facts as of ``now``.
    """
    track_facts = TrackFacts(ledger)
    remaining = reopening.tracks_since(ledger, selection.since)
    while page := list(islice(remaining, PAGE)):
        yield from _page(ledger, track_facts, bundle, selection, now, page)


def _page(
    ledger: Ledger,
    track_facts: TrackFacts,
    bundle: Bundle,
    selection: Selection,
    now: datetime,
    track_ids: Sequence[str],
) -> Iterator[TrackRescoring | Left]:
    decisions = reopening.current_decisions(ledger, track_ids)
    uploads = [one.event.upload_id for one in decisions.values()]
    decoded = rescores.fingerprints(ledger, uploads)
    answers = rescores.answers(ledger, uploads, selection.model.digest) if selection.shadow else {}
    answered = {
        upload_id
        for upload_id, by_model in answers.items()
        if any(_is_by(analysis, selection) for analysis in by_model.values())
    }
    rulings = track_facts.rulings(track_ids) if selection.where else {}
    for track_id in track_ids:
        current = decisions.get(track_id)
        if current is None:
            yield "no_observation"
            continue
        event = decoded.get((current.event.upload_id, current.event.content_sha256))
        if event is None:
            yield "no_observation"
        elif event.observation.version != OBSERVATION_VERSION:
            yield "other_version"
        elif current.event.upload_id in answered or _is_by(current.event.analysis, selection):
            yield "answered"
        elif selection.where is not None and not _holds(
            selection.where, current, track_facts, bundle, now, rulings.get(track_id, Rulings())
        ):
            yield "not_selected"
        else:
            replaces = None if selection.shadow else current.event.analysis.analysis_id
            request = {"model": selection.model, "replaces": replaces, "fingerprint": None}
            delivered = {"uploaded_at": current.event.uploaded_at}  # as the decision has it
            yield TrackRescoring.model_validate(dict(event) | delivered | request)


def _is_by(analysis: Analysis, selection: Selection) -> bool:
    """Return whether an analysis is the model's, by the same rates."""
    rates = (analysis.alpha, analysis.identified_alpha)
    return analysis.model.digest == selection.model.digest and rates == tuple(selection.rates)


def _holds(
    where: Condition,
    current: CurrentDecision,
    track_facts: TrackFacts,
    bundle: Bundle,
    now: datetime,
    rulings: Rulings,
) -> bool:
    facts = track_facts.facts(current.event, now, bundle.name, rulings)
    evaluation = evaluate_territories(current.event, facts, bundle)
    return where.holds(evaluation.default.values) is True
