"""What a policy of the right form may not contain."""

from datetime import date

import pytest

from streams.policy.bundle import Bundle, parse
from tests.support.policy_texts import GOOD, RULE, TODAY, WHEN, refusal


def test_a_feature_that_may_be_missing_wants_a_word_about_that() -> None:
    text = GOOD.replace(WHEN, "ai.p_value < params.sure")
    parse(text, "p")
    error = refusal(text.replace("    on_missing: skip\n", ""))
    assert error.startswith("policy.yaml:9:11: rules.0.when: ai.p_value may be missing: say")
    guarded = text.replace("    on_missing: skip\n", "").replace(
        "ai.p_value < params.sure", "ai.coverage == null"
    )
    parse(guarded, "p")


def test_an_expired_override_is_refused_where_a_day_is_given_and_does_not_apply() -> None:
    text = GOOD.replace(
        "rules:",
        "overrides:\n  - {id: cn, scope: {territories: [CN]}, off: [one], "
        "expires: 2026-11-24, why: a test}\nrules:",
    )
    assert (
        "policy.yaml:6:54: overrides.0.expires: it expired on 2026-11-24: remove the "
        "override, or agree on a new day" in refusal(text, TODAY)
    )
    assert isinstance(parse(text, "p"), Bundle)
    assert isinstance(parse(text, "p", date(2026, 11, 24)), Bundle)


def test_a_rule_that_holds_under_an_override_alone_can_hold() -> None:
    text = GOOD.replace("params: {sure: 0.01}", "params: {sure: 0.01, there: false}").replace(
        WHEN, 'params.there && label.extent == "All"'
    )
    assert "this can never hold" in refusal(text)
    override = (
        "overrides:\n  - {id: us, scope: {territories: [US]}, params: {there: true}, "
        "expires: 2027-01-01, why: law}\nrules:"
    )
    parse(text.replace("rules:", override), "p", TODAY)


def test_a_fact_cannot_be_lifted_and_a_running_policy_that_tries_still_loads() -> None:
    lifts = "    lifts: [recommendation, display]\n    reason_code"
    text = GOOD.replace("    reason_code", lifts, 1)
    assert "policy.yaml:12:29: rules.0.lifts.1: 'display' states a fact" in refusal(text, TODAY)
    parse(text, "p")


def test_ids_stand_once() -> None:
    assert "policy.yaml:13:5: rules.1.id: id 'one' stands twice" in refusal(GOOD + RULE)


@pytest.mark.parametrize(
    ("dimension", "value"),
    [("availability", "takedown"), ("monetisation", "exclude"), ("profile", "detach")],
)
@pytest.mark.parametrize(
    ("when", "loads"),
    [
        ('ai.outcome == "suspected"', False),
        ('label.extent == "All" && ai.p_value < 0.000001', False),
        ('declared.mismatch && declared.ai == "None"', False),  # the same score twice
        ('label.source in ["detector", "reviewer"]', False),
        ('declared.ai in ["All", "absent"]', False),
        ('delivery.distributor == "Shady Music"', False),
        ('label.extent == "All" || uploader.fraud_score > 0.9', False),
        ('!(label.source == "reviewer")', False),
        ('rights.generator_status == "unlicensed"', False),  # the detector's own attribution
        ("uploader.fraud_score > 0.1", False),  # a little of everything is in everybody
        # A person may have declared that there is none.
        ('label.source in ["reviewer", "appeal"]', False),
        ('label.source == "registry" && ai.outcome == "suspected"', False),
        ('review.by_person && ai.outcome == "suspected"', False),
        ('size(review.findings) > 0 && ai.outcome == "suspected"', False),
        ('"not_fraud" in review.findings && ai.outcome == "suspected"', False),
        ('provenance.state == "trusted" && ai.outcome == "suspected"', False),
        ('provenance.aigc == "3" && ai.outcome == "suspected"', False),  # a detector's word
        ('size(declared.components) > 0 && ai.outcome == "suspected"', False),  # its cover
        ('rights.agreement == "revoked" && ai.outcome == "suspected"', False),
        ('label.extent == "All" && label.source in ["reviewer", "appeal"]', True),
        ('label.extent == "All" && label.source == "registry"', True),
        ('"impersonation" in review.findings', True),
        ('provenance.aigc == "1"', True),
        ('declared.ai == "All"', True),
        ('label.extent == "All" && uploader.fraud_score > 0.9', True),
        ("signals.independent >= 2", True),
        ('provenance.state == "trusted" && provenance.extent == "All"', True),
    ],
)
def test_no_single_score_removes_demonetises_or_detaches(
    dimension: str, value: str, when: str, loads: bool
) -> None:
    text = GOOD.replace(WHEN, f"'{when}'").replace("display: ai_badge", f"{dimension}: {value}")
    if loads:
        parse(text, "policy.yaml")
        return
    error = refusal(text)
    assert error.startswith(f"policy.yaml:11:15: rules.0.actions.{dimension}: ")
    assert "single detector score" in error
    human = "requires: human\n    review: {queue: q, priority: 1}\n    reason_code"
    parse(text.replace("reason_code", human), "policy.yaml")


