"""Messages of deliverers and to partners on the command line."""

import json
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from typer.testing import CliRunner

from streams.cli.main import app
from streams.contract import topics
from streams.contract.records import Declaration, Outcome, Upload, UploadReceived
from streams.ops.state import State
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.services.ddex.xml import text, tree
from streams.stages.ledger import project
from streams.store.database import Ledger
from tests.support.command_line import POLICY
from tests.support.ern import VIDEO, message, purge, release
from tests.support.events import classified
from tests.support.events import message as to_message
from tests.support.events import received as received_upload

ALL = Declaration(contains_ai="All")


def test_in_prints_what_submit_takes_and_states_what_it_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "message.xml"
    file.write_bytes(message(recording="<ContainsAI>All</ContainsAI>"))
    run = CliRunner().invoke(app, ["ddex", "in", str(file)])
    assert run.exit_code == 0, run.output
    item = Upload.model_validate_json(run.stdout)
    assert item.declared.contains_ai == "All"
    assert item.uri == (tmp_path.resolve() / "audio/one track.flac").as_uri()
    assert run.stderr.splitlines() == [
        f"{file}: NewReleaseMessage M-1, ERN 4.3.2: 1 upload",
        f"{file}: passed over: SoundRecording with no file in the delivery: 1 (A2)",
        f"{file}: passed over: Image: 1 (A3)",
    ]
    old = CliRunner().invoke(app, ["ddex", str(file)])
    assert (old.exit_code, old.stdout) == (0, run.stdout)


@pytest.mark.parametrize("content", [message(), purge("3.8.2", "<ISRC>USRC17607839</ISRC>")])
def test_a_deliverer_sends_nothing_in_the_name_of_another(content: bytes, tmp_path: Path) -> None:
    """Its message would name the other's tracks, and what they contain of AI."""
    file = tmp_path / "message.xml"
    file.write_bytes(content)

    def read(*senders: str) -> tuple[int, str]:
        options = [word for name in senders for word in ("--sender", name)]
        run = CliRunner().invoke(app, ["ddex", "in", str(file), *options])
        return run.exit_code, run.stdout + run.stderr

    refused = (
        f"earmark: {file}: wrong_ddex: its sender is 'PADPIDA2014XYZ', not PADPIDA1 or PADPIDA2"
    )
    assert read("PADPIDA2", "PADPIDA1") == (1, f"{refused}\n")
    assert read("PADPIDA1", "PADPIDA2014XYZ") == read()


