from datetime import date
from pathlib import Path

import pytest
import yaml

from detector.errors import Fatal
from streams.policy.bundle import Bundle, BundleError, load, parse
from streams.runtime.settings import Settings

HEAD = """\
schema_version: 2
name: test
version: 1.0.0
params: {sure: 0.01}
rules:
"""
RULE = """\
  - id: one
    version: 1
    priority: 10
    when: label.extent == "All" && label.source == "detector"
    on_missing: skip
    actions: {display: ai_badge}
    reason_code: R-ONE
"""
GOOD = HEAD + RULE
WHEN = 'label.extent == "All" && label.source == "detector"'
TODAY = date(2026, 11, 25)


def refusal(text: str, today: date | None = None) -> str:
    with pytest.raises(BundleError) as caught:
        parse(text, "policy.yaml", today)
    assert isinstance(caught.value, Fatal)
    return str(caught.value)


def test_the_default_policy_loads_today_and_passes_its_own_tests() -> None:
    bundle = load(Settings().policy, TODAY)
    assert [agreement.id for agreement in bundle.agreements] == ["AGR-SAMPLE-1"]
    assert bundle.ref.name == "earmark-default"
    assert len(bundle.ref.digest) == 64
    assert len(bundle.tests) >= 8


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        # --- form ---
        ("display: ai_badge", "displya: ai_badge", "policy.yaml:11:15: rules.0.actions.displya: "
         "unknown key 'displya'; did you mean 'display'?"),
        ("ai_badge", "badge", "policy.yaml:11:15: rules.0.actions.display: 'badge' is not one of "
         "'none', 'ai_badge' or 'partly_ai_badge'"),
        ("    reason_code: R-ONE\n", "", "policy.yaml:6:5: rules.0.reason_code is missing: add it"),
        ("R-ONE", "because", "policy.yaml:12:5: rules.0.reason_code: 'because' is not a reason"),
        ("version: 1.0.0", "version: '1'", "policy.yaml:3:1: version: '1' is not a version"),
        ("name: test", "name: test\nname: again", "policy.yaml:3:1: key 'name' stands twice"),
        ("display: ai_badge", "availability: hold", "policy.yaml:11:15: "
         "rules.0.actions.availability: 'hold' waits for somebody: add requires: human"),
        ("reason_code", "requires: human\n    reason_code", "policy.yaml:12:5: rules.0.requires: "
         "requires: human needs review"),
        ("reason_code", "review: {queue: q, priority: 1}\n    reason_code", "a review needs"),
        ("reason_code", "mode: canary 200%\n    reason_code", "policy.yaml:12:5: rules.0.mode: "
         "a canary takes more than 0%"),
        ("reason_code", "mode: trial\n    reason_code", "rules.0.mode: 'trial' is not a mode"),
        ("reason_code", "ends_after: soon\n    reason_code", "write 72h or 30d"),
        ("reason_code", "finding: fraud\n    reason_code", "only a person can find that"),
        ("name: test", "name: &a test\ndefaults: *a", "policy.yaml:3:11: aliases"),
        ("name: test", "name: !!python/name:os.system x", "tag"),
        ("rules:", "rules: [", "this is not YAML"),
        # --- conditions ---
        (WHEN, "{extent: [All]}", "policy.yaml:9:5: rules.0.when: a condition is CEL text"),
        (WHEN, 'label.extend == "All"', "policy.yaml:9:11: rules.0.when: there is no feature "
         "'label.extend'; did you mean 'label.extent'?"),
        (WHEN, 'label.extent == "all"', "policy.yaml:9:27: rules.0.when: label.extent is never "
         "'all'; did you mean 'All'?"),
        (WHEN, "label.extent == 1", "policy.yaml:9:24: rules.0.when: a text and a number are "
         "never equal"),
        (WHEN, "label.extent = 'All'", "policy.yaml:9:24: rules.0.when: '=' is not CEL: write "
         "'=='"),
        (WHEN, "ai.p_value < params.sur", "policy.yaml:9:24: rules.0.when: there is no parameter "
         "'sur'; did you mean 'sure'?"),
        (WHEN, "ai.p_value", "a condition is true or false, and this is a number"),
        (WHEN, "label.licensed &&", "the condition ends too early"),
        (WHEN, "os.system('x') == 1", "there is no method 'system'"),
        (WHEN, "__import__ == 1", "there is no feature '__import__'"),
        (WHEN, '"|\n      label.licensed', "this is not YAML"),
        (WHEN, "|\n      label.licensed\n      && label.extnt == 'All'", "policy.yaml:11:10: "
         "rules.0.when: there is no feature 'label.extnt'"),
        (WHEN, 'label.extent == "All" && label.extent == "None"', "policy.yaml:9:11: rules.0.when: "
         "this can never hold"),
        (WHEN, "ai.p_value < 0.1 && ai.p_value > 0.5", "this can never hold"),
        (WHEN, "signals.independent > 3 && !label.licensed && label.licensed", "can never hold"),
        ("    on_missing: skip\n", "", ""),
        # --- overrides, tests ---
        ("rules:", "overrides:\n  - {id: o, scope: {territories: [CN]}, params: {sure: high}, "
         "expires: 2027-01-01, why: x}\nrules:", "policy.yaml:6:50: overrides.0.params.sure: "
         "params.sure is 0.01: keep its type"),
        ("rules:", "overrides:\n  - {id: o, scope: {}, params: {sure: 0.1}, expires: 2027-01-01, "
         "why: x}\nrules:", "name a scope"),
        ("rules:", "overrides:\n  - {id: o, scope: {territories: [CN]}, off: [two], "
         "expires: 2027-01-01, why: x}\nrules:", "there is no rule 'two'"),
        ("rules:", "tests:\n  - {name: t, given: {label.extent: All}, "
         "expect: {display: none}}\nrules:", "policy.yaml:6:52: tests.0.expect.display: "
         "test 't': display is ai_badge, expected none; rules that hold: [one]"),
        ("rules:", "tests:\n  - {name: t, given: {label: {extent: All}}, "
         "expect: {matched: [two]}}\nrules:", "there is no rule 'two'"),
        ("rules:", "tests:\n  - {name: t, given: {label: {extnt: All}}, "
         "expect: {matched: []}}\nrules:", "policy.yaml:6:31: tests.0.given.label.extnt: "
         "there is no feature 'label.extnt'"),
        ("rules:", "tests:\n  - {name: t, given: {ai: {p_value: low}}, "
         "expect: {matched: []}}\nrules:", "ai.p_value is a number, not 'low'"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place_and_what_to_do(old: str, new: str, answer: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if answer:
        assert answer in refusal(text)
    else:
        parse(text, "policy.yaml")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("version: 1.0.0", "version: 1.0", "3:1: version: 1.0 is not a version of three numbers"),
        ("priority: 10", "mode: lvie", "8:5: rules.0.mode: 'lvie' is not a mode: draft, shadow,"),
        ("R-ONE", "one", "rules.0.reason_code: 'one' is not a reason code, as in R-MY-RULE"),
        ("id: one", "id: One", "'One' is not a name of small letters"),
        ("&&", "and", "9:33: rules.0.when: 'and' is not expected here: write &&"),
        ("rules:", "x: " + "[" * 3_000 + "]" * 3_000 + "\nrules:", "5:33: nested deeper than 30"),
    ],
)
def test_a_fault_is_told_without_patterns(old: str, new: str, text: str) -> None:
    error = refusal(GOOD.replace(old, new, 1))
    assert text in error
    assert "^" not in error


