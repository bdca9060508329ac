"""Archives and the command line of banks: all comes back, and damage is refused as a whole."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest
import zstandard
from typer.testing import CliRunner, Result

from detector.errors import EarmarkError
from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from streams.cli.bank import app
from streams.contract.vocabulary import BankKind
from streams.known import archives
from streams.known.archives import WrongArchive
from streams.known.banks import Bank, Banks, By
from streams.known.index import open_index
from streams.known.sql import SqlIndex
from streams.media.artefacts import ArtefactStore
from tests.support.known_tracks import item, query, score, worn
from tests.unit.streams.media.test_artefacts import HEARD

BY = By("anna", "a test")
Run = Callable[..., Result]


@pytest.fixture
def index(tmp_path: Path) -> SqlIndex:
    return open_index(f"file://{tmp_path}/index")


@pytest.fixture
def banks(index: SqlIndex) -> Banks:
    made = Banks(index)
    for name in ("one", "two"):
        made.create(Bank(name=name, kind=BankKind.CATALOGUE, owner="T&S", enabled_ratio=0.5), BY)
        made.add(name, [item(seed, name, note=f"{name} {seed}") for seed in range(12)], BY)
    return made


def test_all_comes_back(banks: Banks, tmp_path: Path) -> None:
    assert archives.snapshot(banks, tmp_path / "a.banks") == 24
    with open_index(f"file://{tmp_path}/other") as other:
        copy = Banks(other)
        assert archives.restore(copy, tmp_path / "a.banks", BY).added == 24
        assert copy.all() == banks.all()
        assert list(other.items(["one"])) == list(banks.index.items(["one"]))
        assert [one.item for one in other.search(query(worn(score(5))))] == [
            one.item for one in banks.index.search(query(worn(score(5))))
        ]
        old = [(line.at, line.action, line.detail) for line in banks.audit()]
        assert set(map(str, old)) <= {
            str((line.at, line.action, line.detail)) for line in copy.audit(limit=1_000)
        }
        with pytest.raises(EarmarkError, match="banks of these names: one, two"):
            archives.restore(copy, tmp_path / "a.banks", BY)


def test_some_banks_and_into_another(banks: Banks, tmp_path: Path) -> None:
    assert archives.snapshot(banks, tmp_path / "a.banks", ["two"]) == 12
    banks.create(Bank(name="three", kind=BankKind.STAY_DOWN, owner="T&S"), BY)
    changed = archives.bring_in(banks, tmp_path / "a.banks", "three", BY)
    assert changed.added == 12
    assert archives.bring_in(banks, tmp_path / "a.banks", "three", BY).unchanged == 12
    result = {one.item.bank for one in banks.index.search(query(score(5)))}
    assert result == {"one", "two", "three"}


def test_what_is_cut_or_altered_is_refused_before_any_of_it_is_used(
    banks: Banks, tmp_path: Path
) -> None:
    path = tmp_path / "a.banks"
    archives.snapshot(banks, path)
    data = path.read_bytes()
    plain = zstandard.ZstdDecompressor().stream_reader(data).read()
    compress = zstandard.ZstdCompressor().compress
    landmark = plain.index(item(3, "one").landmarks)
    swapped = bytearray(plain)
    swapped[landmark + 50] ^= 1
    damaged = {
        "cut": data[: len(data) // 2],
        "cut at the end": compress(plain[:-200]),
        "altered": compress(bytes(swapped)),
        "another kind of file": b"RIFF" + bytes(500),
        "another magic": compress(b"X" + plain[1:]),
        "huge sizes": compress(plain[:16] + b"\xff" * 12 + plain[28:]),
        "empty": b"",
    }
    with open_index(f"file://{tmp_path}/other") as other:
        copy = Banks(other)
        for name, wrong in damaged.items():
            path.write_bytes(wrong)
            with pytest.raises(WrongArchive):
                archives.restore(copy, path, BY)
            assert copy.all() == {}, name
        assert other.stats().items == {}


def test_a_snapshot_that_fails_leaves_the_one_before(banks: Banks, tmp_path: Path) -> None:
    path = tmp_path / "a.banks"
    archives.snapshot(banks, path)
    before = path.read_bytes()

    def failing() -> object:
        yield item(1)
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        archives.write(path, [], failing())  # type: ignore[arg-type]  # a generator will do
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith("banks")] == [path.name]


# --- the command line --------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("EARMARK_STORE", f"file://{tmp_path}/store")
    monkeypatch.setenv("EARMARK_INDEX", f"file://{tmp_path}/cli")
    monkeypatch.setenv("EARMARK_LEDGER", f"sqlite:///{tmp_path}/ledger.db")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--state", str(tmp_path)])

    return invoke


def test_a_bank_from_its_making_to_its_audit(run: Run, tmp_path: Path) -> None:
    def ok(*arguments: str) -> str:
        result = run(*arguments)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    ok("create", "stay-down", "--kind", "stay_down", "--owner", "T&S", "--by", "anna")
    track = tmp_path / "gone.flac"
    write_audio(track, render(3, 30.0), sample_rate_hz=RATE_HZ)
    assert "1 added" in ok("add", "stay-down", str(track), "--why", "notice 17", "--note", "n")
    store = ArtefactStore.open(f"file://{tmp_path}/store")
    heard = HEARD.__class__(**{**vars(HEARD), "landmarks": score(1).to_bytes()})
    store.keep("ab" * 32, heard)
    assert "1 added" in ok("add", "stay-down", "ab" * 32, "--id", "T-1", "--why", "notice 18")
    document = orjson.loads(ok("stats", "--json"))
    assert document["banks"]["stay-down"]["items"] == 2
    assert "stay-down  stay_down, 2 items, 100% of uploads; T&S" in ok("stats")
    assert "0 faults; 2 items looked up" in ok("verify")
    changed = ok("set", "stay-down", "--enabled-ratio", "0.1", "--why", "too many",
                 "--disable-until", "2026-12-01T00:00:00Z")  # fmt: skip
    assert orjson.loads(changed)["enabled_ratio"] == 0.1
    assert "disabled until 2026-12-01" in ok("stats")
    assert "2 items in" in ok("snapshot", str(tmp_path / "all.banks"))
    assert run("restore", str(tmp_path / "all.banks")).exit_code != 0
    assert "2 there already" in ok("import", "stay-down", str(tmp_path / "all.banks"), "--why", "x")
    assert "1 removed" in ok("remove", "stay-down", "T-1", "--why", "a mistake")
    assert run("remove", "stay-down", "T-1", "--why", "again").exit_code == 1
    audit = ok("audit", "stay-down").splitlines()
    assert [line.split()[3] for line in audit] == ["create", "add", "add", "change", "remove"]
    assert "anna create stay-down" in audit[0]
    assert "notice 18" in audit[2]


def test_a_dry_run_changes_nothing(run: Run, tmp_path: Path) -> None:
    store = ArtefactStore.open(f"file://{tmp_path}/store")
    store.keep("ab" * 32, HEARD.__class__(**{**vars(HEARD), "landmarks": score(1).to_bytes()}))
    create = ("create", "here", "--kind", "golden", "--owner", "me")
    assert run(*create, "--dry-run").exit_code == 0
    assert "here" not in run("stats").output
    assert run(*create).exit_code == 0
    assert "bank_exists" in str(run(*create, "--dry-run").exception)
    add = ("add", "here", "ab" * 32, "--why", "x")
    for words, text in (
        (add, "1 added"),
        (("set", "here", "--owner", "you", "--why", "x"), '"owner": "you"'),
        (("remove", "here", "ab" * 32, "--why", "x"), "1 removed"),
        (("import", "here", str(tmp_path / "all.banks"), "--why", "x"), "1 there already"),
    ):
        if words[0] == "remove":
            assert run(*add).exit_code == 0
            assert run("snapshot", str(tmp_path / "all.banks")).exit_code == 0
        before = run("stats", "--json").output
        result = run(*words, "--dry-run")
        assert text in result.stdout
        assert "a dry run: nothing was changed" in result.stderr
        assert run("stats", "--json").output == before
    audit = run("audit", "here").output.splitlines()
    assert [line.split()[3] for line in audit] == ["create", "add"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("create", "x", "--kind", "spam", "--owner", "me"), "kind"),
        (("add", "nobody", "ab" * 32, "--why", "x"), "there is no bank nobody"),
        (("add", "here", "cd" * 32, "--why", "x"), "no landmarks"),
        (("add", "here", "T-99", "--why", "x"), "the ledger knows no such track"),
        (("add", "here", "a", "b", "--id", "c", "--why", "x"), "--id names a single item"),
    ],
)
def test_what_cannot_be_done_says_why(run: Run, arguments: tuple[str, ...], text: str) -> None:
    run("create", "here", "--kind", "golden", "--owner", "me")
    result = run(*arguments)
    assert result.exit_code == 1
    assert text in str(result.exception)


def test_keys_of_an_archive_are_what_is_made_of_its_landmarks(banks: Banks, tmp_path: Path) -> None:
    archives.snapshot(banks, tmp_path / "a.banks")
    _, items = archives.read(tmp_path / "a.banks")
    for entry in items:
        number = int(entry.item_id[2:])
        assert entry.keys is not None
        assert (expected := item(number).keys) is not None
        assert np.array_equal(entry.keys, expected)
