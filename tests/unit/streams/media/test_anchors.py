"""Files of trust anchors, and why an anchor does not cover a chain."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from detector.errors import Fatal
from streams.contract.records import Certificate
from streams.media import anchors
from streams.media.anchors import Anchor
from tests.support.signing import Signatory

NOW = datetime.now(UTC)


def anchor(signatory: Signatory) -> Anchor:
    return anchors.parsed(signatory.anchor.encode())[0]


def chain(signatory: Signatory) -> tuple[Certificate, ...]:
    return tuple(one.certificate for one in anchors.parsed(signatory.chain.encode()))


def test_a_file_of_its_own_keeps_the_notes(tmp_path: Path) -> None:
    ours = Anchor.of(
        *anchors.certificates_of(Signatory.make().anchor.encode()),
        name="Ours \u202e", source="mail", imported_at="2026-11-30T12:00:00+00:00",
        imported_by="Ada",
    )  # fmt: skip
    assert anchors.keep(tmp_path, [ours]) == [ours]
    assert anchors.keep(tmp_path, [ours]) == []
    assert anchors.read(tmp_path) == (ours,)


def test_one_authority_in_two_files_is_one_anchor(tmp_path: Path) -> None:
    pem = Signatory.make().anchor
    (tmp_path / "a.pem").write_text(pem)
    (tmp_path / "b.pem").write_text(pem + Signatory.make("Other").anchor)
    (tmp_path / "notes.txt").write_text("no certificate")
    assert len(anchors.read(tmp_path)) == 2


@pytest.mark.parametrize("content", [b"no PEM", b"{broken\n", b'{"name": 1}\n', b""])
def test_a_file_that_is_none_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "one.pem").write_bytes(content)
    with pytest.raises(Fatal, match=r"EARMARK_TRUST_ANCHORS: .*one\.pem"):
        anchors.read(tmp_path)
    with pytest.raises(Fatal, match=r"none\.pem"):
        anchors.read(tmp_path / "none.pem")


@pytest.mark.parametrize(("days", "state"), [(0, "valid"), (-2, "not yet valid"), (40, "expired")])
def test_an_anchor_has_its_dates(days: int, state: str) -> None:
    assert anchor(Signatory.make()).state(NOW + timedelta(days=days)) == state


def test_it_is_told_why_none_covers_a_chain() -> None:
    us, other = Signatory.make(), Signatory.make("Other")
    same_name, old = Signatory.make(), Signatory.make(ca_days=-100)
    assert anchors.uncovered(chain(us), ()) == "There is no anchor."
    assert anchors.uncovered((), (anchor(us),)) == "The signature has no certificates."
    issuer = "CN=Test Generator Authority,O=Test Generator Authority,C=DE"
    assert anchors.uncovered(chain(us), (anchor(other),)) == f"No anchor is {issuer}."
    assert "did not sign this chain" in anchors.uncovered(chain(us), (anchor(same_name),))
    assert "is expired" in anchors.uncovered(chain(old), (anchor(old),))


def test_bytes_that_are_no_signature_have_no_chain() -> None:
    der = b"\x59\x01\x00\x30\x82" + bytes(256)
    for store in (
        b"",
        b"urn\0c2pa.signature\0",
        b"urn\0c2pa.signature\0\xff\xff\xff\xffcbor" + der,
    ):
        assert anchors.signer_chain(store, "urn", "1") == ()