@pytest.mark.parametrize("pattern", ["(?=a)b", "(", "a{1001}{1001}"])
@pytest.mark.parametrize("by_parameter", [False, True])
def test_what_the_library_cannot_find_is_refused_before_any_track_comes(
    pattern: str, by_parameter: bool
) -> None:
    written = "params.who" if by_parameter else f'"{pattern}"'
    text = GOOD.replace(WHEN, f"'delivery.distributor.matches({written})'")
    error = refusal(text.replace("sure: 0.01", f"sure: 0.01, who: '{pattern}'"))
    assert "rules.0.when: no regular expression: " in error


def test_a_regular_expression_is_no_feature() -> None:
    text = GOOD.replace(WHEN, "'delivery.distributor.matches(label.source)'")
    assert "a regular expression is written out, or a parameter" in refusal(text)


@pytest.mark.parametrize("when", ["delivery.distributor == params.who",
                                  "delivery.distributor.matches(params.who)",
                                  "params.who in declared.tools"])  # fmt: skip
def test_a_word_may_stand_in_a_parameter(when: str) -> None:
    text = GOOD.replace(WHEN, f"'{when}'").replace("sure: 0.01", "who: shady")
    parse(text, "p")
    if "tools" not in when:
        assert "single detector score" in refusal(
            text.replace("display: ai_badge", "profile: detach")
        )


