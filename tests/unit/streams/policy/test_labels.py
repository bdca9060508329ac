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
    Mark,
    MarkKind,
    MarkStrength,
    Outcome,
    Provenance,
)
from streams.policy.facts import Facts
from streams.policy.labels import assertions_of, effective, effective_artwork, labels_of
from streams.policy.territories import evaluate_territories
from tests.support.events import agreement, classified
from tests.support.labelling import LICENSED, label, labels, labels_from
from tests.support.policies import bundle, facts, rule
from tests.support.policy_table import generator


@pytest.mark.parametrize(
    ("outcome", "analysed", "extent"),
    [
        (Outcome.IDENTIFIED, Extent.ALL, Extent.ALL),
        (Outcome.IDENTIFIED, Extent.PARTLY, Extent.PARTLY),
        (Outcome.IDENTIFIED, Extent.UNKNOWN, Extent.UNKNOWN),
        (Outcome.IDENTIFIED, Extent.NONE, Extent.UNKNOWN),
        (Outcome.SUSPECTED, Extent.PARTLY, Extent.PARTLY),
        (Outcome.NO_TRACE, Extent.UNKNOWN, Extent.UNKNOWN),
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
    assert label.generator == "clockwork"
    assert label.tier == (outcome.value if outcome.finds_ai else None)


@pytest.mark.parametrize(
    ("declared", "outcome", "source", "extent"),
    [
        (None, Outcome.IDENTIFIED, LabelSource.DETECTOR, Extent.ALL),
        ("None", Outcome.IDENTIFIED, LabelSource.DETECTOR, Extent.ALL),
        ("None", Outcome.UNCERTAIN, LabelSource.DETECTOR, Extent.UNKNOWN),
        ("None", Outcome.SUSPECTED, LabelSource.DETECTOR, Extent.ALL),
        ("None", Outcome.NO_TRACE, LabelSource.DECLARATION, Extent.NONE),
        ("All", Outcome.NO_TRACE, LabelSource.DECLARATION, Extent.ALL),
        ("All", Outcome.NOT_ASSESSABLE, LabelSource.DECLARATION, Extent.ALL),
        ("Partly", Outcome.IDENTIFIED, LabelSource.DECLARATION, Extent.PARTLY),
    ],
)
def test_a_declaration_of_ai_is_believed_and_one_of_none_is_not(
    declared: str | None, outcome: Outcome, source: LabelSource, extent: Extent
) -> None:
    event = classified(outcome, declared=Declaration.model_validate({"contains_ai": declared}))
    label_list = labels(event)
    silent = (declared, outcome) == ("None", Outcome.NO_TRACE)
    assert len(label_list) == (1 if declared is None or silent else 2)
    label = effective(label_list)
    assert (label.source, label.extent) == (source, extent)
    if source is LabelSource.DECLARATION:
        assert label.certainty is Certainty.DECLARED


def test_artwork_is_labelled_apart() -> None:
    drawn = Declaration(contains_ai="All", components=("artwork",))
    label_list = labels(classified(Outcome.NO_TRACE, declared=drawn))
    assert [label.subject for label in label_list] == ["recording", "artwork"]
    assert effective(label_list).extent is Extent.UNKNOWN

    both = Declaration(contains_ai="Partly", components=("vocals", "artwork"))
    label_list = labels(classified(Outcome.NO_TRACE, declared=both))
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


@pytest.mark.parametrize(
    ("state", "extent"),
    [("absent", Extent.ALL), ("invalid", Extent.NONE), ("invalid", Extent.UNKNOWN)],
)
def test_a_changed_manifest_is_never_a_sign_of_no_ai(state: Any, extent: Extent) -> None:
    answer = Provenance(state=state, extent=extent)
    event = classified(Outcome.UNCERTAIN).model_copy(update={"provenance": answer})
    assert [one.source for one in labels(event)] == [LabelSource.DETECTOR]


@pytest.mark.parametrize("extent", [Extent.ALL, Extent.PARTLY])
def test_what_a_changed_manifest_asserted_stays_declared(extent: Extent) -> None:
    signed = mark(kind="c2pa", intact=False)
    answer = Provenance(state="invalid", extent=extent, marks=(signed,))
    event = classified(Outcome.NO_TRACE).model_copy(update={"provenance": answer})
    label = effective(labels(event))
    assert (label.source, label.certainty) == (LabelSource.PROVENANCE, Certainty.DECLARED)
    assert (label.extent, label.origin, label.mark) == (extent, "c2pa", signed)


def mark(generator: str = "Suno", kind: MarkKind = "tag", **rest: Any) -> Mark:
    return Mark.model_validate(
        {"generator": generator, "kind": kind, "strength": "strong", "place": "comment", **rest}
    )


@pytest.mark.parametrize("kind", ["tag", "graph", "c2pa"])
@pytest.mark.parametrize("outcome", [Outcome.NO_TRACE, Outcome.UNCERTAIN, Outcome.IDENTIFIED])
def test_a_mark_declares_and_names_generator_and_song(kind: MarkKind, outcome: Outcome) -> None:
    left = mark(kind=kind, song_id="s-1")
    event = classified(outcome).model_copy(update={"provenance": Provenance(marks=(left,))})
    label = effective(labels(event))
    assert (label.source, label.certainty) == (LabelSource.PROVENANCE, Certainty.DECLARED)
    assert (label.extent, label.generator) == (Extent.ALL, "Suno")
    assert (label.origin, label.mark) == ("mark", left)


def test_a_mark_goes_with_the_label_of_its_manifest_or_tag() -> None:
    signed, tagged = mark("Lyria", "c2pa"), mark("Mureka", "aigc", song_id="p-1")
    answer = Provenance(
        state="trusted",
        extent=Extent.ALL,
        aigc=Aigc(label="1", producer="Mureka"),
        marks=(signed, tagged),
    )
    event = classified(Outcome.UNCERTAIN).model_copy(update={"provenance": answer})
    from_file = [one for one in labels(event) if one.source is LabelSource.PROVENANCE]
    assert [(one.origin, one.generator, one.mark) for one in from_file] == [
        ("c2pa", "Lyria", signed),
        ("aigc", "Mureka", tagged),
    ]
    assert effective(from_file).certainty is Certainty.CONFIRMED


def test_a_mark_contradicts_a_declaration_of_none_alone() -> None:
    left = Provenance(marks=(mark(),))
    guess = Provenance(aigc=Aigc(label="3"))
    for declared, provenance, contradicts in (
        ("None", left, True),
        ("Partly", left, False),
        ("All", left, False),
        (None, left, False),
        ("None", guess, False),
        ("None", None, False),
    ):
        delivered = Declaration.model_validate({"contains_ai": declared})
        event = classified(Outcome.NO_TRACE, declared=delivered)
        event = event.model_copy(update={"provenance": provenance})
        (scoped,) = evaluate_territories(event, facts(event), bundle(rule())).everywhere
        assert scoped.values["declared.mismatch"] is contradicts
        assert scoped.values["provenance.mark"] == ("suno" if provenance is left else None)


@pytest.mark.parametrize("strength", ["strong", "weak"])
def test_a_watermark_declares_where_its_detector_is_reliable(strength: MarkStrength) -> None:
    left = mark("Tonemaker", "watermark", strength=strength, confidence=0.99)
    delivered = Declaration.model_validate({"contains_ai": "None"})
    event = classified(Outcome.NO_TRACE, declared=delivered)
    event = event.model_copy(update={"provenance": Provenance(marks=(left,))})
    (stated,) = [one for one in labels(event) if one.source is LabelSource.PROVENANCE]
    assert (stated.extent, stated.generator) == (Extent.ALL, "Tonemaker")
    declares = strength == "strong"
    assert stated.certainty is (Certainty.DECLARED if declares else Certainty.SUSPECTED)
    assert (effective(labels(event)) == stated) is declares
    (scoped,) = evaluate_territories(event, facts(event), bundle(rule())).everywhere
    assert scoped.values["declared.mismatch"] is declares
    assert scoped.values["provenance.mark"] is None
    assert scoped.values["provenance.watermark"] == "tonemaker"


def test_a_watermark_that_may_be_none_names_no_generator_for_licences() -> None:
    for strength, status in (("strong", "unlicensed"), ("weak", "none")):
        left = mark("Songmaker", "watermark", strength=strength)
        event = classified(Outcome.UNCERTAIN).model_copy(
            update={"provenance": Provenance(marks=(left,))}
        )
        known = facts(event, generator("unlicensed"))
        (scoped,) = evaluate_territories(event, known, bundle(rule())).everywhere
        assert scoped.values["rights.generator_status"] == status


def test_a_mark_in_the_file_has_a_label_beside_that_of_a_watermark() -> None:
    left = mark("Tonemaker", "watermark"), mark()
    event = classified(Outcome.UNCERTAIN).model_copy(update={"provenance": Provenance(marks=left)})
    from_file = [one.origin for one in labels(event) if one.source is LabelSource.PROVENANCE]
    assert from_file == ["mark", "watermark"]


def test_a_mark_names_the_generator_for_licences_and_grants_none() -> None:
    for status in ("licensed", "unlicensed"):
        event = classified(Outcome.UNCERTAIN).model_copy(
            update={"provenance": Provenance(marks=(mark("Songmaker"),))}
        )
        known = facts(event, generator(status))
        (scoped,) = evaluate_territories(event, known, bundle(rule())).everywhere
        assert scoped.values["label.generator"] == "songmaker"
        assert scoped.values["rights.generator_status"] == status
        assert scoped.values["label.licensed"] is False


def test_a_registrant_states_what_its_own_recordings_are() -> None:
    event = classified(Outcome.NO_TRACE, isrc="USRC17607839")
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
    event = classified(Outcome.NO_TRACE, declared=Declaration(artwork_contains_ai="All"))
    label_list = labels(event)
    drawn = effective_artwork(label_list)
    assert drawn is not None
    assert drawn.extent is Extent.ALL
    assert effective(label_list).extent is Extent.UNKNOWN
    assert effective_artwork(labels(classified())) is None


def test_a_tag_that_only_suspects_is_a_score_and_no_statement() -> None:
    tag = Provenance(aigc=Aigc(label="3", producer="Another Platform"))
    event = classified(Outcome.NO_TRACE).model_copy(update={"provenance": tag})
    labels = labels_of(event, assertions_of(event, facts(event)))
    (tagged,) = [one for one in labels if one.source is LabelSource.PROVENANCE]
    assert tagged.certainty is Certainty.SUSPECTED
    assert effective(labels).source is LabelSource.DETECTOR
    (scoped,) = evaluate_territories(event, facts(event), bundle(rule())).everywhere
    assert scoped.values["signals.independent"] == 0.0
