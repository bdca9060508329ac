"""What a candidate would change, over tracks that both models have answered."""

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.contract.records import Extent, Outcome
from streams.policy.decide import decide
from streams.services.model_comparison import Comparison, compare
from streams.stages.ledger import project
from streams.store.database import Ledger
from streams.store.reopening import tracks_since
from tests.support.events import (
    MODEL,
    NEXT_MODEL,
    analysis,
    classified,
    message,
    rescored,
    verdict,
)
from tests.support.publishing_helpers import LIVE, NOW


def answered(
    track_id: str,
    old: Outcome,
    new: Outcome | None,
    extent: Extent | None = None,
    distributor: str = "Acme",
    generator: str | None = None,
) -> list[Message]:
    """The events of a track: of the model that decides, of a candidate, of a person."""
    event = classified(old, track_id=track_id, distributor=distributor, generator=generator)
    event = event.model_copy(update={"content_sha256": track_id.encode().hex().rjust(64, "0")})
    decided = decide(event, LIVE).decided
    messages = [message(topics.CLASSIFIED, event), message(topics.DECIDED, decided)]
    if new is not None:
        about = {"upload_id": event.upload_id, "content_sha256": event.content_sha256}
        answer = analysis(new, analysis_id="ana_2", model=NEXT_MODEL)
        candidate = rescored(track_id).model_copy(update=about | {"analysis": answer})
        messages.append(message(topics.RESCORED, candidate))
    if extent is not None:
        ids = {"verdict_id": f"vrd_{track_id}", "decision_id": decided.decision_id}
        about = {"track_id": track_id, "upload_id": event.upload_id} | ids
        content = {"content_sha256": event.content_sha256, "extent": extent, "components": ()}
        messages.append(message(topics.REVIEWS_DECIDED, verdict(**about | content)))
    return messages


def compared(ledger: Ledger, *tracks: list[Message]) -> Comparison:
    project(ledger, [each for messages in tracks for each in messages])
    ids = tracks_since(ledger, None)
    return compare(ledger, LIVE, MODEL.digest, NEXT_MODEL.digest, NOW, ids)


def test_flips_are_counted_by_kind_generator_and_deliverer(ledger: Ledger) -> None:
    none, sure = Outcome.NO_TRACE, Outcome.IDENTIFIED
    result = compared(
        ledger,
        answered("T-1", none, sure),
        answered("T-2", sure, none, generator="Songmaker"),
        answered("T-3", sure, none, generator="Songmaker", distributor="Other"),
        answered("T-4", none, Outcome.UNCERTAIN),
        answered("T-5", sure, sure),
        answered("T-6", sure, None),  # the candidate has not answered
    )
    assert result.tracks == 5
    assert result.flips == {"to AI": 1, "from AI": 2, "other": 1}
    assert result.outcomes["identified", "no_trace"] == 2
    assert result.by_generator["Songmaker"] == {"from AI": 2}
    assert result.by_deliverer["Acme"] == {"tracks": 4, "to AI": 1, "from AI": 1, "other": 1}
    assert result.by_deliverer["Other"] == {"tracks": 1, "from AI": 1}
    assert [one["track_id"] for one in result.changed] == ["T-1", "T-2", "T-3", "T-4"]


def test_what_the_policy_would_do_is_by_todays_facts(ledger: Ledger) -> None:
    result = compared(ledger, answered("T-1", Outcome.IDENTIFIED, Outcome.NO_TRACE))
    badge = decide(classified(), LIVE)
    assert result.reviews == {"old": int(badge.requested is not None), "new": 0}
    assert sum(result.actions.values()) > 0
    assert f"display: {badge.decided.actions.display} -> none" in result.actions


def test_verdicts_that_a_model_contradicts_are_counted_for_each(ledger: Ledger) -> None:
    none, sure = Outcome.NO_TRACE, Outcome.IDENTIFIED
    result = compared(
        ledger,
        answered("T-1", sure, none, Extent.NONE),
        answered("T-2", sure, none, Extent.ALL),
        answered("T-3", none, sure, Extent.NONE),
        answered("T-4", sure, none, Extent.UNKNOWN),
        answered("T-5", sure, Outcome.UNCERTAIN, Extent.NONE),
    )
    assert result.reviewed == 4
    assert result.contradicted["old"] == {"AI, and people say none": 2}
    assert result.contradicted["new"] == {
        "no trace, and people say AI": 1,
        "AI, and people say none": 1,
    }
    assert result.as_data()["contradicted"]["old"] == {"AI, and people say none": 2}


def test_without_answers_of_both_nothing_is_compared(ledger: Ledger) -> None:
    assert compared(ledger, answered("T-1", Outcome.NO_TRACE, None)).as_data()["tracks"] == 0
