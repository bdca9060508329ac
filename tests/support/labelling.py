"""Helpers of the tests beside test_labels.py."""

from datetime import date
from typing import Any

from streams.contract.records import (
    Label,
    Tool,
    TrackClassified,
)
from streams.policy.bundle import Agreement
from streams.policy.facts import Facts, Rulings
from streams.policy.labels import assertions_of, labels_of
from streams.policy.rights import NO_RIGHTS, Rights, rights_of
from tests.support.policies import facts

AGREEMENT = Agreement(
    id="AGR-1",
    grantee="Studio",
    generators=("Melody Maker", "Melody Maker Pro"),
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
    territories=("DE", "NO"),
)


LICENSED = Tool(name="melody maker", agreement_id="AGR-1")


def labels_from(
    event: TrackClassified, known: Facts, rights: Rights = NO_RIGHTS, context: tuple[str, ...] = ()
) -> tuple[Label, ...]:
    return labels_of(event, assertions_of(event, known), rights, context)


def labels(event: TrackClassified, **answer: Any) -> tuple[Label, ...]:
    """Labels of a track where AGREEMENT stands, in one of its territories."""
    known = facts(event, AGREEMENT.entry(), rulings=Rulings(**answer))
    territory = event.upload.territories[0]
    return labels_from(event, known, rights_of(event, known.entries, territory, known.at))


def label(source: str, extent: str = "All", certainty: str = "confirmed", **more: object) -> Label:
    return Label.model_validate(
        {
            "label_id": f"lbl_{source}",
            "source": source,
            "extent": extent,
            "certainty": certainty,
            **more,
        }
    )
