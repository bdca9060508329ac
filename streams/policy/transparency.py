"""The vocabulary of the DSA Transparency Database, and what it would refuse.

Field names and words are those of its API (``StatementStoreRequest``); ours are mapped here.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from streams.contract.vocabulary import ACTIONS
from streams.policy.rules import Category

EEA: Final = (
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
    *("IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
)
# Our actions, in the words of the database.
_WORDS: Final = {key: one.dsa for key, one in ACTIONS.items() if one.dsa is not None}
VISIBILITY: Final = {key: word for key, word in _WORDS.items() if "_VISIBILITY_" in word}
MONETARY: Final = {key: word for key, word in _WORDS.items() if "_MONETARY_" in word}
AUTOMATED: Final = {
    "fully": "AUTOMATED_DECISION_FULLY",
    "partially": "AUTOMATED_DECISION_PARTIALLY",
    "none": "AUTOMATED_DECISION_NOT_AUTOMATED",
}
CATEGORIES: Final[dict[Category, tuple[str, tuple[str, ...]]]] = {
    "terms": ("STATEMENT_CATEGORY_OTHER_VIOLATION_TC", ()),
    "impersonation": (
        "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
        ("KEYWORD_IMPERSONATION_ACCOUNT_HIJACKING",),
    ),
    "voice": (
        "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
        ("KEYWORD_BIOMETRIC_DATA_BREACH",),
    ),
    "fraud": ("STATEMENT_CATEGORY_SCAMS_AND_FRAUD", ("KEYWORD_INAUTHENTIC_ACCOUNTS",)),
    "copyright": (
        "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
        ("KEYWORD_COPYRIGHT_INFRINGEMENT",),
    ),
}
LIMITS: Final = {
    "decision_facts": 5_000,
    "incompatible_content_ground": 500,
    "incompatible_content_explanation": 2_000,
    "decision_visibility_other": 500,
    "puid": 500,
}
_PUID: Final = re.compile(r"^[a-zA-Z0-9\-_]+$")
_DAY: Final = re.compile(r"^\d{4}-\d{2}-\d{2}$")


def faults(fields: Mapping[str, Any]) -> list[str]:
    """Return what the Transparency Database would refuse about a statement's fields."""
    problems = [f"{name} is missing" for name in (
        "decision_ground", "content_type", "category", "content_date", "application_date",
        "decision_facts", "source_type", "automated_detection", "automated_decision", "puid",
    ) if not fields.get(name)]  # fmt: skip
    restrictions = ("decision_visibility", "decision_monetary", "decision_provision",
                    "decision_account")  # fmt: skip
    if not any(fields.get(name) for name in restrictions):
        problems.append("no restriction is named")
    if "DECISION_VISIBILITY_OTHER" in fields.get("decision_visibility", ()) and not fields.get(
        "decision_visibility_other"
    ):
        problems.append("decision_visibility_other is missing")
    if fields.get("decision_ground") == "DECISION_GROUND_INCOMPATIBLE_CONTENT":
        problems += [
            f"{name} is missing"
            for name in ("incompatible_content_ground", "incompatible_content_explanation")
            if not fields.get(name)
        ]
    problems += [
        f"{name} is longer than {limit}"
        for name, limit in LIMITS.items()
        if len(str(fields.get(name, ""))) > limit
    ]
    if not _PUID.match(str(fields.get("puid", ""))):
        problems.append("puid holds other signs than letters, digits, - and _")
    for name in ("content_date", "application_date", "end_date_visibility_restriction",
                 "end_date_monetary_restriction"):  # fmt: skip
        if name in fields and not _DAY.match(str(fields[name])):
            problems.append(f"{name} is no day (YYYY-MM-DD)")
    problems += [f"{one} is no EEA country" for one in fields.get("territorial_scope", ())
              if one not in EEA]  # fmt: skip
    problems += _unknown_words(fields)
    return problems


def _unknown_words(fields: Mapping[str, Any]) -> list[str]:
    known: dict[str, tuple[str, ...]] = {
        "decision_visibility": (*VISIBILITY.values(), "DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED",
                                "DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED"),
        "decision_monetary": (*MONETARY.values(), "DECISION_MONETARY_OTHER"),
        "automated_decision": tuple(AUTOMATED.values()),
        "automated_detection": ("Yes", "No"),
        "category": tuple(name for name, _ in CATEGORIES.values()),
        "category_specification": tuple(w for _, words in CATEGORIES.values() for w in words),
        "content_type": ("CONTENT_TYPE_AUDIO", "CONTENT_TYPE_SYNTHETIC_MEDIA"),
        "source_type": ("SOURCE_ARTICLE_16", "SOURCE_TRUSTED_FLAGGER",
                        "SOURCE_TYPE_OTHER_NOTIFICATION", "SOURCE_VOLUNTARY"),
        "decision_ground": ("DECISION_GROUND_ILLEGAL_CONTENT",
                            "DECISION_GROUND_INCOMPATIBLE_CONTENT"),
    }  # fmt: skip
    problems = []
    for name, words in known.items():
        field = fields.get(name) or ()
        words_given = (field,) if isinstance(field, str) else tuple(field)
        problems += [
            f"{name}: {one!r} is no word of the database" for one in words_given if one not in words
        ]
    return problems