@pytest.mark.parametrize("name", ["^Shady", "Shady.*$", "[A-Z]{3}-[0-9]+"])
def test_a_regular_expression_may_hold(name: str) -> None:
    parse(GOOD.replace(WHEN, f"delivery.distributor.matches('{name}')"), "p")
    text = GOOD.replace(WHEN, f"delivery.distributor.matches('{name}') && label.extent == 'All'")
    assert "single detector score" in refusal(text.replace("display: ai_badge", "profile: detach"))


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


def test_all_faults_are_reported_at_once_in_the_order_of_lines() -> None:
    text = GOOD.replace("1.0.0", "one").replace("priority: 10", "priority: high")
    lines = refusal(text.replace("ai_badge", "badge")).splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        f"policy.yaml:{at}" for at in ("3:1", "8:5", "11:15")
    ]
    two = RULE.replace("id: one", "id: two").replace("label.extent", "label.extend")
    lines = refusal(GOOD.replace('"detector"', '"radio"') + two).splitlines()
    assert [line.split(":")[1] for line in lines] == ["9", "16"]


@pytest.mark.parametrize("text", ["", "- 1", "just words", "\x00"])
def test_what_is_no_policy_at_all(text: str) -> None:
    assert refusal(text).startswith("policy.yaml:1:1: ")


def test_ids_stand_once() -> None:
    assert "policy.yaml:13:5: rules.1.id: id 'one' stands twice" in refusal(GOOD + RULE)


def test_a_country_is_not_a_boolean() -> None:
    agreements = """\
agreements:
  - {id: A, grantee: G, generators: [T], valid_from: 2026-01-01, territories: [NO, DE]}
"""
    assert parse(GOOD + agreements, "p").agreements[0].territories == ("NO", "DE")
    assert "ends before it starts" in refusal(
        GOOD + agreements.replace("valid_from", "valid_until: 2025-01-01, valid_from")
    )


@pytest.mark.parametrize(
    ("dimension", "value"),
    [("availability", "takedown"), ("monetisation", "exclude"), ("profile", "detach")],
)
@pytest.mark.parametrize(
    ("when", "loads"),
    [
        ('ai.outcome == "ai_likely"', False),
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
        ('label.source == "registry" && ai.outcome == "ai_likely"', False),
        ('review.by_person && ai.outcome == "ai_likely"', False),
        ('size(review.findings) > 0 && ai.outcome == "ai_likely"', False),
        ('"not_fraud" in review.findings && ai.outcome == "ai_likely"', False),
        ('provenance.state == "trusted" && ai.outcome == "ai_likely"', False),
        ('provenance.aigc == "3" && ai.outcome == "ai_likely"', False),  # a detector's word
        ('size(declared.components) > 0 && ai.outcome == "ai_likely"', False),  # its cover
        ('rights.agreement == "revoked" && ai.outcome == "ai_likely"', False),
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


def test_the_digest_is_of_the_content_and_not_of_the_text(tmp_path: Path) -> None:
    default = Settings().policy
    content = yaml.safe_load(default.read_text())
    content["rules"].reverse()
    content["tests"].pop()
    rewritten = tmp_path / "policy.yaml"
    rewritten.write_text("# another layout\n" + yaml.safe_dump(content, sort_keys=True))
    assert load(rewritten).digest == load(default).digest
    content["rules"][0]["version"] += 1
    rewritten.write_text(yaml.safe_dump(content))
    assert load(rewritten).digest != load(default).digest


def test_a_default_that_is_written_out_is_the_same_policy() -> None:
    spelt = GOOD.replace("display: ai_badge", "display: ai_badge, availability: allow")
    assert parse(spelt, "a").digest == parse(GOOD, "b").digest


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        load(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff")
    with pytest.raises(BundleError, match="cannot be read"):
        load(tmp_path / "latin.yaml")
