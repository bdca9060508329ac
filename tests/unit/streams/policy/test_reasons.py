"""Statements of reasons: one for every restriction of the table, and its content."""

import pytest

from streams.policy.transparency import EEA, faults
from tests.support.policy_table import (
    AI,
    ALL,
    IMPERSONATES,
    IN_DE,
    LICENSED,
    NOTHING,
    TABLE,
    VOICE,
    Row,
    decided,
    event_of,
)
from tests.support.statements import statement


@pytest.mark.parametrize("row", TABLE, ids=[f"{number:02}" for number in range(len(TABLE))])
def test_every_restriction_has_a_statement_that_the_database_takes(row: Row) -> None:
    declared, detected, known, label, _, follows, _ = row
    decisions = decided(event_of(declared, detected, known), known)
    only_own_badge = set(follows) <= {"display"} and label.endswith("declaration")
    elsewhere = any(one.actions.recommendation != "allow" for one in decisions.decided.territorial)
    if (not follows or only_own_badge) and not elsewhere:
        assert decisions.statement is None
        assert decisions.decided.statement_id is None
        return
    assert decisions.statement is not None
    assert faults(decisions.statement.fields) == []
    assert decisions.decided.statement_id == decisions.statement.statement_id
    for language, word in (("en", "You can object"), ("de", "kostenlos widersprechen")):
        assert word in decisions.statement.texts[language]
        assert "None" not in decisions.statement.texts[language]


def test_an_identified_track_is_told_what_why_and_how_to_object() -> None:
    _, written = statement((NOTHING, AI, {}))
    assert written.fields["decision_visibility"] == ["DECISION_VISIBILITY_CONTENT_LABELLED"]
    assert written.fields["automated_detection"] == "Yes"
    assert written.fields["automated_decision"] == "AUTOMATED_DECISION_FULLY"
    assert written.fields["content_type"] == ["CONTENT_TYPE_AUDIO", "CONTENT_TYPE_SYNTHETIC_MEDIA"]
    assert written.fields["territorial_scope"] == list(EEA)
    assert written.fields["category"] == "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"
    assert (written.redress.deadline - statement((NOTHING, AI, {}))[0].uploaded_at).days == 184


def test_an_impersonation_is_removed_demonetised_and_detached() -> None:
    known = {"said": IMPERSONATES, **VOICE}
    _, written = statement((ALL, AI, known))
    assert written.fields["decision_visibility"] == [
        "DECISION_VISIBILITY_CONTENT_DEMOTED",
        "DECISION_VISIBILITY_CONTENT_LABELLED",
        "DECISION_VISIBILITY_CONTENT_REMOVED",
        "DECISION_VISIBILITY_OTHER",
    ]
    assert written.fields["decision_monetary"] == "DECISION_MONETARY_TERMINATION"
    assert written.fields["automated_decision"] == "AUTOMATED_DECISION_PARTIALLY"
    assert written.fields["category"] == "STATEMENT_CATEGORY_SCAMS_AND_FRAUD"
    assert written.fields["category_specification"] == ["KEYWORD_IMPERSONATION_ACCOUNT_HIJACKING"]
    assert "sie wurde entfernt" in written.texts["de"]


def test_a_restriction_names_the_territories_where_it_holds() -> None:
    known = {"rights": [IN_DE], "territories": ("DE", "FR", "NO", "US")}
    _, written = statement((LICENSED, AI, known))
    assert written.fields["territorial_scope"] == ["FR", "NO"]  # of the EEA


def test_a_hold_has_its_end() -> None:
    written, answer = statement((ALL, AI, VOICE))
    (held,) = [one for one in written.terms if one.dimension == "monetisation"]
    assert held.ends_at is not None
    assert answer.fields["end_date_monetary_restriction"] == held.ends_at.date().isoformat()
    assert "end_date_visibility_restriction" not in answer.fields  # not all of it has one


def test_the_texts_say_where_and_until_when_each_thing_holds() -> None:
    written, answer = statement((ALL, AI, VOICE))
    (held,) = [one for one in written.terms if one.dimension == "monetisation"]
    assert held.ends_at is not None
    english, german = answer.texts["en"], answer.texts["de"]
    assert f"its payments are on hold until {held.ends_at.day} {held.ends_at:%B %Y};" in english
    assert f"ihre Vergütung ruht bis {held.ends_at:%d.%m.%Y};" in german
    assert "it carries the label that it was made with AI;" in english  # for good
    _, answer = statement((LICENSED, AI, {"rights": [IN_DE]}))
    assert "left out of algorithmic recommendations (worldwide)" not in answer.texts["en"]
    assert answer.texts["en"].startswith("What we have done with your recording worldwide: ")


def test_a_text_names_the_fact_before_what_follows_from_it() -> None:
    _, written = statement((ALL, AI, {}))
    for language, fact, follows in (
        ("en", "states that it was made with AI", "are not part of algorithmic"),
        ("de", "Laut Angabe", "sind nicht Teil"),
    ):
        assert written.texts[language].index(fact) < written.texts[language].index(follows)
    _, written = statement((NOTHING, AI, {}))
    assert "Grundlage: unsere automatische Analyse des Tons." in written.texts["de"]
    assert "identifies this recording as made with AI" in written.texts["en"]
