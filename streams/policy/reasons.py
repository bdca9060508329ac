"""Statements of reasons (DSA Article 17), in the Transparency Database's field names.

One for each decision that restricts anything: what was restricted where and until when, on
what facts and grounds, whether a machine decided, and how to object. The texts come from
templates and the policy, and hold no personal data. Whether a platform must submit them is
a question for its lawyers: here they are made and stored, and nothing is sent.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from streams.contract.records import (
    Extent,
    LabelSource,
    Term,
    TrackClassified,
    stable_id,
)
from streams.contract.records.policy import Redress, StatementWritten
from streams.contract.records.rights import WORLDWIDE
from streams.contract.vocabulary import ACTIONS, DIMENSIONS, FACTUAL
from streams.policy.bundle import Bundle
from streams.policy.evaluate import restricted
from streams.policy.labels import Assertion
from streams.policy.rules import NEUTRAL, Category, Rule
from streams.policy.territories import ScopedEvaluation, TerritorialEvaluation, strictness_places
from streams.policy.transparency import AUTOMATED, CATEGORIES, EEA, MONETARY, VISIBILITY

_UNTIL: Final = {"en": " until ", "de": " bis "}
_OPEN: Final = {
    "en": ("This holds until further notice.", "What has no end here holds until further notice."),
    "de": ("Das gilt bis auf Weiteres.", "Was hier kein Ende hat, gilt bis auf Weiteres."),
}


def due(evaluation: TerritorialEvaluation) -> bool:
    """Whether a statement is owed: something is restricted, or a badge is shown that the
    deliverer did not declare itself."""
    return any(_restrictions(one) for one in evaluation.everywhere)


def _restrictions(scoped: ScopedEvaluation) -> bool:
    imposed = (
        scoped.result.actions.display != NEUTRAL.display
        and scoped.label.source is not LabelSource.DECLARATION
    )
    return restricted(scoped.result.actions) or imposed


def statement_id_of(decision_id: str) -> str:
    """Return the id of a decision's statement."""
    return stable_id("sor", decision_id)


def statement_of(
    event: TrackClassified,
    evaluation: TerritorialEvaluation,
    bundle: Bundle,
    decision_id: str,
    replaces: str | None = None,
    *,
    decided_at: datetime | None = None,
) -> StatementWritten:
    """Write the statement of a decision that restricts something.

    Args:
        event: the analysis with its upload.
        evaluation: what was decided.
        bundle: the policy.
        decision_id: of the decision.
        replaces: the statement that this one takes the place of.
        decided_at: when it was decided, where that is later than the facts it rests on: an
            agreement or a policy may change years after an upload, and the time to object runs
            from when one is told. Counted from the next midnight, so that a repetition on
            the same day says the same.
    """
    scopes = [one for one in evaluation.everywhere if _restrictions(one)]
    strictest = max(scopes, key=lambda one: sum(strictness_places(one.result.actions)))
    restricted_in = {name for one in scopes for name in one.territories}
    terms = [one for one in evaluation.terms if set(one.territories) & restricted_in]
    behind = _rules(strictest)
    starts_at = terms[0].starts_at
    applied = max(starts_at, decided_at or starts_at)
    statement_id = statement_id_of(decision_id)
    fields = {
        **_restriction(terms, strictest),
        **_ground(behind, bundle),
        "content_type": _content_type(strictest.label),
        "content_date": event.uploaded_at.date().isoformat(),
        "application_date": applied.date().isoformat(),
        "decision_facts": _facts(strictest.label, behind, "en"),
        "source_type": "SOURCE_VOLUNTARY",
        "automated_detection": "Yes" if strictest.label.source is LabelSource.DETECTOR else "No",
        "automated_decision": AUTOMATED[strictest.result.automation],
        "territorial_scope": _scope(restricted_in),
        "puid": statement_id,
    }
    runs_from = applied if applied == starts_at else _next_midnight(applied)
    redress = Redress(
        internal_url=bundle.redress.internal_url.replace("{decision_id}", decision_id),
        deadline=runs_from + timedelta(days=bundle.redress.days),
        out_of_court=bundle.redress.out_of_court,
        courts="the competent courts",
    )
    upload = event.upload
    account = upload.uploader.account_id if upload.uploader else None
    return StatementWritten(
        statement_id=statement_id,
        decision_id=decision_id,
        upload_id=event.upload_id,
        track_id=event.track_id,
        recipient=account or upload.distributor,
        fields={name: value for name, value in fields.items() if value not in (None, [], "")},
        texts={
            language: _text(language, strictest, behind, terms, redress, body)
            for language, body in (
                ("en", bundle.redress.out_of_court),
                ("de", bundle.redress.out_of_court_de),
            )
        },
        redress=redress,
        replaces=replaces,
        policy=bundle.ref,
    )


