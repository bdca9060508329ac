"""Snapshots, facts and policies for tests."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from streams.contract.records import TrackClassified
from streams.contract.records.rights import RightsChanged
from streams.policy.bundle import Bundle
from streams.policy.bundle_checks import failed_cases, faults_of
from streams.policy.facts import Facts, Rulings, facts_of
from streams.policy.features import snapshot
from streams.policy.registry import Registry
from streams.policy.schema import Value

NO_RULINGS = Rulings()
SUSPECTED = {
    "label.extent": "All",
    "ai.outcome": "identified",
    "ai.extent": "All",
    "ai.p_value": 0.002,
    "ai.probability": 0.99,
    "ai.coverage": 0.9,
    "audio.duration_s": 180.0,
}


def features(changes: dict[str, Any] | None = None) -> dict[str, Value]:
    """A snapshot of a track that only the detector suspects, with changes by dotted name."""
    return snapshot(SUSPECTED | (changes or {}))


def facts(
    event: TrackClassified,
    *entries: RightsChanged,
    rulings: Rulings = NO_RULINGS,
    at: datetime | None = None,
    off: Iterable[str] = (),
) -> Facts:
    """What holds about a track, as of its upload unless another moment is given."""
    return facts_of(
        event,
        at or event.uploaded_at,
        rulings=rulings,
        registry=Registry(entries),
        off=frozenset(off),
    )


def rule(rule_id: str = "one", **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "id": rule_id,
        "version": 1,
        "priority": 100,
        "when": 'label.extent == "All"',
        "actions": {},
        "reason_code": f"R-{rule_id.upper()}",
    }
    return plain | changes


def bundle(*rules: dict[str, Any], **changes: Any) -> Bundle:
    plain = {
        "schema_version": 2,
        "name": "test",
        "version": "1.0.0",
        "defaults": {"on_missing": "skip"},
        "rules": list(rules),
    }
    made = Bundle.model_validate(plain | changes)
    if faults := faults_of(made) or list(failed_cases(made)):
        raise ValueError(faults)
    return made


HUMAN: dict[str, Any] = {"requires": "human", "review": {"queue": "severe", "priority": 90}}
