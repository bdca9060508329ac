"""The catalogue bank fills itself: off unless set, in any order, with repeated events."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from detector.errors import Fatal
from detector.matching.landmarks import LANDMARKS_VERSION, Landmarks
from streams.contract import topics
from streams.contract.records import Cause, TrackDecided
from streams.contract.vocabulary import BankKind
from streams.known.banks import Bank, Banks, By
from streams.known.index import open_index
from streams.known.recognition import matches_of
from streams.media.artefacts import Acoustics, ArtefactStore
from streams.policy.bundle import load
from streams.runtime.settings import Settings, SettingsError
from streams.services.reexamination import LedgerBehind, Reexamination
from streams.stages.bank_replication import BankReplication, open_replication
from streams.stages.ledger import project
from streams.stages.redecide import Redecide
from streams.store.database import Ledger
from streams.store.policy_releases import Policies
from tests.support.events import UPLOADED_AT, classified, message
from tests.support.known_tracks import digest, generation, part, score, worn


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        ledger=f"sqlite:///{tmp_path}/ledger.db",
        store=f"file://{tmp_path}/store",
        catalogue_bank="ours",
    )


@pytest.fixture
def banks(settings: Settings) -> Iterator[Banks]:
    with open_index(settings.index_url) as index:
        yield Banks(index)


@pytest.fixture
def catalogue(settings: Settings, banks: Banks) -> Iterator[BankReplication]:
    with open_replication(settings) as result:
        assert result is not None
        yield result


def keep(settings: Settings, content: str, landmarks: Landmarks) -> Acoustics:
    """Put the landmarks of a content into the store."""
    store, pcm = ArtefactStore.open(settings.store), digest(f"pcm of {content}")
    path = store._path(content, f"landmarks{LANDMARKS_VERSION}")
    store._write(path, bytes.fromhex(pcm) + landmarks.to_bytes())
    return Acoustics(pcm, landmarks.to_bytes())


def decided(track_id: str, content: str) -> TrackDecided:
    from streams.policy.decide import decide

    event = classified(track_id=track_id).model_copy(update={"content_sha256": content})
    return decide(event, load(Settings().policy)).decided


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("earmark_bank_items_total", {"result": result}) or 0.0


def test_it_is_off_unless_set(settings: Settings) -> None:
    assert Settings().catalogue_bank is None
    with open_replication(settings.model_copy(update={"catalogue_bank": None})) as result:
        assert result is None
    with pytest.raises(SettingsError, match="EARMARK_CATALOGUE_BANK"):
        Settings.from_env({"EARMARK_CATALOGUE_BANK": "Our Catalogue"})


def test_a_decided_track_is_known_when_it_comes_back(
    settings: Settings, banks: Banks, catalogue: BankReplication
) -> None:
    decoded = keep(settings, digest("a"), score(1))
    catalogue.add([decided("A", digest("a"))])
    assert matches_of("A", digest("a"), decoded, UPLOADED_AT, banks) == (), "not of itself"
    (copy,) = matches_of("B", digest("a"), decoded, UPLOADED_AT, banks)
    assert (copy.match_class, copy.bank, copy.bank_kind) == ("exact", "ours", "catalogue")
    faster = Acoustics(digest("other samples"), worn(score(1), speed=1.04).to_bytes())
    (result,) = matches_of("C", digest("c"), faster, UPLOADED_AT, banks)
    assert (result.match_class, result.item_id) == ("sped_up", "A")
    (line,) = banks.audit("ours")[:1]
    assert (line.who, line.action, line.why) == ("earmark", "add", "decided")


def test_again_changes_nothing_and_the_latest_content_of_a_track_stays(
    settings: Settings, banks: Banks, catalogue: BankReplication
) -> None:
    for name, seed in (("a", 1), ("b", 2), ("new", 3)):
        keep(settings, digest(name), score(seed))
    batch = [decided("A", digest("a")), decided("B", digest("b")), decided("A", digest("a"))]
    before = {name: counted(name) for name in ("added", "replaced", "unchanged")}
    catalogue.add(batch)
    before_again = generation(banks.index)
    catalogue.add(batch)
    assert generation(banks.index) == before_again, "nothing was written"
    assert len(banks.audit("ours")) == 2, "created, added"
    catalogue.add([*batch, decided("A", digest("new"))])
    assert {one.item_id: one.content_sha256 for one in banks.index.items()} == {
        "A": digest("new"), "B": digest("b"),
    }  # fmt: skip
    assert {name: counted(name) - was for name, was in before.items()} == {
        "added": 2, "replaced": 1, "unchanged": 3,
    }  # fmt: skip


def test_what_a_person_took_out_does_not_come_back_when_it_is_decided_again(
    settings: Settings, banks: Banks, catalogue: BankReplication
) -> None:
    keep(settings, digest("a"), score(1))
    first = decided("A", digest("a"))
    catalogue.add([first])
    banks.remove("ours", ["A"], By("anna", "blocked"))
    cause = Cause(kind="verdict", id="ver_1")
    catalogue.add([first.model_copy(update={"cause": cause})])
    assert list(banks.index.items()) == []
    catalogue.add([first])
    assert [one.item_id for one in banks.index.items()] == ["A"], "but when it is delivered again"


def test_what_cannot_be_known_is_counted_and_stops_nothing(
    settings: Settings, banks: Banks, catalogue: BankReplication
) -> None:
    keep(settings, digest("jingle"), part(score(1), 0, 4))
    keep(settings, digest("whole"), score(2))
    short, absent = counted("indistinct"), counted("not_heard")
    tracks = ("jingle", "never decoded", "whole")
    catalogue.add([decided(name.upper(), digest(name)) for name in tracks])
    assert [one.item_id for one in banks.index.items()] == ["WHOLE"]
    assert (counted("indistinct") - short, counted("not_heard") - absent) == (1, 1)


def test_a_bank_of_another_kind_is_not_filled(settings: Settings, banks: Banks) -> None:
    banks.create(Bank(name="ours", kind=BankKind.STAY_DOWN, owner="T&S"), By("anna"))
    with pytest.raises(Fatal, match="EARMARK_CATALOGUE_BANK"), open_replication(settings):
        pass


def test_redecide_fills_it_once_the_ledger_has_the_decision(
    settings: Settings, banks: Banks, catalogue: BankReplication
) -> None:
    event = classified(track_id="A")
    keep(settings, event.content_sha256, score(1))
    decisions = decided("A", event.content_sha256)
    delivered = message(topics.DECIDED, decisions)
    ledger = Ledger.open(settings.ledger)
    reexamination = Reexamination(ledger, Policies(settings.policy, ledger))
    redecide = Redecide(ledger, reexamination, 1e6, bank=catalogue)
    with pytest.raises(LedgerBehind):
        redecide.handle([delivered])
    assert list(banks.index.items()) == []
    project(ledger, [message(topics.CLASSIFIED, event), delivered])
    assert list(redecide.handle([delivered]).outputs) == []
    assert [one.item_id for one in banks.index.items()] == ["A"]
    ledger.close()
