"""Each vocabulary of others as a table."""

from typing import Any, get_args

import pytest

from streams.contract.records import (
    Certainty,
    Component,
    Label,
)
from streams.policy import mappings
from streams.policy.mappings import extent_of_source_types, mappings_of


def label(extent: str, certainty: str = "declared", **more: Any) -> Label:
    known = {"label_id": "lbl_1", "source": "declaration", "extent": extent, "certainty": certainty}
    return Label.model_validate(known | more)


@pytest.mark.parametrize(
    ("extent", "ddex", "iptc", "icon"),
    [
        ("All", "All", "trainedAlgorithmicMedia", "fully_ai"),
        ("Partly", "Partly", "compositeWithTrainedAlgorithmicMedia", "partially_ai"),
        ("None", "None", None, None),
        ("Unknown", None, None, None),  # never passed on as None
    ],
)
def test_extents(extent: str, ddex: str | None, iptc: str | None, icon: str | None) -> None:
    mapped = mappings_of(label(extent))
    assert mapped.ddex_contains_ai == ddex
    assert mapped.iptc_digital_source_type == (iptc and f"{mappings.IPTC}{iptc}")
    assert mapped.eu_icon == icon
    assert mappings_of(label(extent), voice=True).eu_icon == (icon and "deepfake")


@pytest.mark.parametrize(
    ("certainty", "source", "origin", "code"),
    [
        ("confirmed", "provenance", "c2pa", "1"),
        ("confirmed", "reviewer", "vrd_1", "1"),
        ("declared", "declaration", None, "2"),
        ("declared", "provenance", "c2pa", "2"),
        ("declared", "provenance", "aigc", "1"),  # found in the metadata: 1 by the platform
        ("suspected", "detector", None, "3"),
    ],
)
def test_codes_of_gb_45438(certainty: str, source: str, origin: str | None, code: str) -> None:
    entry = label("All", certainty, source=source, origin=origin, generator="Songmaker")
    assert mappings_of(entry).gb45438 == code
    assert mappings_of(label("None", certainty)).gb45438 is None


@pytest.mark.parametrize(
    ("extent", "components", "artwork", "tags"),
    [
        ("All", (), None, ("track",)),
        ("Partly", ("vocals",), None, ("track",)),
        ("Partly", ("lyrics",), None, ("composition",)),
        ("Partly", ("vocals", "composition"), None, ("track", "composition")),
        ("None", (), "All", ("artwork",)),
        ("All", (), "Partly", ("artwork", "track")),
        ("None", (), "None", ()),
        ("Unknown", (), None, ()),
    ],
)
def test_transparency_tags(
    extent: str, components: tuple[str, ...], artwork: str | None, tags: tuple[str, ...]
) -> None:
    drawn = None if artwork is None else label(artwork, subject="artwork")
    assert mappings_of(label(extent, components=components), drawn).apple_tags == tags


def test_every_word_of_ours_has_its_place_in_every_table() -> None:
    components = set(get_args(Component))
    assert set(mappings.APPLE_OF_COMPONENT) == set(mappings.DDEX_ROLE) == components
    assert set(mappings.GB_OF_CERTAINTY) == set(Certainty)


@pytest.mark.parametrize(
    ("types", "inside", "extent"),
    [
        (("trainedAlgorithmicMedia",), (), "All"),
        (("trainedAlgorithmicMedia",), ("trainedAlgorithmicMedia",), "All"),
        (("trainedAlgorithmicMedia",), ("digitalCapture",), "Partly"),
        (("digitalCapture", "trainedAlgorithmicMedia"), (), "Partly"),
        (("compositeSynthetic",), (), "Partly"),
        (("humanEdits",), ("trainedAlgorithmicMedia",), "Partly"),
        (("digitalCapture", "humanEdits"), (), "None"),
        (("algorithmicMedia",), (), "Unknown"),
        (("somethingNew",), (), "Unknown"),
        ((), (), "Unknown"),
    ],
)
def test_source_types(types: tuple[str, ...], inside: tuple[str, ...], extent: str) -> None:
    uris = tuple(f"{mappings.IPTC}{one}" for one in types)
    assert extent_of_source_types(uris, inside) == extent
