"""The published feature schema: every default and every exception is a value of its feature."""

import json

import pytest

from streams.policy.features import snapshot
from streams.policy.schema import DEFAULTS, FEATURES, Feature, Kind, Value, document

TYPES = {Kind.TEXT: str, Kind.NUMBER: float, Kind.BOOL: bool, Kind.TEXTS: tuple}


def allowed(feature: Feature, value: Value) -> bool:
    if value is None:
        return feature.missing
    if type(value) is not TYPES[feature.kind]:
        return False
    words = value if isinstance(value, tuple) else (value,)
    return not feature.values or set(words) <= set(feature.values)


@pytest.mark.parametrize("name", FEATURES)
def test_defaults_and_what_holds_of_the_detector_alone_are_values(name: str) -> None:
    feature = FEATURES[name]
    assert allowed(feature, feature.default)
    assert len(set(feature.values)) == len(feature.values)
    for value in feature.alone or ():
        assert allowed(feature, value), value


def test_the_defaults_are_a_snapshot() -> None:
    known = {name: value for name, value in DEFAULTS.items() if value is not None}
    assert snapshot(known) == DEFAULTS


def test_what_is_published_is_plain_data_about_every_feature() -> None:
    published = json.loads(json.dumps(document()))["features"]
    assert published.keys() == FEATURES.keys()
    for name, entry in published.items():
        assert entry["type"] == FEATURES[name].kind
        assert tuple(entry.get("values", ())) == FEATURES[name].values
        assert entry["may_be_missing"] is FEATURES[name].missing
        assert entry["meaning"]
