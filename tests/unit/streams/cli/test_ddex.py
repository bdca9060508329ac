"""Messages of deliverers on the command line: each states what it gave."""

import json
from pathlib import Path

from typer.testing import CliRunner

from streams.cli.main import app
from streams.contract.records import Upload
from tests.support.ern import VIDEO, message, purge, release


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
    for text in (
        "namespace 'http://ddex.net/xml/ern/37D2' is not read",
        "withdrawn by its deliverer: upc 123451234509 (purged, everywhere)",
        "passed over: Video: 1 (A8)",
        "ERN 3.8.2: 0 uploads",
        "it has no resources",
    ):
        assert text in run.stderr
    bad, purged, videos, empty = map(json.loads, report.read_text().splitlines())
    assert "37D2" in bad["refused"]
    (taken,) = purged["withdrawn"]
    assert (taken["why"], taken["identifiers"]) == ("purged", {"upc": "123451234509"})
    assert (videos["passed_over"], empty["track_ids"]) == ({"Video": ["A8"]}, [])


def test_a_withdrawal_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "purge.xml"
    file.write_bytes(purge("4.3", "<GRid>A1UCASE0000000001X</GRid>"))
    assert CliRunner().invoke(app, ["ddex", "in", str(file)]).exit_code == 3
