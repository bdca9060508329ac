"""The audit log, on both databases: it only grows, and any change is detected."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy
from prometheus_client import REGISTRY
from pydantic import SecretStr
from structlog.testing import capture_logs

from streams.ops.checks.ledger import AuditHead
from streams.runtime.settings import Settings
from streams.store import audit
from streams.store.account_tables import AUDIT
from streams.store.audit import Entry, Views
from streams.store.database import Ledger, LedgerAway, Unstorable


def write(ledger: Ledger, *entries: Entry) -> None:
    with ledger.transaction() as connection:
        audit.append(connection, *entries)


def test_the_chain_holds(ledger: Ledger) -> None:
    assert audit.verify(ledger) == audit.Verified(0, audit.START)
    write(ledger, Entry("usr_1", "login"), Entry("usr_1", "task_taken", "tsk_1", {"a": [1, "é"]}))
    write(ledger, Entry("nul \0", "odd", "\ud800 \u202e 🎵", {"nul": "\0", "half": "\ud83d"}))
    chain = audit.verify(ledger)
    assert (chain.entries, chain.fault) == (3, None)
    assert chain.last_hash != audit.START


def test_a_long_subject_is_cut(ledger: Ledger) -> None:
    """PostgreSQL takes no more than 2,704 bytes into an index."""
    write(ledger, Entry("usr_1", "seen", "".join(map(chr, range(0x4E00, 0x4E00 + 1_500)))))
    assert audit.verify(ledger).fault is None


def test_many_writers_make_one_chain(ledger: Ledger) -> None:
    with ThreadPoolExecutor(4) as writers:
        list(writers.map(lambda n: write(ledger, Entry(f"usr_{n}", "login")), range(20)))
    chain = audit.verify(ledger)
    assert (chain.entries, chain.fault) == (20, None)


def test_what_is_rolled_back_leaves_no_entry(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.transaction() as connection:
            audit.append(connection, Entry("usr_1", "login"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    write(ledger, Entry("usr_2", "login"))
    assert audit.verify(ledger).entries == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log WHERE sequence = 2",
        "TRUNCATE audit_log",
    ],
)
def test_the_database_refuses_changes(ledger: Ledger, statement: str) -> None:
    if statement.startswith("TRUNCATE") and ledger.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    write(ledger, *(Entry("usr_1", "login") for _ in range(3)))
    with pytest.raises(Exception, match="append-only"), ledger.transaction() as connection:
        connection.execute(sqlalchemy.text(statement))
    assert audit.verify(ledger).entries == 3


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE audit_log SET actor = 'nobody' WHERE sequence = 2", "entry 2 has been changed"),
        ("DELETE FROM audit_log WHERE sequence = 2", "entry 2 is missing"),
        ("UPDATE audit_log SET previous = 'x' WHERE sequence = 3", "entry 3 follows another entry"),
    ],
)
def test_a_change_past_the_triggers_is_seen(ledger: Ledger, statement: str, fault: str) -> None:
    write(ledger, *(Entry("usr_1", "login") for _ in range(3)))
    with ledger.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sqlalchemy.text("ALTER TABLE audit_log DISABLE TRIGGER ALL"))
        else:
            for name in ("update", "delete"):
                connection.execute(sqlalchemy.text(f"DROP TRIGGER audit_log_no_{name}"))
        connection.execute(sqlalchemy.text(statement))
    assert audit.verify(ledger).fault == fault


def test_one_bad_view_takes_no_other_with_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's index of subjects takes no row of more than 2,704 bytes."""
    append = audit.append

    def refuse(connection: Any, *entries: Entry) -> None:
        if any(entry.subject == "bad" for entry in entries):
            raise Unstorable("unstorable", "never")
        append(connection, *entries)

    monkeypatch.setattr(audit, "append", refuse)
    letters = "".join(chr(0x4E00 + number) for number in range(1_500))
    subjects = [f"T-{number}" for number in range(20)]
    views = Views(ledger)
    views.start()
    for subject in (*subjects[:7], letters, "bad", *subjects[7:]):
        views.note(Entry("usr_1", "track_seen", subject))
    views.stop()
    with ledger.reading() as connection:
        stored = connection.scalars(sqlalchemy.select(AUDIT.c.subject)).all()
    assert set(subjects) < set(stored)
    assert len(stored) == 21
    assert audit.verify(ledger).fault is None


