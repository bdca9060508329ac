"""What a partner is sent about tracks."""

from streams.store import labelled_tracks as module
from streams.store.database import Ledger
from tests.support.stories import tell


def test_a_track_with_its_current_decision(ledger: Ledger) -> None:
    decided, _ = tell(ledger, distributor="A")
    (track,) = module.labelled_tracks(ledger, [decided.track_id, "T-unknown"])
    assert track.decided == decided
    assert track.upload.distributor == "A"
    assert track.duration_s > 0


def test_tracks_of_a_release_stay_together(ledger: Ledger) -> None:
    release = {"release_id": "R-1"}
    for number in range(3):
        tell(ledger, f"T-{number}", distributor="A", identifiers=release)
    tell(ledger, "T-3", distributor="B", identifiers=release)
    tell(ledger, "T-4", distributor="A")
    assert module.tracks_of_release(ledger, "R-1") == ["T-0", "T-1", "T-2", "T-3"]
    groups = list(module.whole_releases(ledger, ["T-1", "T-0", "T-3", "T-4", "T-9"]))
    assert groups == [["T-0", "T-1", "T-2"], ["T-3"], ["T-4"], ["T-9"]]
