"""What ``make run`` and ``submit`` write into OUT, and that the README lists it."""

import re
from typing import Any

from streams.contract.dead_letters import DeadLetter
from streams.ops import display
from streams.ops.inputs import Passed
from streams.ops.watch import Ended
from streams.policy.bundle import load
from streams.policy.decide import decide
from streams.runtime.settings import Settings
from tests.support.events import classified
from tests.support.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def rows() -> list[dict[str, Any]]:
    decided = decide(classified(), load(Settings().policy)).decided
    letter = DeadLetter("tracks.uploaded", "fingerprint", "empty_file", "no bytes", "", b"", b"")
    return [
        display.row("one.wav", Ended(decided.upload_id, 1.0, decision=decided), 1.0),
        display.row("two.wav", Ended("upl_2", 1.0, dead_letter=letter), 1.0),
        display.not_sent(Passed("notes.txt", "not_audio_name", "not named like audio")),
    ]


def test_the_readme_lists_every_field_of_every_kind_of_row() -> None:
    section = README.split("### What OUT holds\n")[1].split("\n## ")[0]
    listed: dict[str, set[str]] = {}
    for fields, kinds in re.findall(r"^\| (`.+?) \| ([\w, ]+) \|", section, re.MULTILINE):
        for kind in ("decided", "dead_letter", "not_sent"):
            if kinds == "all" or kind in kinds.split(", "):
                listed.setdefault(kind, set()).update(re.findall(r"`(\w+)`", fields))
    assert listed == {row["status"]: set(row) for row in rows()}