def test_no_message_is_silent_and_none_stops_the_others(tmp_path: Path) -> None:
    contents = {
        "bad.xml": message().replace(b"ern/432", b"ern/37D2"),
        "purge.xml": purge("3.8.2", "<ICPN>123451234509</ICPN>"),
        "videos.xml": release("4.3", VIDEO),
        "empty.xml": release("3.8.2"),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    report = tmp_path / "report.jsonl"
    names = [str(tmp_path / name) for name in contents]
    run = CliRunner().invoke(app, ["ddex", "in", *names, "--report", str(report)])
    assert (run.exit_code, run.stdout) == (1, "")
    for words in (
        "namespace 'http://ddex.net/xml/ern/37D2' is not read",
        "withdrawn by its deliverer: upc 123451234509 (purged, everywhere)",
        "passed over: Video: 1 (A8)",
        "ERN 3.8.2: 0 uploads",
        "it has no resources",
    ):
        assert words in run.stderr
    bad, purged, videos, empty = map(json.loads, report.read_text().splitlines())
    assert "37D2" in bad["refused"]
    (taken,) = purged["withdrawn"]
    assert (taken["why"], taken["identifiers"]) == ("purged", {"upc": "123451234509"})
    assert (videos["passed_over"], empty["track_ids"]) == ({"Video": ["A8"]}, [])


def test_a_withdrawal_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "purge.xml"
    file.write_bytes(purge("4.3", "<GRid>A1UCASE0000000001X</GRid>"))
    assert CliRunner().invoke(app, ["ddex", "in", str(file)]).exit_code == 3


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """An instance with a release of two tracks, a track without one and an undecided one."""
    state = tmp_path / "state"
    ledger = Ledger.open(State(state).settings(None).ledger)
    upc: dict[str, Any] = {"identifiers": {"upc": "00602557111111"}, "distributor": "Acme"}
    sent = [
        classified(track_id="T-1", isrc="USRC17607831", declared=ALL, **upc),
        classified(Outcome.NO_TRACE, track_id="T-2", isrc="USRC17607832", **upc),
        classified(Outcome.UNCERTAIN, track_id="T-3"),
        classified(Outcome.IDENTIFIED, track_id="T-5"),
        classified(Outcome.SUSPECTED, track_id="T-6"),
    ]
    for event in sent:
        received = UploadReceived(
            upload_id=event.upload_id, upload=event.upload, uploaded_at=event.uploaded_at
        )
        messages = [to_message(topics.UPLOADED, received), to_message(topics.CLASSIFIED, event)]
        outputs = decide(event, load(POLICY)).outputs()
        project(ledger, messages + [to_message(out.topic, out.record) for out in outputs])
    project(ledger, [to_message(topics.UPLOADED, received_upload("T-4"))])
    ledger.close()
    return state


def written(state: Path, *options: str, code: int = 0) -> tuple[list[Element], str]:
    """Return the messages that the command writes, and its standard error."""
    out = state / "messages"
    parties = ["--sender", "PADPIDA2014120301U", "--recipient", "PADPIDA2009101501Y"]
    words = ["ddex", "out", "--out", str(out), *parties, "--state", str(state), *options]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == code, run.output
    return [tree(file.read_bytes()) for file in sorted(out.glob("*.xml"))], run.stderr


@pytest.mark.parametrize("which", [("--track", "T-2"), ("--release", "00602557111111")])
def test_out_writes_a_message_for_the_whole_release(ledger: Path, which: tuple[str, str]) -> None:
    (root,), _ = written(ledger, *which, "--certainty", "suspected")
    assert [text(one, "ContainsAI") for one in root.iterfind("ResourceList/SoundRecording")] == [
        "All", None,  # a detector that finds no trace does not state that there is none
    ]  # fmt: skip
    assert [one.text for one in root.iter("ISRC")] == ["USRC17607831", "USRC17607832"]
    machine = root.find("ResourceList/SoundRecording/Contributor")
    assert machine is not None
    assert (text(machine, "SpecialContributor"), text(machine, "AiContribution")) == (
        "GenerativeAI", "All",
    )  # fmt: skip


def test_out_names_what_is_unknown_undecided_or_not_certain(ledger: Path) -> None:
    roots, stated = written(
        ledger, "--since", "2000-01-01", "--track", "T-4", "--certainty", "suspected"
    )
    assert len(roots) == 4
    assert "T-3: Unknown, so it has no ContainsAI" in stated
    assert "T-4: it has no decision and is left out" in stated
    _, stated = written(ledger, "--track", "T-1")  # a suspicion is no statement
    assert "T-2: suspected, so it is left out" in stated


def test_what_is_identified_goes_out_and_what_is_suspected_does_not(ledger: Path) -> None:
    (root,), stated = written(ledger, "--track", "T-5", "--track", "T-6")
    assert [one.text for one in root.iter("ContainsAI")] == ["All"]
    assert ("T-5" in stated, "T-6: suspected, so it is left out" in stated) == (False, True)
    written(ledger, "--track", "T-5", "--certainty", "confirmed", code=1)


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        (("--track", "T-4"), 1, "nothing is written"),
        ((), 2, "say which tracks"),
        (("--track", "T-1", "--sender", "Acme"), 2, "is no DPID"),
    ],
)
def test_out_that_writes_nothing_fails(
    ledger: Path, options: tuple[str, ...], code: int, why: str
) -> None:
    roots, stated = written(ledger, *options, code=code)
    assert (roots, why in stated) == ([], True)