def _next_midnight(at: datetime) -> datetime:
    day = at.astimezone(UTC).date() + timedelta(days=1)
    return datetime.combine(day, time(), UTC)


def _rules(scoped: ScopedEvaluation) -> list[Rule]:
    """Return the rules behind the actions, those that weigh most first."""
    order = sorted(DIMENSIONS, key=lambda name: -DIMENSIONS[name].weight)
    rules = [scoped.result.behind(dimension) for dimension in order]
    return list({rule.id: rule for rule in rules if rule is not None}.values())


def _restriction(terms: Iterable[Term], scoped: ScopedEvaluation) -> dict[str, Any]:
    actions = [(term.dimension, term.value, term.ends_at) for term in terms]
    visibility = sorted({VISIBILITY[(one, value)] for one, value, _ in actions
                         if (one, value) in VISIBILITY})  # fmt: skip
    monetary = [MONETARY[(one, value)] for one, value, _ in actions if (one, value) in MONETARY]
    fields: dict[str, Any] = {
        "decision_visibility": visibility,
        "decision_monetary": max(monetary, default=None, key=list(MONETARY.values()).index),
        "end_date_visibility_restriction": _end_day(
            ends for one, value, ends in actions if one != FACTUAL and (one, value) in VISIBILITY
        ),
        "end_date_monetary_restriction": _end_day(
            ends for one, value, ends in actions if (one, value) in MONETARY
        ),
    }
    if "DECISION_VISIBILITY_OTHER" in visibility:
        fields["decision_visibility_other"] = (
            _done_as("profile", scoped.result.actions.profile, "en")
            if scoped.result.actions.profile != NEUTRAL.profile
            else "it is not shown on a profile"
        )
    return fields


def _end(ends: Iterable[datetime | None]) -> datetime | None:
    """Return when all of it is over; None where any of it is open-ended."""
    all_ends = list(ends)
    dated = [one for one in all_ends if one is not None]
    return max(dated) if dated and len(dated) == len(all_ends) else None


def _end_day(ends: Iterable[datetime | None]) -> str | None:
    end = _end(ends)
    return None if end is None else end.date().isoformat()


def _ground(behind: list[Rule], bundle: Bundle) -> dict[str, Any]:
    first = next((rule for rule in behind if rule.clause), behind[0] if behind else None)
    category: Category = behind[0].category if behind else "terms"
    name, keywords = CATEGORIES[category]
    explanation = " ".join(rule.public for rule in behind if rule.public)
    fields: dict[str, Any] = {
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "incompatible_content_ground": (first.clause if first and first.clause else None)
        or "Labelling of AI-generated recordings",
        "incompatible_content_explanation": explanation
        or "The recording falls under this part of the terms of service.",
        "incompatible_content_illegal": "No",
        "decision_ground_reference_url": bundle.redress.terms_url,
        "category": name,
        "category_specification": list(keywords),
    }
    return fields


def _content_type(label: Assertion) -> list[str]:
    synthetic = label.extent in (Extent.ALL, Extent.PARTLY)
    return ["CONTENT_TYPE_AUDIO", *(["CONTENT_TYPE_SYNTHETIC_MEDIA"] if synthetic else [])]


