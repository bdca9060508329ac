"""A ledger, an index and topics of release 0.1 are upgraded and still answer.

``tests/golden/upgrade`` has them, as that release wrote them on SQLite and on PostgreSQL.
"""

import json
import lzma
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy

from streams.contract.dead_letters import Message
from streams.known.banks import Banks
from streams.known.index import Query, open_index
from streams.runtime.settings import Settings
from streams.services import ledger_verification
from streams.services.accounts import keys, users
from streams.services.policies.explanation import explained
from streams.stages.ledger import project
from streams.store import dead_letter_store, policy_releases, queries, upgrade
from streams.store.database import Ledger
from streams.store.dead_letter_store import DeadLetterFilter
from streams.store.tables import ANALYSES, DECISIONS
from streams.store.track_facts import TrackFacts
from tests.support.paths import GOLDEN
from tests.support.postgres import private_postgres
from tests.support.stories import tell

OLD = GOLDEN / "upgrade"
REVIEWED = "trk_fcd3b3e89ce4a9c7e94f4f90"  # declared None, found to be AI, corrected to Partly
KEY = "key_a9d0bcf31a2475a674569a79.1VJ3Nw-5loI4bF68J1zC-JI0vm0cSgwNQPl4Zod3lXs"
PASSWORD = "a long password"  # noqa: S105 - of the user ada in the old ledger


@dataclass(frozen=True)
class Installation:
    """Where the old ledger and index are, and an empty ledger beside them."""

    ledger: str
    index: str
    empty: str


def unpacked(name: str) -> bytes:
    return lzma.decompress((OLD / f"{name}.xz").read_bytes())


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    empty = f"sqlite:///{tmp_path}/empty.db"
    if request.param == "sqlite":
        (tmp_path / "index").mkdir()
        (tmp_path / "ledger.db").write_bytes(unpacked("ledger.db"))
        (tmp_path / "index" / "index.db").write_bytes(unpacked("index.db"))
        ledger, index = f"sqlite:///{tmp_path}/ledger.db", f"file://{tmp_path}/index"
        yield Installation(ledger, index, empty)
        return
    with private_postgres() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(unpacked("postgresql.sql"))
        assert urlsplit(url).scheme == "postgresql"
        yield Installation(url, url, empty)


def events() -> list[Message]:
    lines = map(json.loads, unpacked("events.jsonl").splitlines())
    return [
        Message(
            *(one["topic"], 0, place, one["key"] and one["key"].encode()),
            *(one["value"].encode("latin-1"),),
            tuple((name, value.encode("latin-1")) for name, value in one["headers"]),
            one["at_ms"],
        )
        for place, one in enumerate(lines)
    ]


def rows(ledger: Ledger, table: sqlalchemy.Table, *columns: str) -> list[tuple[Any, ...]]:
    question = sqlalchemy.select(*(table.c[name] for name in columns))
    with ledger.reading() as connection:
        return sorted(map(tuple, connection.execute(question).all()))


def test_an_installation_of_0_1_is_upgraded_and_answers(old: Installation) -> None:
    with closing(Ledger.open(old.ledger)) as ledger:
        with ledger.reading() as connection:
            assert upgrade.current(connection) == upgrade.HEAD
        assert list(ledger_verification.faults(ledger)) == []

        # tracks, decisions and their reasons, in the words of today
        outcomes = {row[0] for row in rows(ledger, DECISIONS, "outcome")}
        assert outcomes == {"suspected", "no_trace", "not_assessable"}
        story = [entry.table for entry in queries.story(ledger, REVIEWED)]
        assert {"uploads", "analyses", "decisions", "verdicts", "applied"} <= set(story)
        lines = list(explained(ledger, REVIEWED, Settings().policy))
        assert "Partly" in lines[1]
        assert any(line.startswith("decided again because of") for line in lines)

        # people, keys, rights, policies, dead letters
        assert users.log_in(ledger, "ada", PASSWORD, "127.0.0.1").role == "reviewer"
        key = keys.find(ledger, KEY)
        assert key is not None
        assert (key.role, key.distributors) == ("ingest", ())
        registry, _ = TrackFacts(ledger).registry("", fresh=True)
        assert {one.entry.agreement_id for one in registry if one.entry} == {"AGR-OLD-1"}
        live = policy_releases.live_bundles(ledger, "earmark-default")
        assert [one.policy.version for one in live] == ["2.9.0"]
        dead = dead_letter_store.find(ledger, DeadLetterFilter())
        assert [one.reason for one in dead] == ["unsupported_format"]

        # what the topics still have gives the same rows
        with closing(Ledger.open(old.empty)) as rebuilt:
            project(rebuilt, events())
            for table, names in (
                (DECISIONS, ("decision_id", "track_id", "outcome", "extent", "display")),
                (ANALYSES, ("analysis_id", "outcome", "extent", "score")),
            ):
                assert rows(rebuilt, table, *names) == rows(ledger, table, *names) != []

        # and it goes on
        tell(ledger, "T-new")
        assert "T-new" in {row[0] for row in rows(ledger, DECISIONS, "track_id")}

    with open_index(old.index) as index:
        assert Banks(index).get("catalogue").owner == "Earmark"
        assert list(index.faults()) == []
        items = list(index.items())
        assert len(items) == 7
        for item in items:
            hits = index.search(Query.of("0" * 64, None, item.landmarks))
            assert item.item_id in {hit.item.item_id for hit in hits}
