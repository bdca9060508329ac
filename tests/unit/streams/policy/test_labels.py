"""Labels from declarations, detector and provenance, and which one prevails."""

from datetime import date, timedelta, timezone
from typing import Any

import pytest

from streams.contract.records import (
    Aigc,
    Certainty,
    Contributor,
    Declaration,
    Extent,
    LabelSource,
    Outcome,
    Provenance,
)
from streams.policy.facts import Facts
from streams.policy.labels import assertions_of, effective, effective_artwork, labels_of
from streams.policy.territories import evaluate_territories
from tests.support.events import agreement, classified
from tests.support.labelling import LICENSED, label, labels, labels_from
from tests.support.policies import bundle, facts, rule


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


def test_artwork_may_be_declared_by_itself() -> None:
    event = classified(Outcome.HUMAN_LIKELY, declared=Declaration(artwork_contains_ai="All"))
    label_list = labels(event)
    drawn = effective_artwork(label_list)
    assert drawn is not None
    assert drawn.extent is Extent.ALL
    assert effective(label_list).extent is Extent.NONE
    assert effective_artwork(labels(classified())) is None


def test_a_tag_that_only_suspects_is_a_score_and_no_statement() -> None:
    tag = Provenance(aigc=Aigc(label="3", producer="Another Platform"))
    event = classified(Outcome.HUMAN_LIKELY).model_copy(update={"provenance": tag})
    labels = labels_of(event, assertions_of(event, facts(event)))
    (tagged,) = [one for one in labels if one.source is LabelSource.PROVENANCE]
    assert tagged.certainty is Certainty.SUSPECTED
    assert effective(labels).source is LabelSource.DETECTOR
    (scoped,) = evaluate_territories(event, facts(event), bundle(rule())).everywhere
    assert scoped.values["signals.independent"] == 0.0
