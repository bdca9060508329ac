"""README: each sentence that claims something names what stands behind it, and that is there.

Behind a claim is a test, or a page that has the figure. A new sentence in README fails here until
it is listed. What ``make run`` prints is compared in ``tests/pipeline/test_up.py``.
"""

import ast
import re
import tomllib
from functools import cache
from typing import Final

import pytest

from streams.contract import topics
from streams.contract.processes import PROCESSES
from streams.contract.vocabulary import Outcome
from tests.support.paths import ROOT

README: Final = (ROOT / "README.md").read_text()
POLICY, STAGES = "tests/unit/streams/policy", "tests/unit/streams/stages"
DETECTOR, PIPELINE = "tests/unit/detector", "tests/pipeline"
UP = f"{PIPELINE}/test_up.py::test_self_made_tracks_go_every_way"

# The beginning of a sentence: a test, or a page that has its figures.
BEHIND: Final = {
    "Earmark fingerprints the tracks": f"{PIPELINE}/test_ledger_and_catalogue.py"
    "::test_from_the_hook_to_the_catalogue_and_back",
    "It answers with a p-value against human recordings": f"{DETECTOR}/calibration"
    "/test_calibration.py::test_at_most_a_share_alpha_of_exchangeable_tracks_is_flagged",
    "It gives its evidence in a sentence": "docs/explanation/evidence.md",
    "A licensed AI track keeps its label": f"{STAGES}/test_decide.py"
    "::test_licensed_ai_is_labelled_and_bears_no_penalty",
    "No detector score alone can remove": f"{POLICY}/test_territories.py"
    "::test_nothing_is_punished_of_which_only_the_detector_speaks",
    "Every decision names the model and the policy": f"{STAGES}/test_decide.py"
    "::test_every_record_says_which_model_and_which_policy",
    "You need Debian or Ubuntu with Python 3.11": "docs/start/run.md",
    "(macOS: ": "docs/start/run.md",
    "Each command sets up what it needs": "docs/start/run.md",
    "`make run` starts a broker": UP,
    "`.venv/bin/earmark submit one.mp3` sends more": f"{PIPELINE}/test_watch.py"
    "::test_an_upload_ends_as_a_decision_or_a_dead_letter",
    "`earmark scan FOLDER --out report` writes": "tests/integration/test_scan.py"
    "::test_a_killed_scan_goes_on_and_reads_nothing_twice",
    "What a file states of itself": f"{POLICY}/test_labels.py"
    "::test_a_mark_declares_and_names_generator_and_song",
    "So a track may have `no_trace`": f"{POLICY}/test_labels.py"
    "::test_a_mark_goes_with_the_label_of_its_manifest_or_tag",
    "`no_trace` states": f"{DETECTOR}/assessment/test_answer.py"
    "::test_no_trace_states_nothing_about_people",
    "An event is acknowledged after": f"{PIPELINE}/test_processor.py"
    "::test_nothing_is_lost_when_workers_die_and_return",
    "Ids are deterministic": f"{STAGES}/test_decide.py::test_the_same_input_gives_the_same_bytes",
    "A delivery without an error": f"{PIPELINE}/test_outages_on_kafka.py"
    "::test_the_hook_answers_in_time_during_an_outage_and_works_after_it",
    "To submit an upload again is harmless": f"{STAGES}/test_ingest.py"
    "::test_the_same_upload_has_the_same_id_whenever_it_comes",
    "The next page has uploads with metadata": f"{PIPELINE}/test_ledger_and_catalogue.py"
    "::test_the_example_of_the_hook_delivers_a_file",
    "`make docs` builds the site": "tests/deploy/test_site.py"
    "::test_it_loads_nothing_from_elsewhere_and_the_search_knows_every_page",
}
OUTCOMES: Final = {
    Outcome.IDENTIFIED: "test_two_witnesses_identify_and_one_suspects",
    Outcome.SUSPECTED: "test_two_witnesses_identify_and_one_suspects",
    Outcome.NO_TRACE: "test_no_trace_states_nothing_about_people",
    Outcome.UNCERTAIN: "test_each_tier_has_its_own_rate",
    Outcome.NOT_ASSESSABLE: "test_what_cannot_be_assessed_says_why",
}
# Sentences that lead to a page and claim nothing.
LEADING: Final = ("Run it continues", "The answer explains", "The way of an upload has",
                  "The overview", "Apache-2.0", "No patent search")  # fmt: skip


def sentences() -> list[str]:
    """Return the sentences of README outside of code, tables, titles and pictures; no links."""
    text = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text.replace("**", ""))
    lines = (line for line in text.splitlines() if not line.startswith(("#", "!", "|")))
    blocks = re.split(r"\n\s*\n|\n- |\n(?=\()", "\n".join(lines).replace("\n- ", "\n\n"))
    whole = (" ".join(block.split()).removeprefix("- ") for block in blocks)
    return [one for block in whole for one in re.split(r"(?<=[.)]) (?=[A-Z`(])", block) if one]


def test_every_sentence_names_what_is_behind_it() -> None:
    listed = (*BEHIND, *LEADING)
    read = sentences()
    assert [one for one in read if re.match(r"`?[\w(]", one) and not one.startswith(listed)
            and len(one) > len("`examples/ingest_hook.py`:")] == []  # fmt: skip
    assert [start for start in listed if not any(one.startswith(start) for one in read)] == []


@cache
def functions(file: str) -> set[str]:
    """Return the names of the functions of a file."""
    return {
        node.name
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize(("start", "behind"), BEHIND.items(), ids=[*BEHIND])
def test_what_is_behind_a_sentence_is_there(start: str, behind: str) -> None:
    (sentence,) = [one for one in sentences() if one.startswith(start)]
    place, _, name = behind.partition("::")
    if name:
        assert name in functions(place)
        return
    page = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", (ROOT / place).read_text())
    figures = re.findall(r"\d+(?:\.\d+)?(?: GB| %)?|\w+ to \w+ minutes", sentence)
    assert [one for one in figures if one not in " ".join(page.split())] == []


def test_the_python_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (version,) = re.findall(r"Python ([\d.]+) or newer", README)
    assert project["requires-python"] == f">={version}"


def test_the_outcomes_are_those_of_the_detector_and_each_has_a_test() -> None:
    table = README.partition("| outcome | meaning |")[2].partition("\n\n")[0]
    names = re.findall(r"^\| `(\w+)`", table, re.MULTILINE)
    assert names == [outcome.value for outcome in OUTCOMES]
    former = {"ai_likely", "human_likely"}
    assert {outcome.value for outcome in Outcome} - former == set(names)
    known = functions(f"{DETECTOR}/assessment/test_model.py")
    known |= functions(f"{DETECTOR}/assessment/test_answer.py")
    assert {*OUTCOMES.values()} <= known


def test_the_flow_names_the_processes_and_what_they_write() -> None:
    (flow,) = re.findall(r"```\n(your ingest pipeline.*?)```", README, re.DOTALL)
    written = {name: set(process.writes) for name, process in PROCESSES.items()}
    for name in ("fingerprint", "classify", "decide", "redecide", "ledger", "console"):
        assert re.search(rf"^{name}\b", flow, re.MULTILINE), name
    named = set(re.findall(r"\b[a-z]+\.[a-z_]+\b", flow)) - {"topic.dead"}
    assert named <= {topic.name for topic in topics.TOPICS}
    first = set().union(
        *(written[name] for name in ("fingerprint", "classify", "decide", "catalogue"))
    )
    assert first <= named
