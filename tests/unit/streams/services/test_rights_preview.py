"""What a change of the registry would change, on both databases; and that nothing is stored."""

from datetime import UTC, datetime, timedelta

from streams.services import rights_choices, rights_preview, rightsholders
from streams.services.rights_choices import Choice
from streams.services.rights_preview import Preview
from streams.store import queries
from streams.store.database import Ledger
from tests.support.rightsholders import ISRC, choice, imitation, put
from tests.support.stories import POLICY, tell

NOW = datetime.now(UTC)


def would(ledger: Ledger, chosen: Choice) -> Preview:
    holder = put(ledger)
    changes = rights_choices.changes_of(chosen, holder, {}, by="test", at=NOW)
    with ledger.reading() as connection:
        theirs, _ = rightsholders.holdings(connection, holder)
    return rights_preview.preview(ledger, POLICY, changes, theirs.recording, NOW)


def test_a_consent_would_release_what_waits_for_it(ledger: Ledger) -> None:
    imitation(ledger, "T-V", isrc=ISRC)
    imitation(ledger, "T-W")
    tell(ledger, "T-1")
    before = queries.counts(ledger)
    seen = would(ledger, choice("grant"))
    assert (seen.tracks, seen.examined, seen.different) == (2, 2, 2)
    assert {(one.dimension, one.before, one.after, one.tracks) for one in seen.flips} == {
        ("monetisation", "hold", "allow", 2),
        ("profile", "await_approval", "attach", 2),
    }
    assert (seen.own, seen.track_ids) == ((ISRC,), ("T-V", "T-W"))
    later = (NOW + timedelta(days=30)).date().isoformat()
    assert would(ledger, choice("grant", valid_from=later)).different == 2, "as of its first day"
    assert queries.counts(ledger) == before


def test_a_refusal_differs_and_a_condition_is_no_consent(ledger: Ledger) -> None:
    imitation(ledger)
    refused = would(ledger, choice())
    assert refused.tracks == 1
    assert {one.dimension for one in refused.flips} >= {"availability"}
    assert would(ledger, choice("condition", condition="Ask me.")).different == 0
    elsewhere = would(ledger, choice("grant", territories="NO"))
    assert {one.territories for one in elsewhere.flips} == {("NO",)}
    nothing = would(ledger, choice(kind="recording", name=ISRC, uses=["cover"]))
    assert nothing == Preview(tracks=0, examined=0, different=0, to_review=0)
