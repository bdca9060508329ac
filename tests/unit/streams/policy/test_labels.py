from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from streams.contract.records import (
    Aigc,
    Certainty,
    Contributor,
    Declaration,
    Extent,
    Label,
    LabelSource,
    Outcome,
    Provenance,
    Tool,
    TrackClassified,
)
from streams.contract.records.reviews import AppealOutcome
from streams.policy.bundle import Agreement
from streams.policy.facts import Facts, Rulings
from streams.policy.labels import assertions_of, effective, effective_artwork, labels_of
from streams.policy.rights import NO_RIGHTS, Rights, rights_of
from tests.support.events import DECIDED_AT, agreement, appeal, classified, verdict
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


@pytest.mark.parametrize(
    ("outcome", "analysed", "extent"),
    [
        (Outcome.AI_LIKELY, Extent.ALL, Extent.ALL),
        (Outcome.AI_LIKELY, Extent.PARTLY, Extent.PARTLY),
        (Outcome.AI_LIKELY, Extent.UNKNOWN, Extent.UNKNOWN),
        (Outcome.AI_LIKELY, Extent.NONE, Extent.UNKNOWN),
        (Outcome.HUMAN_LIKELY, Extent.NONE, Extent.NONE),
        (Outcome.UNCERTAIN, Extent.UNKNOWN, Extent.UNKNOWN),
        (Outcome.NOT_ASSESSABLE, Extent.UNKNOWN, Extent.UNKNOWN),
    ],
)
def test_the_detector_suspects(outcome: Outcome, analysed: Extent, extent: Extent) -> None:
    (label,) = labels(classified(outcome, analysed, generator="clockwork"))
    assert (label.source, label.extent, label.certainty) == (
        LabelSource.DETECTOR,
        extent,
        Certainty.SUSPECTED,
    )
    assert label.generator == (None if extent is Extent.NONE else "clockwork")


@pytest.mark.parametrize(
    ("declared", "outcome", "source", "extent"),
    [
        (None, Outcome.AI_LIKELY, LabelSource.DETECTOR, Extent.ALL),
        ("None", Outcome.AI_LIKELY, LabelSource.DETECTOR, Extent.ALL),
        ("None", Outcome.UNCERTAIN, LabelSource.DETECTOR, Extent.UNKNOWN),
        ("None", Outcome.HUMAN_LIKELY, LabelSource.DETECTOR, Extent.NONE),
        ("All", Outcome.HUMAN_LIKELY, LabelSource.DECLARATION, Extent.ALL),
        ("All", Outcome.NOT_ASSESSABLE, LabelSource.DECLARATION, Extent.ALL),
        ("Partly", Outcome.AI_LIKELY, LabelSource.DECLARATION, Extent.PARTLY),
    ],
)
def test_a_declaration_of_ai_is_believed_and_one_of_none_is_not(
    declared: str | None, outcome: Outcome, source: LabelSource, extent: Extent
) -> None:
    event = classified(outcome, declared=Declaration.model_validate({"contains_ai": declared}))
    label_list = labels(event)
    assert len(label_list) == (1 if declared is None else 2)
    label = effective(label_list)
    assert (label.source, label.extent) == (source, extent)
    if source is LabelSource.DECLARATION:
        assert label.certainty is Certainty.DECLARED


def test_artwork_is_labelled_apart() -> None:
    drawn = Declaration(contains_ai="All", components=("artwork",))
    label_list = labels(classified(Outcome.HUMAN_LIKELY, declared=drawn))
    assert [label.subject for label in label_list] == ["recording", "artwork"]
    assert effective(label_list).extent is Extent.NONE

    both = Declaration(contains_ai="Partly", components=("vocals", "artwork"))
    label_list = labels(classified(Outcome.HUMAN_LIKELY, declared=both))
    assert [(label.subject, label.components) for label in label_list[1:]] == [
        ("recording", ("vocals",)),
        ("artwork", ("artwork",)),
    ]
    assert effective(label_list).extent is Extent.PARTLY


@pytest.mark.parametrize(
    ("tools", "fields", "licensed"),
    [
        ((LICENSED,), {}, True),
        ((LICENSED, LICENSED), {}, True),
        ((), {}, False),
        ((Tool(name="Melody Maker"),), {}, False),  # no agreement claimed
        ((Tool(name="Melody Maker", agreement_id="AGR-2"),), {}, False),  # unknown agreement
        ((Tool(name="Other Tool", agreement_id="AGR-1"),), {}, False),  # another's agreement
        ((LICENSED, Tool(name="Other Tool")), {}, False),  # one licence does not cover two tools
        ((LICENSED,), {"territories": ("NO",)}, True),
        ((LICENSED,), {"territories": ("NO", "SE")}, True),  # in NO; see the table for SE
        ((LICENSED,), {"territories": ("SE", "NO")}, False),
        ((LICENSED,), {"territories": ("Worldwide",)}, False),
    ],
)
def test_a_licence_counts_only_where_it_stands(
    tools: tuple[Tool, ...], fields: dict[str, Any], licensed: bool
) -> None:
    declared = Declaration(contains_ai="All", tools=tools)
    event = classified(declared=declared, **({"territories": ("DE",)} | fields))
    label = effective(labels(event))
    assert label.licensed is licensed
    assert label.agreement_id == ("AGR-1" if licensed else None)


@pytest.mark.parametrize(
    ("day", "licensed"),
    [
        ("2025-12-31T23:59:59+00:00", False),
        ("2026-01-01T00:00:00+00:00", True),
        ("2026-12-31T23:59:59+00:00", True),
        ("2027-01-01T00:00:00+00:00", False),
        ("2027-01-01T00:30:00+01:00", True),  # still 2026 in UTC
    ],
)
def test_a_licence_counts_on_the_day_of_the_upload(day: str, licensed: bool) -> None:
    event = classified(
        declared=Declaration(contains_ai="All", tools=(LICENSED,)),
        territories=("DE",),
        uploaded_at=datetime.fromisoformat(day),
    )
    assert effective(labels(event)).licensed is licensed