def test_a_missing_signal_is_no_second_one_either() -> None:
    text = GOOD.replace(WHEN, "uploader.fraud_score > 0.9").replace(
        "display: ai_badge", "monetisation: exclude"
    )
    parse(text, "policy.yaml")
    assert "single detector score" in refusal(text.replace("on_missing: skip", "on_missing: match"))


def test_an_override_cannot_loosen_the_rule_either() -> None:
    text = (
        GOOD.replace(WHEN, "uploader.fraud_score > params.sure")
        .replace("display: ai_badge", "monetisation: exclude")
        .replace("sure: 0.01", "sure: 0.9")
    )
    parse(text, "p")
    loosened = text.replace(
        "rules:",
        "overrides:\n  - {id: us, scope: {territories: [US]}, params: {sure: 0.1}, "
        "expires: 2027-01-01, why: x}\nrules:",
    )
    assert "under override 'us'" in refusal(loosened)


OVERRIDES = """\
overrides:
  - {id: us, scope: {territories: [US]}, params: {one: 0.0}, expires: 2027-01-01, why: x}
  - {id: shady, scope: {SCOPE}, params: {two: 0.0}, expires: 2027-01-01, why: x}
rules:"""


@pytest.mark.parametrize(
    ("scope", "meet"),
    [("distributors: [Shady Music]", True), ("territories: [US, CA]", True),
     ("territories: [CA]", False)],
)  # fmt: skip
def test_overrides_that_meet_cannot_loosen_it_together(scope: str, meet: bool) -> None:
    either = ['(params.one < 0.5 || declared.ai == "All")',
              '(params.two < 0.5 || declared.ai == "All")']  # fmt: skip
    text = (
        GOOD.replace(WHEN, f"'{' && '.join(either)}'")
        .replace("display: ai_badge", "availability: takedown")
        .replace("sure: 0.01", "one: 1.0, two: 1.0")
        .replace("rules:", OVERRIDES.replace("SCOPE", scope))
    )
    if meet:
        assert "under override 'shady' and 'us'" in refusal(text)
    else:
        parse(text, "policy.yaml")


def test_a_test_names_the_territory_in_which_it_evaluates() -> None:
    track = "given: {label: {extent: All}}"
    cases = "\n".join(
        f"  - {{name: in {place}, {track}, territory: {place}, expect: {{matched: {matched}}}}}"
        for place, matched in (("DE", "[one]"), ("FR", "[]"), ("Worldwide", "[]"))
    )
    text = GOOD.replace("    reason_code", "    territories: [DE]\n    reason_code", 1)
    text = text.partition("\ntests:")[0] + f"\ntests:\n{cases}\n"
    assert len(parse(text, "p", TODAY).tests) == 3
    wrong = text.replace("territory: FR", "territory: DE")
    assert "matched is [one], expected []" in refusal(wrong)
    assert "'Germany' is not a country's two letters" in refusal(text.replace("[DE]", "[Germany]"))