def test_views_wait_for_a_database_that_is_away(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, tries = audit.append, [0]

    def away(connection: Any, *entries: Entry) -> None:
        tries[0] += 1
        if tries[0] <= 8:
            raise LedgerAway("away")
        append(connection, *entries)

    monkeypatch.setattr(audit, "append", away)
    monkeypatch.setattr(audit, "RETRY_S", 0.01)
    views = Views(ledger)
    views.start()
    views.note(Entry("usr_1", "track_seen", "T-1"))
    deadline = time.monotonic() + 10
    while audit.verify(ledger).entries == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    views.stop()


@pytest.fixture
def keyed(ledger: Ledger) -> Ledger:
    """The same ledger with a key, after three entries without one."""
    write(ledger, *(Entry("usr_1", "login") for _ in range(3)))
    return with_keys(ledger, "new", "old")


def with_keys(ledger: Ledger, *keys: str) -> Ledger:
    url = ledger.engine.url.render_as_string(hide_password=False)
    return Ledger.of(Settings(ledger=url, audit_key=SecretStr(",".join(keys))))


def rewrite(ledger: Ledger, first: int, key: bytes | None) -> None:
    """Change an entry and make all hashes anew, as an owner of the database can."""
    with ledger.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sqlalchemy.text("ALTER TABLE audit_log DISABLE TRIGGER ALL"))
        else:
            for name in ("update", "delete"):
                connection.execute(sqlalchemy.text(f"DROP TRIGGER audit_log_no_{name}"))
        previous = audit.hash_of(connection, first - 1)
        query = sqlalchemy.select(AUDIT).where(AUDIT.c.sequence >= first).order_by(AUDIT.c.sequence)
        for row in connection.execute(query).all():
            values = row._asdict() | {"actor": "nobody", "previous": previous}
            previous = values["hash"] = audit._hash(values, key)
            where = AUDIT.c.sequence == row.sequence
            connection.execute(sqlalchemy.update(AUDIT).where(where).values(values))


def test_entries_before_the_key_stay_readable(ledger: Ledger, keyed: Ledger) -> None:
    assert "no entry has the key" in (audit.verify(keyed).fault or "")
    audit.begin_key(keyed)
    audit.begin_key(keyed)
    assert audit.verify(keyed).entries == 4
    assert audit.verify(keyed).fault is None
    assert audit.verify(with_keys(ledger, "newest", "new")).fault is None
    assert audit.verify(with_keys(ledger, "another")).fault == "entry 4 has been changed"
    assert audit.verify(ledger).fault == "entry 4 has a key: set EARMARK_AUDIT_KEY to check it"


def test_no_process_without_the_key_goes_on_with_the_chain(ledger: Ledger, keyed: Ledger) -> None:
    audit.begin_key(keyed)
    with pytest.raises(audit.KeyMissing):
        write(ledger, Entry("usr_1", "login"))
    assert audit.verify(keyed).fault is None


@pytest.mark.parametrize(
    ("first", "key", "fault"),
    [
        (2, None, "no entry has the key: it is not in use, or they are gone"),
        (2, b"guessed", "entry 2 has been changed"),
        (5, None, "entry 5 has no key, and those before it have"),
        (5, b"guessed", "entry 5 has been changed"),
    ],
)
def test_who_owns_the_database_cannot_write_the_chain_anew(
    keyed: Ledger, first: int, key: bytes | None, fault: str
) -> None:
    write(keyed, *(Entry("usr_1", "task_taken") for _ in range(3)))
    rewrite(keyed, first, key)
    assert audit.verify(keyed).fault == fault


def test_an_empty_log_is_a_fault_where_there_is_a_key(ledger: Ledger) -> None:
    keyed = with_keys(ledger, "key")
    assert audit.verify(keyed).fault is not None
    audit.begin_key(keyed)
    assert audit.verify(keyed).fault is None


def test_a_published_head_must_be_in_the_log(ledger: Ledger) -> None:
    write(ledger, Entry("usr_1", "login"), Entry("usr_1", "task_taken"))
    published = audit.verify(ledger).last_hash
    write(ledger, Entry("usr_1", "logout"))
    assert audit.verify(ledger, published).fault is None
    rewrite(ledger, 1, None)
    assert audit.verify(ledger).fault is None  # without a key, the chain alone shows nothing
    assert audit.verify(ledger, published).fault == f"no entry has the hash {published}"


def test_the_monitor_publishes_the_head_and_sees_that_it_is_gone(ledger: Ledger) -> None:
    def rewritten() -> float:
        return REGISTRY.get_sample_value("earmark_audit_rewritten_total") or 0.0

    before, head = rewritten(), AuditHead(ledger)
    head.measure()
    for number in range(1, 4):
        write(ledger, Entry("usr_1", "login"))
        with capture_logs() as logs:
            head.measure()
        assert logs[0]["hash"] == audit.verify(ledger).last_hash
        assert REGISTRY.get_sample_value("earmark_audit_entries") == number
    assert rewritten() == before
    rewrite(ledger, 3, None)
    head.measure()
    head.measure()
    assert rewritten() == before + 1


def test_views_are_written_a_moment_later(ledger: Ledger) -> None:
    views = Views(ledger)
    views.start()
    for number in range(50):
        views.note(Entry("usr_1", "track_seen", f"T-{number}"))
    views.stop()
    with ledger.reading() as connection:
        subjects = connection.scalars(sqlalchemy.select(AUDIT.c.subject)).all()
    assert sorted(subjects) == sorted(f"T-{number}" for number in range(50))
    assert audit.verify(ledger).fault is None
