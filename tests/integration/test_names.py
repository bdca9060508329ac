"""Names as people and machines write them, hostile ones too, at each place where one is shown.

Nothing breaks, nothing is lost: a name is kept as it is, or refused with its reason. Nowhere does
it move a cursor or reorder what is around it.
"""

import csv
import io
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
import pytest
import structlog
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console as Terminal
from typer.testing import CliRunner

from streams.cli.main import app
from streams.contract.printing import HIDDEN, on_a_page, printable
from streams.contract.records import Provenance, Upload, UploadReceived, parse
from streams.media.marks import aigc_of
from streams.media.tags import tags_of
from streams.ops.display import skipped_line
from streams.ops.inputs import Skipped
from streams.runtime import logs
from streams.runtime.settings import Settings
from streams.services import timeline
from streams.services.ddex.reading import parse as parse_message
from streams.services.ddex.xml import WrongDdex
from streams.services.spreadsheets import cell
from streams.services.upload_inputs import (
    RefusedUpload,
    event_bytes,
    read_manifest,
    upload_from_fields,
    upload_from_file,
)
from streams.store import queries
from streams.store.database import Ledger
from tests.support.console import Console
from tests.support.ern import message
from tests.support.stories import tell
from tests.support.tagging import id3

NAMES: Final = {
    "plain": "Löwe 獅子 🦁",
    "bidi": "song\u202efd.exe \u2066a\u2069 \u200f\u061c",
    "long": "n" * 4_000,
    "long for most": "n" * 1_900,
    "nul": "a\0b",
    "newlines": "a\r\nb\u2028c\u2029d\x85e",
    "terminal": "\x1b]0;owned\x07\x9b31m",
    "tag characters": "a\U000e0041b",
    "markup": "<script>alert(1)</script> {{ 7 * 7 }} $\\frac{",
    "formula": "=HYPERLINK(1)",
    "separators": "../../etc/passwd",
    "no-break": "a\xa0b\u200bc\u200dd",
    "label": 'a"b\\c',
    "not UTF-8": os.fsdecode(b"caf\xe9"),
    "lone surrogate": "a\ud800b",
}
SETTINGS: Final = Settings()
EVERY = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
UPLOAD: Final = {"track_id": "T-1", "uri": "file:///deliveries/1.wav"}


def is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def kept(name: str) -> str | None:
    """The name as an upload's title, None where it is refused."""
    return name.strip() and name if is_text(name) and len(name) <= 2_000 else None


@EVERY
def test_fields(name: str) -> None:
    fields = UPLOAD | {"title": name, "artists": ["A", name[:200]]}
    if kept(name) is None:
        with pytest.raises(RefusedUpload) as caught:
            event_bytes(upload_from_fields(fields), datetime.now(UTC), SETTINGS)
        assert is_text(caught.value.detail)
        return
    event = event_bytes(upload_from_fields(fields), datetime.now(UTC), SETTINGS)
    assert parse(UploadReceived, event).upload.title == kept(name)


@EVERY
def test_lines_of_a_manifest(name: str) -> None:
    lines = [json.dumps(UPLOAD | {"title": name}), json.dumps(UPLOAD)]
    (_, first), (_, second) = read_manifest(lines)
    assert isinstance(second, Upload)
    assert (first.title if isinstance(first, Upload) else None) == kept(name)


@EVERY
def test_files(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name.replace('/', '-')[:60]}.wav"
    try:
        file.write_bytes(b"audio")
    except (ValueError, UnicodeEncodeError):  # no system has such a file
        with pytest.raises(RefusedUpload):
            upload_from_file(file)
        return
    upload = upload_from_file(file)
    event = event_bytes(upload, datetime.now(UTC), SETTINGS)
    again = upload_from_file(str(file))
    assert (again.track_id, again.upload_id) == (upload.track_id, upload.upload_id)
    assert parse(UploadReceived, event).upload == upload


