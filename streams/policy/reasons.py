"""Statements of reasons (DSA Article 17), in the Transparency Database's field names.

There is one for each decision that restricts anything. The texts come from templates and the
policy, and contain no personal data. Statements are stored, not submitted: whether a platform
must submit them is a question for its lawyers.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from streams.contract.records import LabelSource, Term, TrackClassified, stable_id
from streams.contract.records.policy import Redress, StatementWritten
from streams.contract.records.rights import WORLDWIDE
from streams.contract.translations import N_, SOURCE, day, languages, translated
from streams.contract.vocabulary import ACTIONS, DIMENSIONS, FACTUAL, OTHER
from streams.policy.bundle import Bundle
from streams.policy.evaluate import restricted
from streams.policy.labels import Assertion
from streams.policy.rules import NEUTRAL, Rule
from streams.policy.schema import SAYS_AI
from streams.policy.territories import ScopedEvaluation, TerritorialEvaluation, strictness_places
from streams.policy.transparency import AUTOMATED, CATEGORIES, EEA, MONETARY, VISIBILITY

_PHRASES: Final = {
    "worldwide": N_("worldwide"),
    "places": N_("in {places}"),
    "until": N_(" until {day}"),
    "done": N_("What we have done with your recording{place}: {done}."),
    "ends": N_("This holds until {day}."),
    "open": N_("This holds until further notice."),
    "partly_open": N_("What has no end here holds until further notice."),
    "facts": N_("This rests on {source}. Rules applied: {codes}."),
    "fully": N_("An automated system made this decision."),
    "partially": N_("An automated system and people took part in this decision."),
    "none": N_("People made this decision."),
    "redress": N_(
        "You can object free of charge until {day}: {url}. A person decides "
        "about it. After that, {body} and the competent courts are open to you."
    ),
}


def restricting(evaluation: TerritorialEvaluation) -> list[ScopedEvaluation]:
    """Return the results that owe a statement.

    Something is restricted there, or a badge is shown that the deliverer did not declare.
    """
    imposed = evaluation.label.source is not LabelSource.DECLARATION
    return [one for one in evaluation.everywhere
            if restricted(one.result.actions)
            or (imposed and one.result.actions.display != NEUTRAL.display)]  # fmt: skip


def statement_of(
    event: TrackClassified,
    evaluation: TerritorialEvaluation,
    bundle: Bundle,
    decision_id: str,
    replaces: str | None = None,
    *,
    decided_at: datetime,
) -> StatementWritten:
    """Write the statement of a decision that restricts something.

    An agreement or a policy may change years after an upload, and the time to object runs from
    the decision. It is counted from the next midnight, so that a repetition on the same day gives
    the same statement.
    """
    scopes = restricting(evaluation)
    strictest = max(scopes, key=lambda one: sum(strictness_places(one.result.actions)))
    label = evaluation.label
    places = {name for one in scopes for name in one.territories}
    terms = [one for one in evaluation.terms if set(one.territories) & places]
    behind = _rules(strictest)
    starts_at = terms[0].starts_at
    applied = max(starts_at, decided_at)
    next_day = applied.astimezone(UTC).date() + timedelta(days=1)
    runs_from = applied if applied == starts_at else datetime.combine(next_day, time(), UTC)
    statement_id = stable_id("sor", decision_id)
    synthetic = ["CONTENT_TYPE_SYNTHETIC_MEDIA"] if label.extent in SAYS_AI else []
    fields = {
        **_restriction(terms),
        **_ground(behind, bundle),
        "content_type": ["CONTENT_TYPE_AUDIO", *synthetic],
        "content_date": event.uploaded_at.date().isoformat(),
        "application_date": applied.date().isoformat(),
        "decision_facts": _facts(SOURCE, label, behind),
        "source_type": "SOURCE_VOLUNTARY",
        "automated_detection": "Yes" if label.source is LabelSource.DETECTOR else "No",
        "automated_decision": AUTOMATED[strictest.result.automation],
        "territorial_scope": list(EEA) if WORLDWIDE in places else sorted(set(EEA) & places),
        "puid": statement_id,
    }
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
            language: _text(
                language,
                label,
                strictest.result.automation,
                behind,
                terms,
                redress,
                bundle.redress.body(language),
            )
            for language in languages()
        },
        redress=redress,
        replaces=replaces,
        policy=bundle.ref,
    )


def _rules(scoped: ScopedEvaluation) -> list[Rule]:
    """Return the rules behind the actions, those that weigh most first."""
    order = sorted(DIMENSIONS, key=lambda name: -DIMENSIONS[name].weight)
    rules = [scoped.result.behind(dimension) for dimension in order]
    return list({rule.id: rule for rule in rules if rule is not None}.values())


def _restriction(terms: list[Term]) -> dict[str, Any]:
    visible = [one for one in terms if (one.dimension, one.value) in VISIBILITY]
    monetary = [one for one in terms if (one.dimension, one.value) in MONETARY]
    shown = [(one.dimension, one.value) for one in visible]
    other = [ACTIONS[key].done for key in shown if VISIBILITY[key] == OTHER]
    return {
        "decision_visibility": sorted({VISIBILITY[key] for key in shown}),
        "decision_monetary": max(
            (MONETARY[one.dimension, one.value] for one in monetary),
            default=None,
            key=list(MONETARY.values()).index,
        ),
        "end_date_visibility_restriction": _end_day(
            one for one in visible if one.dimension != FACTUAL
        ),
        "end_date_monetary_restriction": _end_day(monetary),
        "decision_visibility_other": "; ".join(other) or None,
    }


def _end(terms: Iterable[Term]) -> datetime | None:
    """Return when all of it is over; None where any of it is open-ended."""
    ends = [term.ends_at for term in terms]
    dated = [end for end in ends if end is not None]
    return max(dated, default=None) if len(dated) == len(ends) else None


def _end_day(terms: Iterable[Term]) -> str | None:
    end = _end(terms)
    return None if end is None else end.date().isoformat()


def _ground(behind: list[Rule], bundle: Bundle) -> dict[str, Any]:
    clauses = (rule.clause for rule in behind if rule.clause)
    category, keywords = CATEGORIES[behind[0].category if behind else "terms"]
    explanation = " ".join(rule.public for rule in behind if rule.public)
    return {
        "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "incompatible_content_ground": next(clauses, "Labelling of AI-generated recordings"),
        "incompatible_content_explanation": explanation
        or "The recording falls under this part of the terms of service.",
        "incompatible_content_illegal": "No",
        "decision_ground_reference_url": bundle.redress.terms_url,
        "category": category,
        "category_specification": list(keywords),
    }


def _facts(language: str, label: Assertion, behind: list[Rule]) -> str:
    codes = ", ".join(rule.reason_code for rule in behind)
    source = translated(language, label.source.basis)
    return _phrase(language, "facts", source=source, codes=codes)


def _text(
    language: str,
    label: Assertion,
    automation: str,
    behind: list[Rule],
    terms: list[Term],
    redress: Redress,
    body: str,
) -> str:
    ends = _end(terms)
    still = _phrase(language, "partly_open" if any(term.ends_at for term in terms) else "open")
    one_place = len({term.territories for term in terms}) == 1
    place = f" {_place(language, terms[0].territories)}" if one_place else ""
    # What is known comes first, and then what follows from it.
    ordered = sorted(behind, key=lambda rule: -rule.priority)
    reasons = [rule.public_in(language) for rule in ordered]
    lines = (
        _phrase(language, "done", place=place, done=_done(language, terms)),
        _phrase(language, "ends", day=day(language, ends)) if ends else still,
        " ".join(reason for reason in reasons if reason),
        _facts(language, label, behind),
        _phrase(language, automation),
        _phrase(
            language,
            "redress",
            day=day(language, redress.deadline),
            url=redress.internal_url,
            body=body,
        ),
    )
    return "\n".join(line for line in lines if line)


def _done(language: str, terms: list[Term]) -> str:
    """Return what was done; where and until when, wherever that is not the same for all."""
    several_places = len({term.territories for term in terms}) > 1
    several_ends = len({term.ends_at and term.ends_at.date() for term in terms}) > 1
    done: dict[str, None] = {}
    for term in terms:
        text = translated(language, ACTIONS[term.dimension, term.value].done)
        if several_places:
            text += f" ({_place(language, term.territories)})"
        if several_ends and term.ends_at is not None:
            text += _phrase(language, "until", day=day(language, term.ends_at))
        done[text] = None
    joined = "; ".join(done)
    return joined if language == SOURCE else joined[0].upper() + joined[1:]


def _place(language: str, territories: Iterable[str]) -> str:
    names = sorted(territories)
    if WORLDWIDE in names:
        return _phrase(language, "worldwide")
    return _phrase(language, "places", places=", ".join(names))


def _phrase(language: str, name: str, **values: str) -> str:
    return translated(language, _PHRASES[name], **values)
