"""Duplicates in a bank, with the names under which the ledger knows them."""

from pathlib import Path

import pytest

from streams.known.banks import Bank, BankError, Banks
from streams.known.index import Item, open_index
from streams.services.bank_duplicates import duplicates
from streams.store.database import Ledger
from tests.support.known_banks import BY
from tests.support.known_tracks import item, score, worn
from tests.support.stories import tell


def test_each_pair_of_a_bank_comes_once(ledger: Ledger, tmp_path: Path) -> None:
    tell(ledger, "T-1", artists=("Nova",), isrc="DEA123400001")
    tell(ledger, "copy", artists=("Zed",), isrc="DEA123400001")
    copy = worn(score(1), 5)
    with open_index(f"file://{tmp_path}/index") as index:
        banks = Banks(index)
        for name in ("catalogue", "other"):
            banks.create(Bank(name=name, kind="catalogue", owner="a team"), BY)
        banks.add("catalogue", [item(seed) for seed in (1, 2, 3)], BY)
        banks.add("catalogue", [Item.of("catalogue", "copy", "c" * 64, copy.to_bytes())], BY)
        banks.add("other", [Item.of("other", "elsewhere", "d" * 64, copy.to_bytes())], BY)
        pairs = list(duplicates(banks, "catalogue", ledger))
        assert pairs.count(None) == 4
        (pair,) = filter(None, pairs)
        with pytest.raises(BankError):
            list(duplicates(banks, "none", ledger))
    row = pair.row()
    assert {row["item_id"], row["other_item_id"]} == {"T-1", "copy"}
    assert (row["match_class"], row["isrc"], row["other_isrc"]) == (
        *("near_duplicate", "DEA123400001"),
        "DEA123400001",
    )
    assert row["differ"] == {"artist": True, "isrc": False, "distributor": False}
    assert pair.differ.words == "artist"
