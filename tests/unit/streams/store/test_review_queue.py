"""The queue of reviews is read out of an index."""

from collections.abc import Callable

import pytest
import sqlalchemy

from tests.support.console import Console
from tests.support.stories import tell


def test_the_queue_is_read_out_of_its_index(url: str, opened: Callable[[str], Console]) -> None:
    filled = opened(url)
    if filled.resources.ledger.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by what there is, and here is next to nothing")
    tell(filled.resources.ledger)
    statements: list[str] = []
    engine = filled.resources.ledger.engine

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if "FROM task_states" in statement and "LIMIT" in statement:
            statements.append(statement)

    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    reader = filled.browser("reviewer")
    for query in ("", "?show=late", "?queue=disclosure"):
        reader.get(f"/queue{query}")
    sqlalchemy.event.remove(engine, "before_cursor_execute", note)
    assert len(statements) == 3
    with filled.resources.ledger.reading() as connection:
        for statement, index in zip(statements, ("queue", "age", "name"), strict=True):
            plan = connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", ("open",) * statement.count("?")
            )
            text = " ".join(str(row[-1]) for row in plan)
            assert f"COVERING INDEX ix_task_states_{index} " in text, text
            assert "TEMP B-TREE" not in text, text