@EVERY
def test_tags_and_marks(name: str) -> None:
    tag = json.dumps({"Label": "1", "ContentProducer": name, "ProduceID": name})
    content = "AIGC\0" + tag
    file = io.BytesIO(id3(("TXXX", b"\3" + content.encode(errors="replace")), version=4))
    aigc = aigc_of(tags_of(file).texts)
    if kept(name) is None:
        return
    assert aigc is not None
    assert aigc.producer == name
    stored = Provenance(aigc=aigc).to_bytes()
    assert Provenance.model_validate_json(stored).aigc == aigc


@EVERY
def test_messages(name: str, tmp_path: Path) -> None:
    title = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", name)
    title = title.replace("&", "&amp;").replace("<", "&lt;")
    content = message().replace(b">One<", f">{title}<".encode())
    if len(name) > 2_000:
        with pytest.raises(WrongDdex, match="title"):
            parse_message(content, tmp_path)
        return
    (upload,) = parse_message(content, tmp_path).uploads
    assert upload.title is not None
    assert upload.title.split() == title.replace("&lt;", "<").split()


@EVERY
def test_pages_and_the_api(name: str, console: Console) -> None:
    if (title := kept(name)) is None:
        return
    _, requested = tell(console.resources.ledger, title=title, artists=(title[:200],))
    assert requested is not None
    browser = console.browser("reviewer")
    for path in ("/tracks", "/tracks/T-1", "/queue", f"/tasks/{requested.task_id}"):
        page = browser.get(path)
        assert page.status_code == 200
        assert not HIDDEN.search(page.text), path
        assert "<script>alert" not in page.text
    assert on_a_page(title)[:40].split("<")[0].split('"')[0].strip() in page.text
    program = console.program("viewer")
    decided = program.get("tracks/T-1/story")
    assert decided.status_code == 200
    assert orjson.loads(decided.content)


@EVERY
def test_uploads_by_http(name: str, console: Console) -> None:
    body = json.dumps(UPLOAD | {"title": name})
    answer = console.program("ingest").post(
        "uploads", content=body, headers={"content-type": "application/json"}
    )
    refused = 422 if is_text(name) else 400
    assert answer.status_code == (refused if kept(name) is None else 202), answer.text


@EVERY
def test_the_command_line(name: str, tmp_path: Path) -> None:
    words = ["ddex", "in", str(tmp_path / f"{printable(name)[:100].replace('/', '-')}.xml")]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 1
    assert printable(run.output, "\n") == run.output
    shown = CliRunner().invoke(app, ["show", name, "--state", str(tmp_path / "state")])
    assert shown.exit_code == 1
    assert printable(shown.output, "\n") == shown.output


@EVERY
def test_lines_of_submit(name: str) -> None:
    out = io.StringIO()
    skipped = Skipped(name, "missing_file", name)
    Terminal(file=out, width=10_000).print(skipped_line(skipped), soft_wrap=True)
    (line,) = out.getvalue().splitlines()
    assert line.isprintable()
    assert line.isascii() or is_text(line)


@EVERY
def test_cells(name: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerow([cell(name), "next"])
    ((text, following),) = csv.reader(io.StringIO(out.getvalue()))
    assert following == "next"
    assert not HIDDEN.search(text)
    assert not text.startswith("=")


@EVERY
def test_logs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    try:
        structlog.get_logger().info("name_read", title=name)
    finally:
        structlog.reset_defaults()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isascii()
    assert json.loads(line)["title"] == name


@EVERY
def test_metrics(name: str) -> None:
    if not is_text(name):
        return  # no record holds it
    registry = CollectorRegistry()
    Gauge("tracks", "Of a name.", ["name"], registry=registry).labels(name).set(1)
    (family,) = text_string_to_metric_families(generate_latest(registry).decode())
    assert family.samples[0].labels == {"name": name}


def test_the_ledger_on_both_databases(ledger: Ledger) -> None:
    for number, name in enumerate(NAMES.values()):
        if (title := kept(name)) is None:
            continue
        track_id = f"T-{number}"
        tell(ledger, track_id, title=title, artists=(title[:200],))
        rows = queries.story(ledger, track_id)
        (upload,) = [row.record["upload"] for row in rows if row.table == "uploads"]
        assert upload["title"] == title
        assert all(timeline.as_text(entry).isprintable() for entry in timeline.story(rows, {}))
