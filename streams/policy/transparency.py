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
_REQUIRED: Final = (
    *("decision_ground", "content_type", "category", "content_date", "application_date"),
    *("decision_facts", "source_type", "automated_detection", "automated_decision", "puid"),
)
_RESTRICTIONS: Final = tuple(
    f"decision_{kind}" for kind in ("visibility", "monetary", "provision", "account")
)
_LIMITS: Final = {
    "decision_facts": 5_000,
    "incompatible_content_ground": 500,
    "incompatible_content_explanation": 2_000,
    "decision_visibility_other": 500,
    "puid": 500,
}
_DAY: Final = (r"^\d{4}-\d{2}-\d{2}$", "is no day (YYYY-MM-DD)")
_PATTERNS: Final = {
    "puid": (r"^[a-zA-Z0-9\-_]+$", "may hold only a-z, A-Z, 0-9, - and _"),
    **dict.fromkeys(("content_date", "application_date"), _DAY),
    **{f"end_date_{kind}_restriction": _DAY for kind in ("visibility", "monetary")},
}
_VOCABULARY: Final[dict[str, tuple[str, ...]]] = {
    "decision_visibility": (
        *VISIBILITY.values(),
        "DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED",
        "DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED",
    ),
    "decision_monetary": (*MONETARY.values(), "DECISION_MONETARY_OTHER"),
    "automated_decision": tuple(AUTOMATED.values()),
    "automated_detection": ("Yes", "No"),
    "category": tuple(name for name, _ in CATEGORIES.values()),
    "category_specification": tuple(w for _, words in CATEGORIES.values() for w in words),
    "content_type": ("CONTENT_TYPE_AUDIO", "CONTENT_TYPE_SYNTHETIC_MEDIA"),
    "source_type": (
        *("SOURCE_ARTICLE_16", "SOURCE_TRUSTED_FLAGGER"),
        *("SOURCE_TYPE_OTHER_NOTIFICATION", "SOURCE_VOLUNTARY"),
    ),
    "decision_ground": ("DECISION_GROUND_ILLEGAL_CONTENT", "DECISION_GROUND_INCOMPATIBLE_CONTENT"),
}


def faults(fields: Mapping[str, Any]) -> list[str]:
    """Return what the Transparency Database would refuse about a statement's fields."""
    required = list(_REQUIRED)
    if "DECISION_VISIBILITY_OTHER" in fields.get("decision_visibility", ()):
        required.append("decision_visibility_other")
    if fields.get("decision_ground") == "DECISION_GROUND_INCOMPATIBLE_CONTENT":
        required += ["incompatible_content_ground", "incompatible_content_explanation"]
    problems = [f"{name} is missing" for name in required if not fields.get(name)]
    if not any(fields.get(name) for name in _RESTRICTIONS):
        problems.append("no restriction is named")
    problems += [
        f"{name} is longer than {limit}"
        for name, limit in _LIMITS.items()
        if len(str(fields.get(name, ""))) > limit
    ]
    problems += [
        f"{name} {problem}"
        for name, (pattern, problem) in _PATTERNS.items()
        if name in fields and not re.match(pattern, str(fields[name]))
    ]
    countries = fields.get("territorial_scope", ())
    problems += [f"{one} is no EEA country" for one in countries if one not in EEA]
    for name, words in _VOCABULARY.items():
        value = fields.get(name) or ()
        problems += [
            f"{name}: {one!r} is no word of the database"
            for one in ((value,) if isinstance(value, str) else value)
            if one not in words
        ]
    return problems
