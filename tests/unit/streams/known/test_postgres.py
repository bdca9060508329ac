"""The index in PostgreSQL alone; what both backends do is in test_sql.py."""

from sqlalchemy import delete

from streams.known.index import open_index
from streams.known.tables import ITEMS, POSTINGS
from tests.support.known_tracks import item
from tests.support.postgres import private_postgres


def test_items_and_keys_without_each_other_are_told() -> None:
    with private_postgres() as url, open_index(url) as index:
        index.add([item(1), item(2)])
        assert list(index.faults()) == []
        first, second = 1, 2
        with index.database.transaction() as connection:
            connection.execute(delete(POSTINGS).where(POSTINGS.c.number == first))
            connection.execute(delete(ITEMS).where(ITEMS.c.number == second))
        no_key, no_item = index.faults()
        assert no_key == "1 items have no index key"
        assert no_item.endswith("index keys have no item")
