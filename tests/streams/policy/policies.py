"""Features and policies for tests."""

from typing import Any

from streams.policy.bundle import Bundle
from streams.policy.features import Features
from streams.records import Certainty, Extent, LabelSource, Outcome


def features(**changes: Any) -> Features:
    plain: dict[str, Any] = {
        "extent": Extent.ALL,
        "certainty": Certainty.SUSPECTED,
        "source": LabelSource.DETECTOR,
        "licensed": False,
        "generator": None,
        "outcome": Outcome.AI_LIKELY,
        "p_value": 0.002,
        "probability": 0.99,
        "coverage": 0.9,
        "declared": "absent",
        "disclosure_mismatch": False,
        "distributor": None,
        "duration_s": 180.0,
        "silent_share": 0.0,
    }
    return Features.model_validate(plain | changes)


def rule(rule_id: str = "one", **changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "id": rule_id,
        "version": 1,
        "priority": 100,
        "when": {"extent": ["All"]},
        "actions": {},
        "reason_code": f"R-{rule_id.upper()}",
    }
    return plain | changes


def bundle(*rules: dict[str, Any], **changes: Any) -> Bundle:
    plain = {"schema_version": 1, "name": "test", "version": "1.0.0", "rules": list(rules)}
    return Bundle.model_validate(plain | changes)


HUMAN = {"requires": "human", "review": {"queue": "severe", "priority": 90}}
