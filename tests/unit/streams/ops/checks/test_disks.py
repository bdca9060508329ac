"""Free space of our disks."""

from pathlib import Path

from streams.ops.checks import disks
from streams.runtime.settings import Settings
from tests.support.gauges import value


def test_only_disks_of_ours_are_looked_at(tmp_path: Path) -> None:
    here = Settings(store=f"file://{tmp_path}/store", ledger=f"sqlite:///{tmp_path}/l/ledger.db")
    assert disks.places(here) == {
        "store": tmp_path / "store",
        "ledger": tmp_path / "l",
        "index": tmp_path / "l" / "index",
    }
    disks.measure(here)  # neither folder exists yet
    free, size = (value(f"earmark_disk_{name}_bytes", place="store") for name in ("free", "size"))
    assert free is not None
    assert size is not None
    assert 0 < free < size
    away = Settings(store="memory://bucket", ledger="postgresql://db/earmark")
    assert disks.places(away) == {}