def _scope(territories: set[str]) -> list[str]:
    if WORLDWIDE in territories:
        return list(EEA)
    return sorted(set(EEA) & territories)


def _facts(label: Assertion, behind: list[Rule], language: str) -> str:
    codes = ", ".join(rule.reason_code for rule in behind)
    source = label.source.basis[language]
    if language == "de":
        return f"Grundlage: {source}. Angewandte Regeln: {codes}."
    return f"This rests on {source}. Rules applied: {codes}."


def _text(
    language: str,
    scoped: ScopedEvaluation,
    behind: list[Rule],
    terms: Iterable[Term],
    redress: Redress,
    out_of_court: str,
) -> str:
    terms = list(terms)
    done = _done(language, terms)
    still = _OPEN[language][any(term.ends_at for term in terms)]
    ends = _end(term.ends_at for term in terms)
    until = _day(language, redress.deadline)
    # What is known comes first, and then what follows from it.
    ordered = sorted(behind, key=lambda rule: -rule.priority)
    places = {term.territories for term in terms}
    place = f" {_place(language, terms[0].territories)}" if len(places) == 1 else ""
    if language == "de":
        reasons = [rule.public_de or rule.public for rule in ordered]
        machine = {
            "fully": "Diese Entscheidung hat ein automatisches System getroffen.",
            "partially": "An dieser Entscheidung waren ein automatisches System und Menschen "
            "beteiligt.",
            "none": "Diese Entscheidung haben Menschen getroffen.",
        }[scoped.result.automation]
        lines = [
            f"Was wir mit Ihrer Aufnahme{place} getan haben: {done}.",
            f"Das gilt bis {_day(language, ends)}." if ends else still,
            " ".join(text for text in reasons if text),
            _facts(scoped.label, behind, "de"),
            machine,
            f"Sie können bis zum {until} kostenlos widersprechen: {redress.internal_url}. Ein "
            f"Mensch entscheidet darüber. Danach stehen Ihnen {out_of_court} und die Gerichte "
            "offen.",
        ]
    else:
        reasons = [rule.public for rule in ordered]
        machine = {
            "fully": "An automated system made this decision.",
            "partially": "An automated system and people took part in this decision.",
            "none": "People made this decision.",
        }[scoped.result.automation]
        lines = [
            f"What we have done with your recording{place}: {done}.",
            f"This holds until {_day(language, ends)}." if ends else still,
            " ".join(text for text in reasons if text),
            _facts(scoped.label, behind, "en"),
            machine,
            f"You can object free of charge until {until}: {redress.internal_url}. A person "
            f"decides about it. After that, {out_of_court} and {redress.courts} are open "
            "to you.",
        ]
    return "\n".join(line for line in lines if line)


def _done_as(dimension: str, value: str, language: str) -> str:
    action = ACTIONS[(dimension, value)]
    return action.de if language == "de" else action.en


def _done(language: str, terms: list[Term]) -> str:
    """Return what was done; where and until when, wherever that is not the same for all."""
    several_places = len({term.territories for term in terms}) > 1
    several_ends = len({term.ends_at and term.ends_at.date() for term in terms}) > 1
    phrases: dict[str, None] = {}
    for term in terms:
        phrase = _done_as(term.dimension, term.value, language)
        if several_places:
            phrase += f" ({_place(language, term.territories)})"
        if several_ends and term.ends_at is not None:
            phrase += f"{_UNTIL[language]}{_day(language, term.ends_at)}"
        phrases[phrase] = None
    text = "; ".join(phrases)
    return text[0].upper() + text[1:] if language == "de" else text


def _place(language: str, territories: Iterable[str]) -> str:
    names = sorted(territories)
    if WORLDWIDE in names:
        return "weltweit" if language == "de" else "worldwide"
    return f"in {', '.join(names)}"


def _day(language: str, at: datetime) -> str:
    return f"{at:%d.%m.%Y}" if language == "de" else f"{at.day} {at:%B %Y}"
