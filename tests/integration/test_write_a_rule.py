"""docs/start/first-rule.md, followed exactly: its blocks load and pass."""

import re
import textwrap
from datetime import date

from streams.ops import display
from streams.ops.watch import Ended
from streams.policy.bundle import Bundle, load, parse
from streams.policy.changes import changes, needs_two
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from streams.store.policy_releases import version_of
from tests.support.documents import blocks
from tests.support.events import classified

TODAY = date(2026, 11, 25)


def written(mode: str = "shadow", version: str | None = None) -> str:
    """The policy file after step 2, or with another mode and version as in step 6."""
    rule, case, params = (
        textwrap.indent(blocks()[name], "  ") for name in ("rule", "rule-test", "rule-params")
    )
    (raised,) = re.findall(r"s/\^version: \.\*/version: ([\d.]+)/", blocks()["copy-policy"])
    text = re.sub(
        r"^version: .*", f"version: {version or raised}", Settings().policy.read_text(), flags=re.M
    )
    if mode == "live":
        case = re.sub(r"expect: .*", blocks()["rule-live"].strip(), case)
    rule = rule.replace("mode: shadow", f"mode: {mode}")
    for key, block in (("rules", rule), ("tests", case), ("params", params)):
        text = re.sub(rf"^{key}:\n", f"{key}:\n{block}", text, count=1, flags=re.M)
    return text


def parsed(text: str) -> Bundle:
    return parse(text, "my-policy.yaml", TODAY)


def test_the_rule_of_the_docs_ships_on_trial_by_one() -> None:
    running, trial = load(Settings().policy), parsed(written())
    assert version_of(trial.version) > version_of(running.version), (
        "raise it in docs/start/first-rule.md"
    )
    differences = changes(running, trial)
    assert differences[0].what == "+ rule short-ai (shadow)"
    assert not needs_two(differences)


def test_what_submit_prints_names_the_track_to_explain() -> None:
    decided = decide(classified(), parsed(written())).decided
    printed = display.line("a-short-track.wav", Ended(decided.upload_id, 0.0, decided), 1.0).plain
    assert printed.endswith(f"  {decided.track_id}")
    again = display.line(decided.track_id, Ended(decided.upload_id, 0.0, decided), 1.0).plain
    assert again.count(decided.track_id) == 1


def test_and_goes_live_in_steps_by_two() -> None:
    trial = parsed(written())
    canary = parsed(written("canary 5%", "3.1.0"))
    half = parsed(written("canary 50%", "2.3.1"))  # a test does not hang on its own name
    live = parsed(written("live", "3.2.0"))
    for old, new in ((trial, canary), (canary, half), (half, live)):
        assert needs_two(changes(old, new))
