"""A policy file: faults with their place, what loads, its digest."""

from pathlib import Path

import pytest
import yaml

from streams.policy.bundle import BundleError, load, parse
from streams.runtime.settings import Settings
from tests.support.policy_texts import GOOD, RULE, TODAY, WHEN, refusal


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
         "rules.0.actions.availability: 'hold' waits for a person: add requires: human"),
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
        ("params: {sure: 0.01}", "params: {sure: 0.01, loud: true}\noverrides:\n  - {id: o, "
         "scope: {territories: [CN]}, params: {loud: very}, expires: 2027-01-01, why: x}",
         "params.loud is True: keep its type"),
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


def test_a_country_is_not_a_boolean() -> None:
    agreements = """\
agreements:
  - {id: A, grantee: G, generators: [T], valid_from: 2026-01-01, territories: [NO, DE]}
"""
    assert parse(GOOD + agreements, "p").agreements[0].territories == ("NO", "DE")
    assert "ends before it starts" in refusal(
        GOOD + agreements.replace("valid_from", "valid_until: 2025-01-01, valid_from")
    )


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
