"""Audio on the console's pages: what is played of it, and in which ranges."""

import asyncio
import hashlib
import io
from pathlib import Path

import sqlalchemy
from starlette.types import Message

from streams.media.kept_audio import Arriving
from streams.store.account_tables import AUDIT
from streams.web.console.audio import PlayedPart
from tests.support.console import Console
from tests.support.stories import hear, tell


def test_audio_is_read_only_from_where_uploads_may_lie(console: Console) -> None:
    admin = console.browser("admin")
    own = f"file://{console.resources.uploads.root}/../ledger.db"
    for number, uri in enumerate(("file:///etc/passwd", own, "http://127.0.0.1/x", "s3://b/k")):
        decided, _ = tell(console.resources.ledger, f"T-{number}", uri=uri)
        hear(console.resources.ledger, decided, "c" * 64)
        answer = admin.get(f"/audio/{decided.upload_id}")
        assert answer.status_code == 410, uri
        assert "cannot be played" in answer.text


def test_audio_comes_in_ranges(console: Console) -> None:
    with Arriving(console.resources.uploads) as arriving:
        arriving.write(b"RIFF\0\0\0\0WAVE" + bytes(range(8, 200)))
        kept = arriving.whole()
        assert arriving.keep()
    decided, _ = tell(console.resources.ledger, uri=kept.uri)
    browser, path = console.browser("viewer"), f"/audio/{decided.upload_id}"
    assert browser.get(path).status_code == 410, "what was never heard is not served"
    hear(console.resources.ledger, decided, kept.sha256)
    whole = browser.get(path)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
    for asked, status, length, content_range in (
        ("bytes=0-3", 206, 4, "bytes 0-3/204"),
        ("bytes=200-", 206, 4, "bytes 200-203/204"),
        ("bytes=-2", 206, 2, "bytes 202-203/204"),
        ("bytes=10-9999", 206, 194, "bytes 10-203/204"),
        ("bytes=204-", 416, 0, "bytes */204"),
        ("bytes=9-2", 416, 0, "bytes */204"),
        (f"bytes={'9' * 5_000}-", 416, 0, "bytes */204"),
        (f"bytes=200-{'9' * 5_000}", 206, 4, "bytes 200-203/204"),
        (f"bytes=-{'9' * 5_000}", 206, 204, "bytes 0-203/204"),
    ):
        answer = browser.get(path, headers={"Range": asked})
        assert (answer.status_code, len(answer.content)) == (status, length), asked
        assert answer.headers["content-range"] == content_range
    assert browser.get(path, headers={"Range": "pages=1-2"}).status_code == 200
    console.resources.views.stop()  # writes what waits
    with console.resources.ledger.reading() as connection:
        question = sqlalchemy.select(AUDIT.c.action).where(AUDIT.c.action == "audio_opened")
        assert len(connection.execute(question).all()) == 1, "one listening is one line"


def test_what_was_kept_is_played_wherever_it_came_from(console: Console, tmp_path: Path) -> None:
    """``EARMARK_KEEP_AUDIO``: a web server is not asked twice, and a file may be gone."""
    content = b"RIFF" + bytes(range(100))
    (tmp_path / "fetched").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    browser = console.browser("reviewer")
    paths = []
    for track, uri in (("T-1", "https://example.org/one.wav"), ("T-2", "file:///gone/two.wav")):
        decided, _ = tell(console.resources.ledger, track, uri=uri)
        hear(console.resources.ledger, decided, sha256)
        paths.append(f"/audio/{decided.upload_id}")
    assert {browser.get(path).status_code for path in paths} == {410}
    assert console.resources.uploads.keep_copy(tmp_path / "fetched", sha256)
    assert not console.resources.uploads.keep_copy(tmp_path / "fetched", sha256), "once"
    assert {browser.get(path).content for path in paths} == {content}
    assert list((Path(console.resources.uploads.root) / ".arriving").iterdir()) == []


def test_a_file_that_was_swapped_after_the_analysis_is_not_played(
    console: Console, tmp_path: Path
) -> None:
    with Arriving(console.resources.uploads) as arriving:
        arriving.write(b"RIFF" + bytes(range(200)))
        kept = arriving.whole()
        arriving.keep()
    decided, _ = tell(console.resources.ledger, uri=kept.uri)
    hear(console.resources.ledger, decided, kept.sha256)
    browser, path = console.browser("reviewer"), f"/audio/{decided.upload_id}"
    assert browser.get(path).status_code == 200
    Path(console.resources.uploads.path(kept.sha256)).write_bytes(b"RIFF" + bytes(200) + b"FREE")
    answer = browser.get(path, headers={"Range": "bytes=1-"})
    assert answer.status_code == 410
    assert "not the file that was analysed" in answer.text


def test_a_file_is_closed_where_its_client_has_gone() -> None:
    source = io.BytesIO(bytes(1_000))
    part = PlayedPart(source, 1_000, 200, {}, "audio/wav")

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        await asyncio.Event().wait()  # it reads nothing

    asyncio.run(part({"type": "http"}, receive, send))
    assert source.closed
