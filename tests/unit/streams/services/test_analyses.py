"""What scoring stored observations costs, asked without storing anything."""

from pathlib import Path

from streams.contract.records import ObservationRef
from streams.media.artefacts import ArtefactStore
from streams.runtime.settings import Settings
from streams.services.analyses import seconds_each
from tests.support.scoring import observation, put


def test_the_cost_is_of_those_that_can_be_read_and_nothing_is_stored(tmp_path: Path) -> None:
    settings = Settings(store=f"file://{tmp_path}")
    store = ArtefactStore.open(settings.store)
    good, bad = put(store, observation(1).to_bytes()), put(store, b"garbage")
    gone = ObservationRef(uri=f"file://{tmp_path}/gone", version=1, sha256="a" * 64)
    before = sorted(tmp_path.rglob("*"))
    cost = seconds_each(settings, settings.model, [bad, good, gone])
    assert cost is not None
    assert cost > 0
    assert seconds_each(settings, settings.model, [bad, gone]) is None
    assert sorted(tmp_path.rglob("*")) == before
