"""Helpers of the tests beside test_reviews.py."""

from typing import Any

import sqlalchemy

from streams.contract.records import Extent
from streams.contract.records.reviews import AppealChanged, Appellant
from streams.services import appeals
from streams.services.reviews import Form
from streams.store.account_tables import OUTBOX
from streams.store.database import Ledger

WHY = ("R-HUMAN-PERFORMANCE",)


def form(extent: Extent | None = Extent.NONE, **more: Any) -> Form:
    outcome = "reject_flag" if extent is Extent.NONE else "confirm"
    return Form(
        **{"form_id": "f", "outcome": outcome, "reason_codes": WHY, "extent": extent} | more
    )


def outbox(ledger: Ledger, topic: str) -> list[bytes]:
    question = sqlalchemy.select(OUTBOX.c.value).where(OUTBOX.c.topic == topic)
    with ledger.reading() as connection:
        return [bytes(one) for one in connection.scalars(question.order_by(OUTBOX.c.sequence))]


def appealed(ledger: Ledger, decision_id: str, name: str = "artist-7") -> AppealChanged:
    return appeals.receive(
        ledger,
        decision_id,
        appellant=Appellant(type="artist", id=name),
        grounds="not_ai",
        statement="I played it.",
        by="key_1",
    )
