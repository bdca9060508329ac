"""The fingerprint index in PostgreSQL, where it outgrows one machine or many must share it.

Items, banks and audit log are the same tables as in the embedded index. Each index key is a row of
about 90 bytes with its indexes; three minutes have 380 keys. Each addition is one transaction, so
there may be several writers and readers.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import sqlalchemy
from sqlalchemy import Connection, delete, func, select

from detector.matching.postings import CLOSER, KEYS_OF_A_RECORDING, MIN_KEYS, Asked, Keys
from streams.known.sql import SqlIndex
from streams.known.tables import ITEMS, POSTINGS
from streams.store.database import unmatched

# As detector.matching.postings.votes: by how unlikely it is that another item shares those quads.
_LISTS: Final = sqlalchemy.text(
    "SELECT key, count(*), (SELECT 1 + greatest(reltuples, 0) / :mean FROM pg_class"
    " WHERE oid = 'index_postings'::regclass)"
    " FROM index_postings WHERE key = ANY(:keys) GROUP BY key"
)
_HEAVIEST: Final = sqlalchemy.text(
    "WITH asked AS (SELECT * FROM unnest(:keys ::int[], :bits ::float8[]) AS asked(key, bits)),"
    " heaviest AS (SELECT number FROM (SELECT DISTINCT key, number FROM index_postings"
    "  WHERE key = ANY(:keys)) AS hits JOIN asked USING (key)"
    "  GROUP BY number HAVING count(*) >= :least ORDER BY sum(bits) DESC, number LIMIT :most)"
    " SELECT key, number, second FROM index_postings"
    " WHERE number IN (SELECT number FROM heaviest) AND key = ANY(:keys)"
)


class PostgresIndex(SqlIndex):
    """The index of a PostgreSQL database; see the module and ``SqlIndex``."""

    def _keep_keys(self, connection: Connection, numbered: Sequence[tuple[int, Keys]]) -> None:
        raw = connection.connection.driver_connection
        if raw is None:  # pragma: no cover - a connection in use has one
            raise RuntimeError("no connection")
        with raw.cursor().copy("COPY index_postings (key, number, second) FROM STDIN") as copy:
            for number, keys in numbered:
                quads = (keys >> np.uint64(8)).astype(np.uint32).view(np.int32)  # SQL's integer
                places = zip(quads.tolist(), (keys & np.uint64(255)).tolist(), strict=True)
                copy.write("".join(f"{quad}\t{number}\t{second}\n" for quad, second in places))

    def _drop_keys(self, connection: Connection, numbers: Sequence[int]) -> None:
        connection.execute(delete(POSTINGS).where(POSTINGS.c.number.in_(numbers)))

    def _votes(self, keys: Keys, limit: int) -> list[int]:
        asked = Asked.of(keys)
        quads = asked.quads.view(np.int32).tolist()
        position = {quad: number for number, quad in enumerate(quads)}
        with self.database.reading() as connection:
            lists = connection.execute(_LISTS, {"keys": quads, "mean": KEYS_OF_A_RECORDING}).all()
            if not lists:
                return []
            lengths = np.zeros(len(quads), np.int64)
            for quad, length, _ in lists:
                lengths[position[quad]] = length
            held = float(lists[0][2])
            chosen = asked.rare(lengths)
            parameters = {
                "keys": [quads[place] for place in chosen],
                "bits": asked.bits(lengths, held)[chosen].tolist(),
                "least": MIN_KEYS,
                "most": CLOSER,
            }
            rows = connection.execute(_HEAVIEST, parameters).all()
        entries = np.array([number << 8 | second for _, number, second in rows], np.uint32)
        which = np.array([position[quad] for quad, _, _ in rows], np.int64)
        return asked.count(entries, which, lengths, held).promising()[:limit]

    def _sizes(self) -> tuple[int, int, int]:
        sizes = (func.pg_total_relation_size(table.name) for table in (ITEMS, POSTINGS))
        with self.database.reading() as connection:
            postings, *size = connection.execute(
                select(select(func.count()).select_from(POSTINGS).scalar_subquery(), *sizes)
            ).one()
        return postings, 0, sum(size)

    def faults(self) -> Iterator[str]:
        """Yield every fault: items without a key, keys without an item."""
        with self.database.reading() as connection:
            if count := unmatched(connection, ITEMS.c.number, POSTINGS.c.number):
                yield f"{count} items have no index key"
            if count := unmatched(connection, POSTINGS.c.number, ITEMS.c.number):
                yield f"{count} index keys have no item"
