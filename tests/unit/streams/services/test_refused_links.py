"""Refusals of links: audited, and never so often that they fill the log."""

from streams.services import refused_links
from streams.services.refused_links import Refusals
from streams.services.signed_links import LinkRefused
from streams.store import audit
from streams.store.database import Ledger
from tests.support.signed_links import audited


def test_refusals_are_audited_and_do_not_fill_the_log(ledger: Ledger) -> None:
    refusals = Refusals(ledger)
    for _ in range(3):
        for reason in ("expired", "revoked"):
            refusals.note(LinkRefused(reason, "lnk_1", "dec_1"))
    assert audited(ledger, "lnk_1") == ["artist_link_refused"] * 2
    for number in range(60):
        refusals.note(LinkRefused("tampered", f"lnk_forged_{number}"))
    forged = [row for row in audit.listed(ledger, "artist", None, 200).rows
              if "forged" in row["subject"]]  # fmt: skip
    # at most two minutes began in between
    assert refused_links.FORGED_PER_MINUTE <= len(forged) <= 3 * refused_links.FORGED_PER_MINUTE
    assert audit.verify(ledger).fault is None
