"""Files that artists hand in: what is taken, what is refused, what is erased."""

import io
import zipfile
from pathlib import Path

import pytest

from detector.errors import BadInput
from streams.media.artefacts import ArtefactStore
from streams.media.kept_audio import Arriving, KeptUploads
from streams.runtime.settings import Settings
from streams.services import appeal_files, artist_links, erasure
from streams.services.appeal_files import AppealFile, BadFile, kind_of, safe_name
from streams.services.signed_links import ArtistLink, LinkSigner
from streams.store import appeal_files as file_store
from streams.store import audit
from streams.store.database import Ledger
from tests.support.stories import tell

SIGNER = LinkSigner((b"k" * 40,), "https://music.example", 200)


def packed() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("song.als", b"0" * 10_000_000)  # it would be 10 MB
    return out.getvalue()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=f"file://{tmp_path}/store", appeal_file_mb=1, appeal_files_mb=2)


@pytest.fixture
def folder(settings: Settings) -> KeptUploads:
    return appeal_files.folder_of(KeptUploads.open(settings), settings)


@pytest.fixture
def link(ledger: Ledger) -> ArtistLink:
    decided, _ = tell(ledger)
    return artist_links.make(ledger, SIGNER, decided.decision_id, by="key_1").link


def take(
    ledger: Ledger,
    settings: Settings,
    folder: KeptUploads,
    link: ArtistLink,
    name: str,
    data: bytes,
) -> AppealFile:
    with Arriving(folder) as arriving:
        arriving.write(data)
        return appeal_files.take(ledger, settings, link, name, arriving)


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("Song.ZIP", b"PK\x03\x04 and more", "archive"),
        ("song.als", b"\x1f\x8b\x08", "Ableton Live"),
        ("song.flp", b"FLhd", "FL Studio"),
        ("take.wav", b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio"),
        ("take.flac", b"fLaC\x00\x00", "audio"),
        ("clip.mp4", b"\x00\x00\x00\x18ftypmp42", "video"),
        ("contract.pdf", b"%PDF-1.7", "PDF"),
        ("notes.txt", "Gitarre: ich, März".encode(), "text"),
    ],
)
def test_project_files_stems_and_documents_are_taken(name: str, head: bytes, kind: str) -> None:
    assert kind_of(name, io.BytesIO(head)) == kind


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("run.exe", b"MZ\x90", "bad_kind"),
        ("page.html", b"<script>", "bad_kind"),
        ("picture.svg", b"<svg", "bad_kind"),
        ("song", b"PK\x03\x04", "bad_kind"),
        ("song.zip", b"MZ\x90", "bad_content"),
        ("take.wav", b"PK\x03\x04", "bad_content"),
        ("notes.txt", b"MZ\x00\x00", "bad_content"),
        ("notes.txt", b"\xff\xfe\xfa", "bad_content"),
        ("song.zip.exe", b"PK\x03\x04", "bad_kind"),
    ],
)
def test_what_is_something_else_is_refused(name: str, head: bytes, reason: str) -> None:
    with pytest.raises(BadFile) as caught:
        kind_of(name, io.BytesIO(head))
    assert caught.value.reason == reason


def test_a_name_is_a_name_and_nothing_else() -> None:
    assert safe_name("../../etc/passwd.zip") == "passwd.zip"
    assert safe_name("C:\\Users\\me\\Song (final).als") == "Song (final).als"
    assert safe_name("a\r\nX: y\u202egnp.zip") == "aX ygnp.zip"
    assert safe_name("...") == "file"
    assert len(safe_name("x" * 5_000 + ".zip")) <= appeal_files.LONGEST_NAME
    assert safe_name("x" * 5_000 + ".zip").endswith(".zip")
    assert safe_name("\udcff.zip") == "zip", "no half of a character"


def test_a_file_is_kept_as_it_came_and_never_unpacked(
    ledger: Ledger, settings: Settings, folder: KeptUploads, link: ArtistLink
) -> None:
    data = packed()
    file = take(ledger, settings, folder, link, "Song.zip", data)
    assert (file.name, file.kind, file.type, file.size) == (
        *("Song.zip", "archive", "daw_session"),
        len(data),
    )
    again, source = appeal_files.reading(ledger, folder, file.file_id)
    with source:
        assert source.read() == data
    assert again == file
    assert file.evidence.uri == f"earmark:file/{file.file_id}"
    (entry,) = audit.listed(ledger, file.file_id, None, 9).rows
    assert (entry["actor"], entry["action"]) == (link.link_id, "appeal_file_added")
    with pytest.raises(BadFile):
        appeal_files.reading(ledger, folder, "fil_none")


def test_files_have_a_quota_by_upload_whatever_the_link(
    ledger: Ledger,
    settings: Settings,
    folder: KeptUploads,
    link: ArtistLink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(BadInput, match="at most 1048576 bytes"):
        take(ledger, settings, folder, link, "a.txt", b"a" * (2**20 + 1))
    with pytest.raises(BadInput, match="no bytes"):
        take(ledger, settings, folder, link, "a.txt", b"")
    for letter in (b"a", b"b"):
        take(ledger, settings, folder, link, "a.txt", letter * (900 * 1024))
    other = artist_links.make(ledger, SIGNER, link.decision_id, by="key_2").link
    with pytest.raises(BadFile, match="All files together may have 2 MB"):
        take(ledger, settings, folder, other, "a.txt", b"c" * (900 * 1024))
    monkeypatch.setattr(appeal_files, "MOST_FILES", 2)
    with pytest.raises(BadFile, match="You can hand in 2 files"):
        take(ledger, settings, folder, link, "a.txt", b"d")
    kept = [path for path in Path(folder.root).rglob("*") if path.is_file()]
    assert len(kept) == 2, "what was refused is gone"


def test_an_unsent_file_can_be_removed_and_goes_by_itself(
    ledger: Ledger,
    settings: Settings,
    folder: KeptUploads,
    link: ArtistLink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = take(ledger, settings, folder, link, "a.txt", b"one")
    same = take(ledger, settings, folder, link, "b.txt", b"one")
    sent = take(ledger, settings, folder, link, "c.txt", b"two")
    with ledger.transaction() as connection:
        file_store.attach(connection, [sent.file_id], "apl_1")
    for file in (first, sent):
        appeal_files.remove(ledger, folder, link, file.file_id)
    names = [file.name for file in appeal_files.of_side(ledger, link)]
    assert names == ["b.txt", "c.txt"], "what was sent stays"
    assert folder.has(same.sha256), "another file has the same content"
    monkeypatch.setattr(appeal_files, "UNSENT_KEPT", -appeal_files.UNSENT_KEPT)
    assert appeal_files.clean(ledger, folder) == 1
    assert not folder.has(same.sha256)
    assert folder.has(sent.sha256)


def test_the_erasure_of_a_track_takes_its_files(
    ledger: Ledger, settings: Settings, folder: KeptUploads, link: ArtistLink
) -> None:
    file = take(ledger, settings, folder, link, "a.txt", b"mine")
    store = ArtefactStore.open(settings.store)
    planned = erasure.erase(ledger, store, ["T-1"], who="test", really=False)
    assert planned.rows["appeal_files"] == 1
    assert folder.has(file.sha256)
    erasure.erase(ledger, store, ["T-1"], who="test", really=True)
    assert not folder.has(file.sha256)
    assert appeal_files.of_side(ledger, link) == []
