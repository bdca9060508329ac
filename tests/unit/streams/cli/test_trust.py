"""Trust anchors on the command line, with authorities and files that the test makes itself."""

import json
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from streams.cli.main import app
from streams.cli.trust import story
from streams.contract.records import Provenance
from streams.media import anchors as trust
from streams.ops.state import State
from tests.support.command_line import run
from tests.support.signing import Signatory, wav

SIGNATORY = Signatory.make()
OTHER = Signatory.make("Other")
SHA256 = trust.parsed(SIGNATORY.anchor.encode())[0].certificate.sha256


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    file = tmp_path / "list.pem"
    file.write_text(f"# Two authorities\n{OTHER.anchor}\n# and\n{SIGNATORY.anchor}")
    return file


def refused(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 1
    return f"{result.output}{result.exception}"


def test_only_what_its_fingerprint_names_is_imported(bundle: Path, here: Path) -> None:
    listing = refused("trust", "import", bundle, "--state", here)
    assert "Other Authority" in listing
    assert SHA256 in listing
    assert "name what you trust" in listing
    assert not here.exists()
    spelt = ":".join(SHA256[at : at + 2] for at in range(0, 64, 2)).upper()
    words = ("trust", "import", bundle, "--fingerprint", spelt, "--source", "https://list.example",
             "--by", "Ada", "--state", here)  # fmt: skip
    assert "a dry run" in run(*words, "--dry-run")
    assert not here.exists()
    assert "1 added" in run(*words)
    assert "0 added" in run(*words)
    (line,) = run("trust", "list", "--json", "--state", here).splitlines()
    fields = json.loads(line)
    assert (fields["sha256"], fields["status"]) == (SHA256, "valid")
    assert fields["name"] == "Test Generator Authority"
    assert fields["source"] == "https://list.example"
    assert fields["imported_by"] == "Ada"
    assert fields["valid_from"] < fields["imported_at"] < fields["valid_until"]
    assert "by Ada from https://list.example" in run("trust", "list", "--state", here)


def test_a_whole_list_and_a_name_for_one(bundle: Path, here: Path) -> None:
    assert "2 added" in run("trust", "import", bundle, "--all", "--state", here)
    words = ("trust", "import", bundle, "--all", "--name", "Both", "--state", here)
    assert "single" in refused(*words)
    named = here / "named"
    run("trust", "import", bundle, "--fingerprint", SHA256, "--name", "Ours", "--state", named)
    assert f"{SHA256}  Ours  " in run("trust", "list", "--state", named)


def test_what_is_no_authority_is_refused(tmp_path: Path, here: Path) -> None:
    (tmp_path / "leaf.pem").write_text(SIGNATORY.chain)
    assert "no authority" in refused("trust", "import", tmp_path / "leaf.pem", "--all")
    (tmp_path / "none.pem").write_text("no certificate")
    assert "not certificates" in refused("trust", "import", tmp_path / "none.pem", "--all")
    unknown = ("--fingerprint", "0" * 64, "--state", here)
    assert "has none of" in refused("trust", "import", tmp_path / "leaf.pem", *unknown)


def test_an_old_setting_names_a_file(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARMARK_TRUST_ANCHORS", str(bundle))
    assert len(run("trust", "list", "--state", tmp_path).splitlines()) == 2
    assert "name a folder" in refused("trust", "import", bundle, "--all", "--state", tmp_path)


def test_a_file_has_a_signer_and_an_anchor(tmp_path: Path, bundle: Path, here: Path) -> None:
    (tmp_path / "signed.wav").write_bytes(SIGNATORY.sign(wav(6.0)))
    words = ("trust", "test", "--state", here, tmp_path / "signed.wav")
    before = run(*words, code=1)
    assert "signed by an unknown party" in before
    assert "CN=Test Generator,O=Test Generator,C=DE" in before
    assert "There is no anchor." in before
    run("trust", "import", bundle, "--all", "--state", here)
    assert f"Confirmed by the anchor Test Generator Authority ({SHA256})." in run(*words)


@pytest.mark.parametrize(
    ("provenance", "sentence"),
    [
        (Provenance(), "no manifest"),
        (Provenance(state="invalid", codes=("assertion.dataHash.mismatch",)), "dataHash.mismatch"),
        (Provenance(state="invalid"), "intact"),
        (Provenance(state="untrusted"), "The signature has no certificates."),
    ],
)
def test_why_no_anchor_confirms_is_told(provenance: Provenance, sentence: str) -> None:
    anchors = trust.parsed(SIGNATORY.anchor.encode())
    assert sentence in "\n".join(story(provenance, anchors))


def test_an_instance_reads_the_anchors_of_its_folder(bundle: Path, here: Path) -> None:
    assert State(here).settings(None).trust_anchors is None
    run("trust", "import", bundle, "--all", "--state", here)
    folder = State(here).settings(None).trust_anchors
    assert folder is not None
    assert {one.name for one in trust.read(folder)} == {"Other Authority",
                                                        "Test Generator Authority"}  # fmt: skip
    assert all(x509.load_pem_x509_certificate(one.pem.encode()) for one in trust.read(folder))
