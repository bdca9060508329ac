"""Export, restore, verify, and the manifest of what reviewers decided; on both databases."""

import io
from pathlib import Path

import pytest

from streams.services.ledger_verification import faults
from streams.store import audit
from streams.store.database import Ledger
from streams.store.export import BadExport, export, restore, tables
from tests.support.exported import filled


def content(ledger: Ledger) -> dict[str, list[dict[str, object]]]:
    return {
        table.name: [
            {
                name: bytes(value) if isinstance(value, memoryview) else value
                for name, value in row.items()
            }
            for row in ledger.pages(table.select(), *table.primary_key)
        ]
        for table in tables()
    }


def test_what_was_exported_is_restored_to_the_letter(ledger: Ledger, tmp_path: Path) -> None:
    filled(ledger)
    out = io.BytesIO()
    counts = export(ledger, out)
    assert counts["uploads"] == 2
    assert b"sessions" not in out.getvalue().split(b"\n")[0]
    other = Ledger.open(f"sqlite:///{tmp_path}/other.db")
    for _ in range(2):
        out.seek(0)
        new = restore(other, out)
    assert sum(new.values()) == 0  # the second time there was nothing to add
    assert content(other) == content(ledger)
    assert audit.verify(other) == audit.verify(ledger)
    assert list(faults(other)) == []
    other.close()


@pytest.mark.parametrize(
    "text",
    [
        b"", b"not json\n", b"[]\n", b'{"earmark_ledger": "9999", "tables": []}\n',
        b'{"earmark_ledger": "0001", "tables": []}\n{"table": "users"}\n',
        b'{"earmark_ledger": "0001", "tables": []}\n{"table": "nobody", "row": {}}\n',
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused(ledger: Ledger, text: bytes) -> None:
    with pytest.raises(BadExport):
        restore(ledger, io.BytesIO(text))
