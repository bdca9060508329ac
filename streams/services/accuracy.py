"""How often the model in service errs against people and how much AI it finds: all estimates."""

from collections.abc import Iterator
from dataclasses import dataclass

from detector.types import Rates
from streams.services.estimates import (
    Estimate,
    recall_by_marks,
    recall_by_sample,
    released_before,
    reviewed,
)
from streams.services.ruled_tracks import Answer, Ruling, answers_of, names_of, ruled_tracks
from streams.store import rulings
from streams.store.database import Ledger
from streams.store.rulings import Service
from streams.store.stored_records import fields_of


@dataclass(frozen=True)
class Accuracy:
    """All estimates of one service, with the answers and rulings behind them."""

    false_positives: list[Estimate]
    recall: list[Estimate]
    answers: list[Answer]
    ruled: list[Ruling]


def measure(ledger: Ledger, model_digest: str, rates: Rates) -> Accuracy:
    """Return the estimates of a model at the rates that are set."""
    service = Service(model_digest, rates.suspected)
    with ledger.reading() as connection:
        answers = answers_of(rulings.newest_answers(connection, service))
        ruled = ruled_tracks(connection, service)
        uploads = {one.upload_id for one in answers}
        marked = rulings.marks(connection, uploads)
        old = rulings.old_releases(connection, uploads)
    artists = {upload_id: names_of(fields_of(text)["upload"])[0] for upload_id, text in old.items()}
    return Accuracy(
        [
            *reviewed("kind", answers, ruled),
            *released_before(answers, ruled, artists),
            *reviewed("generator", answers, ruled),
        ],
        [*recall_by_sample(answers, ruled), *recall_by_marks(answers, marked)],
        answers,
        ruled,
    )


def table(accuracy: Accuracy, rates: Rates) -> Iterator[str]:
    """Yield the estimates as lines for people; a rate that is surely not kept is named."""
    accepted = {"identified": rates.identified, "suspected": rates.suspected}
    yield _row("false positives of people's tracks", "tier", "by", "cases", "share")
    for estimate in accuracy.false_positives:
        rate = accepted[estimate.tier]
        exceeds = estimate.by == "kind" and estimate.exceeds(rate)
        remark = f"  NOT KEPT: {rate:.2%} is accepted" if exceeds else ""
        yield _line(estimate) + remark
    yield _row("recall", "", "by", "cases", "share")
    yield from map(_line, accuracy.recall)


def _line(estimate: Estimate) -> str:
    share = "too few"
    if estimate.share is not None:
        share = f"{estimate.share:.2%} ({estimate.low:.2%} to {estimate.high:.2%})"
    cases = str(estimate.cases)
    return _row(estimate.of, estimate.tier, estimate.evidence, cases, share)


def _row(of: str, tier: str, evidence: str, cases: str, share: str) -> str:
    return f"{of:36}{tier:12}{evidence:14}{cases:>6}  {share}"
