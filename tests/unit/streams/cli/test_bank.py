"""The command line of banks."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from models.synthesis.music import RATE_HZ, render
from models.synthesis.samples import write_audio
from streams.cli.bank import app
from streams.media.artefacts import ArtefactStore
from tests.support.known_tracks import score
from tests.unit.streams.media.test_artefacts import HEARD

Run = Callable[..., Result]


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
    decoded = HEARD.__class__(**{**vars(HEARD), "landmarks": score(1).to_bytes()})
    store.keep("ab" * 32, decoded)
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
    ok("add", "stay-down", "ab" * 32, "--id", "T-2", "--why", "twice")
    assert "T-1 = T-2  exact, 60 s\n1 pair\n" in ok("duplicates", "stay-down")
    (line,) = [one for one in ok("duplicates", "stay-down", "--json").splitlines() if "{" in one]
    assert orjson.loads(line)["differ"] == {"artist": False, "isrc": False, "distributor": False}
    assert "0 pairs" in ok("duplicates", "stay-down", "--other-names")
    ok("remove", "stay-down", "T-2", "--why", "twice")
    assert "1 removed" in ok("remove", "stay-down", "T-1", "--why", "a mistake")
    assert run("remove", "stay-down", "T-1", "--why", "again").exit_code == 1
    audit = ok("audit", "stay-down").splitlines()
    assert [line.split()[3] for line in audit] == [
        "create",
        "add",
        "add",
        "change",
        "add",
        "remove",
        "remove",
    ]
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
