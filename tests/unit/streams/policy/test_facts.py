"""Facts of people and registries as labels."""

from datetime import timedelta

from streams.contract.records import (
    Declaration,
    Extent,
    LabelSource,
)
from streams.contract.records.reviews import AppealOutcome
from streams.policy.facts import Rulings
from streams.policy.labels import effective
from tests.support.events import DECIDED_AT, appeal, classified, verdict
from tests.support.labelling import labels, labels_from
from tests.support.policies import facts


def test_a_reviewer_prevails_and_an_appeal_over_all() -> None:
    event = classified(declared=Declaration(contains_ai="All"))
    label = effective(labels(event, verdicts=(verdict(),)))
    assert (label.source, label.extent, label.components) == (
        LabelSource.REVIEWER,
        Extent.PARTLY,
        ("vocals",),
    )
    assert (label.origin, label.asserted_at) == (verdict().verdict_id, DECIDED_AT)
    won = appeal(
        sequence=1,
        state="overturned",
        outcome=AppealOutcome(extent=Extent.NONE, reasons="Stems and session were convincing."),
    )
    label = effective(labels(event, verdicts=(verdict(),), appeals=(appeal(), won)))
    assert (label.source, label.extent) == (LabelSource.APPEAL, Extent.NONE)


def test_an_undone_verdict_is_withdrawn_and_not_deleted() -> None:
    event = classified(declared=Declaration(contains_ai="None"))
    undo = verdict(
        verdict_id="vrd_undo",
        undoes=verdict().verdict_id,
        outcome="insufficient_evidence",
        extent=None,
        decided_at=DECIDED_AT + timedelta(hours=1),
    )
    for messages in ((verdict(), undo), (undo, verdict())):
        label_list = labels(event, verdicts=messages)
        (withdrawn,) = [one for one in label_list if one.neg]
        assert (withdrawn.source, withdrawn.origin) == (LabelSource.REVIEWER, verdict().verdict_id)
        assert effective(label_list).source is LabelSource.DETECTOR
    again = verdict(
        verdict_id="vrd_again",
        undoes="vrd_undo",
        outcome="escalate",
        extent=None,
        decided_at=DECIDED_AT + timedelta(hours=2),
    )
    label_list = labels(event, verdicts=(undo, again, verdict()))
    assert effective(label_list).source is LabelSource.REVIEWER  # the undo was undone
    assert not any(one.neg for one in label_list)


def test_the_latest_verdict_counts_and_second_looks_do_not() -> None:
    event = classified()
    later = verdict(
        verdict_id="vrd_later", extent=Extent.NONE, decided_at=DECIDED_AT + timedelta(hours=1)
    )
    second = verdict(
        verdict_id="vrd_second",
        extent=Extent.ALL,
        second_review_of=later.verdict_id,
        decided_at=DECIDED_AT + timedelta(hours=2),
    )
    assert effective(labels(event, verdicts=(later, second, verdict()))).extent is Extent.NONE


def test_a_verdict_is_about_what_was_heard_and_lasts_as_long_as_it_says() -> None:
    event = classified()
    other = verdict(content_sha256="a" * 64)
    assert effective(labels(event, verdicts=(other,))).source is LabelSource.DETECTOR
    again = event.model_copy(update={"upload_id": "upl_again"})  # the same content once more
    assert effective(labels(again, verdicts=(verdict(),))).source is LabelSource.REVIEWER
    pinned = verdict(pinned_until=DECIDED_AT + timedelta(days=1))
    for at, source in (
        (DECIDED_AT, LabelSource.REVIEWER),
        (DECIDED_AT + timedelta(days=1), LabelSource.DETECTOR),
    ):
        known = facts(event, rulings=Rulings(verdicts=(pinned,)), at=at)
        assert effective(labels_from(event, known)).source is source
    assert pinned.pinned_until in facts(event, rulings=Rulings(verdicts=(pinned,))).edges