def test_a_licence_covers_what_the_detector_finds() -> None:
    """A tool is named but the extent is not: the licence is no less valid."""
    event = classified(declared=Declaration(tools=(LICENSED,)), territories=("DE",))
    label = effective(labels(event))
    assert (label.source, label.licensed) == (LabelSource.DETECTOR, True)


def test_human_music_needs_no_licence() -> None:
    event = classified(
        Outcome.HUMAN_LIKELY, declared=Declaration(tools=(LICENSED,)), territories=("DE",)
    )
    assert not effective(labels(event)).licensed


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


def test_precedence() -> None:
    ladder = [
        label("declaration", "None", "declared"),
        label("detector", "All", "suspected"),
        label("declaration", "Partly", "declared"),
        label("registry"),
        label("provenance"),
        label("reviewer", "None"),
        label("appeal", "None"),
    ]
    for height in range(1, len(ladder) + 1):
        assert effective(ladder[:height]) is ladder[height - 1]
        assert effective(ladder[height - 1 :: -1]) is ladder[height - 1]


def test_unconfirmed_provenance_is_a_mere_statement() -> None:
    detected = label("detector", "All", "suspected")
    assert effective([detected, label("provenance", "None", "declared")]) is detected
    stated = label("provenance", "Partly", "declared")
    assert effective([detected, stated]) is stated


def test_a_withdrawn_label_is_never_effective() -> None:
    detected = label("detector", "All", "suspected")
    assert effective([detected, label("reviewer", neg=True)]) is detected
    assert effective([label("reviewer", neg=True), detected]) is detected


def test_ids_follow_from_what_they_are_about() -> None:
    event = classified(declared=Declaration(contains_ai="All"))
    first, again = labels(event), labels(event)
    assert first == again
    assert len({one.label_id for one in first}) == 2
    other = labels_of(
        event, assertions_of(event, Facts(at=event.uploaded_at)), context=("another policy",)
    )
    assert {one.label_id for one in other}.isdisjoint({one.label_id for one in first})


def test_zones_do_not_matter() -> None:
    utc = classified(declared=Declaration(contains_ai="All", tools=(LICENSED,)))
    there = utc.model_copy(
        update={"uploaded_at": utc.uploaded_at.astimezone(timezone(timedelta(hours=9)))}
    )
    assert labels(utc) == labels(there)


# --- the file itself, the registry, people ------------------------------------------------------


@pytest.mark.parametrize(
    ("provenance", "extent", "certainty", "prevails"),
    [
        (Provenance(state="trusted", extent=Extent.ALL), Extent.ALL, Certainty.CONFIRMED, True),
        (Provenance(state="untrusted", extent=Extent.ALL), Extent.ALL, Certainty.DECLARED, True),
        (Provenance(state="trusted", extent=Extent.NONE), Extent.NONE, Certainty.DECLARED, False),
        (Provenance(aigc=Aigc(label="1")), Extent.ALL, Certainty.DECLARED, True),
        (Provenance(aigc=Aigc(label="3")), Extent.ALL, Certainty.SUSPECTED, False),
    ],
)
def test_what_a_file_says_of_itself(
    provenance: Provenance, extent: Extent, certainty: Certainty, prevails: bool
) -> None:
    event = classified(Outcome.UNCERTAIN).model_copy(update={"provenance": provenance})
    label_list = labels(event)
    assert [one.source for one in label_list] == [LabelSource.DETECTOR, LabelSource.PROVENANCE]
    assert (label_list[1].extent, label_list[1].certainty) == (extent, certainty)
    assert (effective(label_list) is label_list[1]) is prevails


@pytest.mark.parametrize("state", ["absent", "invalid"])
def test_a_changed_manifest_says_nothing(state: Any) -> None:
    answer = Provenance(state=state, extent=Extent.ALL)
    event = classified(Outcome.UNCERTAIN).model_copy(update={"provenance": answer})
    assert [one.source for one in labels(event)] == [LabelSource.DETECTOR]


def test_a_registrant_states_what_its_own_recordings_are() -> None:
    event = classified(Outcome.HUMAN_LIKELY, isrc="USRC17607839")
    own: dict[str, Any] = {"subject": {"isrcs": ["USRC17607839"]}, "extent": "All"}
    known = facts(event, agreement(**own))
    label = effective(labels_from(event, known))
    assert (label.source, label.certainty, label.extent) == (
        LabelSource.REGISTRY,
        Certainty.CONFIRMED,
        Extent.ALL,
    )
    assert (label.generator, label.origin) == ("songmaker", agreement(**own).entry_id)
    for fault in ({"verification": "unverified"}, {"valid_until": date(2026, 2, 1)}):
        known = facts(event, agreement(**own, **fault))
        assert effective(labels_from(event, known)).source is LabelSource.DETECTOR


def test_contributors_declare_as_well() -> None:
    machine = Contributor(name="Songmaker", is_generative_ai=True)
    event = classified(Outcome.UNCERTAIN, contributors=(machine,))
    assert effective(labels(event)).extent is Extent.PARTLY


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


def test_artwork_may_be_declared_by_itself() -> None:
    event = classified(Outcome.HUMAN_LIKELY, declared=Declaration(artwork_contains_ai="All"))
    label_list = labels(event)
    drawn = effective_artwork(label_list)
    assert drawn is not None
    assert drawn.extent is Extent.ALL
    assert effective(label_list).extent is Extent.NONE
    assert effective_artwork(labels(classified())) is None
