"""Which changes of a policy take two people."""

from typing import Any

import pytest

from streams.policy.bundle import Bundle
from streams.policy.changes import changes, needs_two
from tests.support.policies import HUMAN, bundle, rule
from tests.support.publishing_helpers import OUT


@pytest.mark.parametrize(
    ("old", "new", "restrictive"),
    [
        ([rule()], [rule(), rule("two", **OUT)], True),
        ([rule()], [rule(), rule("two", mode="shadow", **OUT)], False),
        ([rule()], [rule(), rule("two", actions={"display": "ai_badge"})], False),
        ([rule(), rule("two", **OUT)], [rule()], False),
        ([rule(), rule("two", lifts=["recommendation"])], [rule()], True),
        ([rule(mode="shadow", **OUT)], [rule(mode="canary 5%", **OUT)], True),
        ([rule(mode="canary 5%", **OUT)], [rule(mode="canary 50%", **OUT)], True),
        ([rule(**OUT)], [rule(mode="canary 5%", **OUT)], False),
        ([rule(**OUT)], [rule(public="Said better.", **OUT)], False),
        ([rule(**OUT)], [rule(when='label.extent != "None"', **OUT)], True),
        ([rule(**OUT)], [rule(despite_licence=True, **OUT)], True),
        ([rule(**OUT)], [rule(territories=["DE"], **OUT)], False),
        ([rule(territories=["DE"], **OUT)], [rule(territories=["DE", "FR"], **OUT)], True),
        ([rule(territories=["DE"], **OUT)], [rule(**OUT)], True),
        ([rule(**OUT)], [rule(territories=["Worldwide"], **OUT)], False),
        ([rule(territories=["DE"], **OUT)], [rule(territories=["Worldwide"], **OUT)], True),
        (
            [rule(lifts=["recommendation"])],
            [rule(lifts=["recommendation"], territories=["DE"])],
            True,
        ),
        (
            [rule(lifts=["recommendation"], territories=["DE"])],
            [rule(lifts=["recommendation"])],
            False,
        ),
        ([rule(actions={"monetisation": "hold"}, **HUMAN)], [rule(**HUMAN)], False),
        ([rule(**HUMAN)], [rule(actions={"monetisation": "hold"}, **HUMAN)], True),
    ],
)
def test_which_changes_take_two(
    old: list[dict[str, Any]], new: list[dict[str, Any]], restrictive: bool
) -> None:
    differences = changes(bundle(*old), bundle(*new))
    assert differences
    assert needs_two(differences) is restrictive


LIFTER = rule("two", lifts=["recommendation"], priority=900)


def override(**changes: Any) -> dict[str, Any]:
    plain = {"id": "us", "scope": {"territories": ["US"]}, "off": ["one"], "why": "x"}
    return plain | {"expires": "2027-01-01"} | changes


@pytest.mark.parametrize(
    ("old", "new", "restrictive"),
    [
        ({"rules": [rule(**OUT), LIFTER]},
         {"rules": [rule(**OUT), LIFTER | {"when": "label.licensed"}]}, True),
        ({"rules": [rule(**OUT), LIFTER]},
         {"rules": [rule(**OUT), LIFTER | {"priority": 1}]}, True),
        ({"rules": [rule(**OUT), LIFTER]},
         {"rules": [rule(**OUT), LIFTER], "overrides": [override(off=["two"])]}, True),
        ({"defaults": {"on_missing": "skip"}}, {"defaults": {"on_missing": "match"}}, True),
        ({"rules": [rule()]},
         {"rules": [rule()], "defaults": {"on_missing": "match"}}, False),
        ({"overrides": [override()]}, {}, True),
        ({"overrides": [override()]}, {"overrides": [override(expires="2026-12-01")]}, True),
        ({"overrides": [override()]},
         {"overrides": [override(scope={"territories": ["CA"]})]}, True),
        ({"overrides": [override()]}, {"overrides": [override(expires="2027-12-01")]}, False),
        ({}, {"overrides": [override()]}, False),
    ],
)  # fmt: skip
def test_what_held_a_restriction_back_is_not_taken_away_by_one(
    old: dict[str, Any], new: dict[str, Any], restrictive: bool
) -> None:
    def made(content: dict[str, Any]) -> Bundle:
        fields: dict[str, Any] = {"rules": [rule(**OUT)]} | content
        return bundle(*fields.pop("rules"), **fields)

    differences = changes(made(old), made(new))
    assert differences
    assert needs_two(differences) is restrictive


def test_a_threshold_that_a_restriction_reads_takes_two() -> None:
    item = rule(when="ai.p_value < params.sure", **OUT)
    old = bundle(item, params={"sure": 0.01, "other": 1.0})
    assert needs_two(changes(old, bundle(item, params={"sure": 0.02, "other": 1.0})))
    assert not needs_two(changes(old, bundle(item, params={"sure": 0.01, "other": 2.0})))
