from pathlib import Path

import pytest
import yaml

from detector.errors import Fatal
from streams.policy.bundle import BundleError, load, parse
from streams.settings import Settings

HEAD = """\
schema_version: 1
name: test
version: 1.0.0
rules:
"""
RULE = """\
  - id: one
    version: 1
    priority: 10
    when: {extent: [All], source: [detector]}
    actions: {display: ai_badge}
    reason_code: R-ONE
"""
GOOD = HEAD + RULE


def refusal(text: str) -> str:
    with pytest.raises(BundleError) as caught:
        parse(text, "policy.yaml")
    assert isinstance(caught.value, Fatal)
    return str(caught.value)


def test_the_default_policy_loads() -> None:
    bundle = load(Settings().policy)
    assert [agreement.id for agreement in bundle.agreements] == ["AGR-SAMPLE-1"]
    assert bundle.ref.name == "earmark-default"
    assert len(bundle.ref.digest) == 64


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("display: ai_badge", "displya: ai_badge", "policy.yaml:9: rules.0.actions.displya: "
         "unknown key 'displya'; did you mean 'display'?"),
        ("extent: [All]", "ai: true", "policy.yaml:8: rules.0.when.ai: unknown key 'ai'; "
         "known here: certainty, coverage"),
        ("ai_badge", "badge", "policy.yaml:9: rules.0.actions.display: 'badge' is not one of "
         "'none', 'ai_badge' or 'partly_ai_badge'"),
        ("[All]", "[Al]", "policy.yaml:8: rules.0.when.extent.0: 'Al' is not one of"),
        ("[All]", "[]", "policy.yaml:8: rules.0.when.extent is empty"),
        ("{extent: [All], source: [detector]}", "{}", "policy.yaml:8: rules.0.when: a rule "
         "without a condition"),
        ("    reason_code: R-ONE\n", "", "policy.yaml:5: rules.0.reason_code is missing: add it"),
        ("R-ONE", "because", "policy.yaml:10: rules.0.reason_code: 'because' does not match"),
        ("version: 1.0.0", "version: '1'", "policy.yaml:3: version: '1' does not match"),
        ("name: test", "name: test\nname: again", "policy.yaml:3: key 'name' stands twice"),
        ("source: [detector]", "p_value: {min: 0.5, max: 0.1}", "policy.yaml:8: "
         "rules.0.when.p_value.min: min 0.5 is above max 0.1"),
        ("source: [detector]", "p_value: {}", "rules.0.when.p_value: a range needs"),
        ("source: [detector]", "p_value: {max: .nan}", "p_value.max: Input should be a"),
        ("source: [detector]", "distributor: {any_of: [A], none_of: [B]}", "either any_of or"),
        ("display: ai_badge", "availability: hold", "policy.yaml:9: rules.0.actions.availability: "
         "'hold' waits for somebody: add requires: human"),
        ("reason_code", "requires: human\n    reason_code", "policy.yaml:10: rules.0.requires: "
         "requires: human needs review"),
        ("reason_code", "review: {queue: q, priority: 1}\n    reason_code", "a review needs"),
        ("source: [detector]", "outcome: &a [uncertain], source: *a", "policy.yaml:8: aliases"),
        ("name: test", "name: !!python/name:os.system x", "tag"),
        ("rules:", "rules: [", "this is not YAML"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_line_and_what_to_do(old: str, new: str, said: str) -> None:
    assert old in GOOD
    assert said in refusal(GOOD.replace(old, new, 1))


def test_all_faults_are_reported_at_once_in_the_order_of_lines() -> None:
    text = GOOD.replace("1.0.0", "one").replace("priority: 10", "priority: high")
    lines = refusal(text.replace("ai_badge", "badge")).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"policy.yaml:{at}" for at in (3, 7, 9)]


@pytest.mark.parametrize("text", ["", "- 1", "just words", "\x00"])
def test_what_is_no_policy_at_all(text: str) -> None:
    assert refusal(text).startswith("policy.yaml:1: ")


def test_ids_stand_once() -> None:
    assert "policy.yaml:11: rules.1.id: id 'one' stands twice" in refusal(GOOD + RULE)


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
        ("{outcome: [ai_likely]}", False),
        ("{extent: [All], p_value: {max: 0.000001}}", False),
        ("{disclosure_mismatch: true, declared: [None]}", False),  # the same score twice
        ("{source: [detector, reviewer]}", False),
        ("{declared: [All, absent]}", False),
        ("{distributor: {any_of: [Shady Music]}}", False),
        ("{source: [reviewer, appeal]}", True),
        ("{source: [registry]}", True),
        ("{declared: [All]}", True),
    ],
)
def test_no_single_score_removes_demonetises_or_detaches(
    dimension: str, value: str, when: str, loads: bool
) -> None:
    text = GOOD.replace("{extent: [All], source: [detector]}", when).replace(
        "display: ai_badge", f"{dimension}: {value}"
    )
    if loads:
        parse(text, "policy.yaml")
        return
    said = refusal(text)
    assert said.startswith(f"policy.yaml:9: rules.0.actions.{dimension}: ")
    assert "single detector score" in said
    human = "requires: human\n    review: {queue: q, priority: 1}\n    reason_code"
    parse(text.replace("reason_code", human), "policy.yaml")


def test_the_digest_is_of_the_content_and_not_of_the_text(tmp_path: Path) -> None:
    default = Settings().policy
    content = yaml.safe_load(default.read_text())
    content["rules"].reverse()
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
