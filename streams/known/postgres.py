"""The fingerprint index in PostgreSQL, where it outgrows one machine or many must share it.

Items, banks and audit log are the same tables as in the embedded index; each index key is a
row (about 90 bytes with its indexes, 380 of them for three minutes). Several writers and
readers need nothing more: each addition is one transaction.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import sqlalchemy
from sqlalchemy import Connection, delete, func, select

from detector.postings import KEYS_OF_A_RECORDING, explained, promising
from streams.known.sql import Keys, SqlIndex
from streams.known.tables import ITEMS, POSTINGS

# As detector.postings.votes: by how unlikely it is that another item shares those keys.
_VOTES = sqlalchemy.text(
    "WITH hits AS (SELECT key, number FROM index_postings WHERE key = ANY(:keys)),"
    " held AS (SELECT 1 + greatest(reltuples, 0) / :mean AS items FROM pg_class"
    " WHERE oid = 'index_postings'::regclass),"
    " lists AS (SELECT key, count(*) / max(items) AS share,"
    " log(2.0, (1 + max(items) / count(*))::numeric)::float8 AS bits"
    " FROM hits, held GROUP BY key),"
    " chance AS (SELECT sum(share * bits) AS mean, sum(share * bits * bits) AS variance FROM lists)"
    " SELECT number, count(*), sum(bits), max(chance.mean), max(variance)"
    " FROM hits JOIN lists USING (key), chance GROUP BY number"
    " ORDER BY 3 DESC, number LIMIT :most"
)


class PostgresIndex(SqlIndex):
    """See the module and ``FingerprintIndex``."""

    def _keep_keys(self, connection: Connection, numbered: Sequence[tuple[int, Keys]]) -> None:
        raw = connection.connection.driver_connection
        if raw is None:  # pragma: no cover - a connection in use has one
            raise RuntimeError("no connection")
        with raw.cursor().copy("COPY index_postings (key, number) FROM STDIN") as copy:
            for number, keys in numbered:
                ending = f"\t{number}\n"
                copy.write("".join(f"{key}{ending}" for key in _signed(keys)))

    def _drop_keys(self, connection: Connection, numbers: Sequence[int]) -> None:
        connection.execute(delete(POSTINGS).where(POSTINGS.c.number.in_(numbers)))

    def _votes(self, keys: Keys, limit: int) -> list[int]:
        asked = {"keys": _signed(keys), "most": limit, "mean": KEYS_OF_A_RECORDING}
        with self.database.reading() as connection:
            rows = connection.execute(_VOTES, asked).all()
        if not rows:
            return []
        numbers, counts, weights, mean, variance = map(np.array, zip(*rows, strict=True))
        return promising(numbers, counts, weights, explained(float(mean[0]), float(variance[0])))

    def _sizes(self) -> tuple[int, int, int]:
        with self.database.reading() as connection:
            postings = connection.scalar(select(func.count()).select_from(POSTINGS)) or 0
            size = 0
            for table in (ITEMS, POSTINGS):
                size += connection.scalar(select(func.pg_total_relation_size(table.name))) or 0
        return postings, 0, size

    def faults(self) -> Iterator[str]:
        """Yield what is wrong: items without a key, keys without an item."""
        lost = (
            select(func.count())
            .select_from(ITEMS)
            .where(~select(POSTINGS.c.number).where(POSTINGS.c.number == ITEMS.c.number).exists())
        )
        orphans = (
            select(func.count())
            .select_from(POSTINGS)
            .where(~select(ITEMS.c.number).where(ITEMS.c.number == POSTINGS.c.number).exists())
        )
        with self.database.reading() as connection:
            if count := connection.scalar(lost):
                yield f"{count} items have no index key"
            if count := connection.scalar(orphans):
                yield f"{count} index keys have no item"


def _signed(keys: Keys) -> list[int]:
    signed: list[int] = keys.view(np.int32).tolist()
    return signed
