from datetime import date, datetime, timedelta, timezone

import pytest

from streams.policy.agreements import Agreement
from streams.policy.labels import effective, labels_of
from streams.records import (
    Certainty,
    Declaration,
    Extent,
    Label,
    LabelSource,
    Outcome,
    Tool,
    TrackClassified,
)
from tests.streams.events import classified

AGREEMENT = Agreement(
    id="AGR-1",
    grantee="Studio",
    generators=("Melody Maker", "Melody Maker Pro"),
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
    territories=("DE", "NO"),
)
LICENSED = Tool(name="melody maker", agreement_id="AGR-1")


def labels(event: TrackClassified) -> tuple[Label, ...]:
    return labels_of(event, [AGREEMENT], "f" * 64)


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
    found = labels(event)
    assert len(found) == (1 if declared is None else 2)
    label = effective(found)
    assert (label.source, label.extent) == (source, extent)
    if source is LabelSource.DECLARATION:
        assert label.certainty is Certainty.DECLARED


def test_artwork_is_labelled_apart() -> None:
    drawn = Declaration(contains_ai="All", components=("artwork",))
    found = labels(classified(Outcome.HUMAN_LIKELY, declared=drawn))
    assert [label.subject for label in found] == ["recording", "artwork"]
    assert effective(found).extent is Extent.NONE

    both = Declaration(contains_ai="Partly", components=("vocals", "artwork"))
    found = labels(classified(Outcome.HUMAN_LIKELY, declared=both))
    assert [(label.subject, label.components) for label in found[1:]] == [
        ("recording", ("vocals",)),
        ("artwork", ("artwork",)),
    ]
    assert effective(found).extent is Extent.PARTLY


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
        ((LICENSED,), {"territories": ("NO", "SE")}, False),
        ((LICENSED,), {"territories": ("Worldwide",)}, False),
    ],
)
def test_a_licence_counts_only_where_it_stands(
    tools: tuple[Tool, ...], fields: dict[str, object], licensed: bool
) -> None:
    declared = Declaration(contains_ai="All", tools=tools)
    event = classified(declared=declared, **{"territories": ("DE",), **fields})
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
    with pytest.raises(ValueError, match="no label"):
        effective([label("reviewer", neg=True)])


def test_ids_follow_from_what_they_are_about() -> None:
    event = classified(declared=Declaration(contains_ai="All"))
    first, again = labels(event), labels(event)
    assert first == again
    assert len({one.label_id for one in first}) == 2
    other = labels_of(event, [AGREEMENT], "e" * 64)
    assert {one.label_id for one in other}.isdisjoint({one.label_id for one in first})


def test_zones_do_not_matter() -> None:
    utc = classified(declared=Declaration(contains_ai="All", tools=(LICENSED,)))
    there = utc.model_copy(
        update={"uploaded_at": utc.uploaded_at.astimezone(timezone(timedelta(hours=9)))}
    )
    assert labels(utc) == labels(there)
