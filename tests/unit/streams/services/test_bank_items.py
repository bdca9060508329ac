"""Items of banks: a stored content under its name, and the sample that a check looks up."""

from pathlib import Path

import pytest

from detector.errors import BadInput
from streams.known.banks import Bank, Banks
from streams.known.index import open_index
from streams.media.artefacts import ArtefactStore
from streams.runtime.settings import Settings
from streams.services import bank_items
from streams.services.bank_items import item_of, sampled
from tests.support.known_banks import BY
from tests.support.known_tracks import item, score
from tests.unit.streams.media.test_artefacts import HEARD


def test_a_stored_content_is_an_item_and_what_is_not_stored_is_refused(tmp_path: Path) -> None:
    settings = Settings(store=f"file://{tmp_path}/store", ledger=f"sqlite:///{tmp_path}/ledger.db")
    store = ArtefactStore.open(settings.store)
    store.keep("ab" * 32, HEARD.__class__(**{**vars(HEARD), "landmarks": score(1).to_bytes()}))
    made = item_of("bank", "ab" * 32, "T-1", {"generator": "G"}, settings)
    assert (made.bank, made.item_id, made.generator) == ("bank", "T-1", "G")
    assert made.landmarks == score(1).to_bytes()
    for source, reason in (("cd" * 32, "not_heard"), ("T-99", "unknown_track")):
        with pytest.raises(BadInput) as refused:
            item_of("bank", source, None, {}, settings)
        assert refused.value.reason == reason


def test_the_sample_is_the_first_items_and_then_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bank_items, "SAMPLED", 2)
    with open_index(f"file://{tmp_path}/index") as index:
        banks = Banks(index)
        banks.create(Bank(name="catalogue", kind="catalogue", owner="a team"), BY)
        banks.add("catalogue", [item(seed) for seed in (1, 2, 3, 4)], BY)
        assert [found for _, found in sampled(banks)] == [True, True, True]
