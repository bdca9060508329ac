"""What ``make run`` and ``submit`` write into OUT."""

from streams.contract.dead_letters import DeadLetter
from streams.ops import rows
from streams.ops.inputs import Skipped
from streams.ops.watch import Ended
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from tests.support.events import classified


def test_each_kind_of_row_names_its_status_and_its_file() -> None:
    decided = decide(classified(), load(Settings().policy)).decided
    dead = DeadLetter("tracks.uploaded", "fingerprint", "empty_file", "no bytes", "", b"", b"")
    written = [
        rows.row("one.wav", Ended(decided.upload_id, 1.0, decided), 1.0),
        rows.row("two.wav", Ended("upl_2", 1.0, dead), 1.0),
        rows.not_sent(Skipped("notes.txt", "not_audio_name", "not named like audio")),
    ]
    assert [(row["path"], row["status"]) for row in written] == [
        ("one.wav", "decided"),
        ("two.wav", "dead_letter"),
        ("notes.txt", "not_sent"),
    ]
    assert written[0]["actions"] == decided.actions.model_dump()
    assert written[1]["reason"] == "empty_file"
