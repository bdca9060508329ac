"""The task page: what the file, the registry and known recordings say, unless it is blind."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from streams.contract import topics
from streams.contract.records import Declaration, Mark, Provenance, Tool
from streams.contract.records.rights import (
    Party,
    RightsChanged,
    RightsEntry,
    RightsSubject,
    rights_entry_id,
)
from streams.stages.ledger import project
from streams.store.tables import UPLOADS
from streams.web.console.story import KnownRecording
from tests.support.console import Console
from tests.support.events import fingerprinted, in_catalogue, match, message
from tests.support.stories import a_task, tell

MARK = Mark(generator="Suno", kind="tag", strength="strong", place="<comment>", song_id="song-1")
DECLARED = Declaration(contains_ai="None", tools=(Tool(name="Synth", agreement_id="AGR-7"),))


def a_story(console: Console) -> str:
    """A track that a person must look at, is like T-0, was signed, and names an agreement."""
    ledger = console.resources.ledger
    known, _ = tell(ledger, "T-0", title="The known one")
    task = a_task(ledger, "T-1", declared=DECLARED)
    provenance = Provenance(
        state="untrusted",
        signer="A <b>signer</b>",
        claim_generator="Suno 5",
        marks=(MARK, MARK.model_copy(update={"generator": "Lyria", "intact": False})),
    )
    fingerprint = fingerprinted("T-1").model_copy(
        update={
            "provenance": provenance,
            "matches": (
                match(content_sha256=known.content_sha256, speed_ratio=2.0),
                match(item_id="away", content_sha256="0" * 64),
            ),
        }
    )
    with ledger.reading() as connection:
        upload_id = connection.execute(
            select(UPLOADS.c.upload_id).where(UPLOADS.c.track_id == "T-1")
        ).scalar_one()
    fingerprint = fingerprint.model_copy(update={"upload_id": upload_id})
    entry = RightsEntry(
        agreement_id="AGR-7",
        grantor=Party(party_id="P-1", name="A label"),
        grantee="us",
        subject=RightsSubject(wildcard=True),
        uses=("voice_replica",),
        permission="revoked",
        valid_from=date(2026, 1, 1),
    )
    changed = RightsChanged(
        entry_id=rights_entry_id(entry),
        version=1,
        entry=entry,
        changed_by="test",
        changed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    project(
        ledger,
        [message(topics.FINGERPRINTED, fingerprint), message(topics.RIGHTS_CHANGED, changed, 1)],
    )
    return task


def test_a_task_says_what_file_registry_and_known_recordings_say(console: Console) -> None:
    html = console.browser("reviewer").get(f"/tasks/{a_story(console)}").text
    assert "170 s of this track are T-0, on the stay-down list" in html
    assert 'data-here="1.5" data-there="1.56" data-speed="2.0"' in html
    assert html.count("the two cannot be played side by side") == 1
    assert "signed by A &lt;b&gt;signer&lt;/b&gt;" in html
    assert "made with Suno 5" in html
    assert "Suno, song song-1 (&lt;comment&gt;)" in html
    assert "Lyria, song song-1 (&lt;comment&gt;, in a manifest that no longer fits" in html
    assert "AGR-7: voice replica withdrawn" in html
    assert "by A label, 2026-01-01 to further notice" in html


def test_task_and_track_show_under_which_names_a_recording_is_in_the_catalogue(
    console: Console,
) -> None:
    ledger = console.resources.ledger
    tell(ledger, "T-0", artists=("Nova <b>",), isrc="DEA123400001", distributor="D1")
    names: dict[str, Any] = {"artists": ("Zed",), "isrc": "DEA123400001", "distributor": "D2"}
    _, requested = tell(ledger, "T-1", matches=(in_catalogue(),), **names)
    assert requested is not None
    fingerprint = fingerprinted("T-1").model_copy(
        update={"upload_id": requested.upload_id, "matches": (in_catalogue(),)}
    )
    project(ledger, [message(topics.FINGERPRINTED, fingerprint)])
    reviewer = console.browser("reviewer")
    another = '<span class="chip dead">another</span>'
    for page in (f"/tasks/{requested.task_id}", "/tracks/T-1"):
        html = reviewer.get(page).text
        assert f"<td>Zed</td><td>Nova &lt;b&gt; {another}</td>" in html, page
        assert "<td>DEA123400001</td><td>DEA123400001</td>" in html
        assert f"<td>D2</td><td>D1 {another}</td>" in html
        assert '<a href="/tracks/T-0">T-0</a>' in html


def test_who_judges_blind_hears_of_none_of_it(console: Console) -> None:
    task = a_story(console)
    reviewer = console.browser("reviewer")
    reviewer.submit("/me", what="blind", blind="on")
    html = reviewer.get(f"/tasks/{task}").text
    assert "scores, evidence and the decision are hidden" in html
    for text in ("stay-down", "Suno 5", "song-1", "AGR-7: voice", "Known recordings"):
        assert text not in html


@pytest.mark.parametrize(
    ("offset_s", "speed", "places"),
    [(30.0, 1.0, (0.0, 30.0)), (-4.0, 2.0, (2.0, 0.0)), (None, None, (0.0, 0.0))],
)
def test_both_start_where_the_music_is_the_same(
    offset_s: float | None, speed: float | None, places: tuple[float, float]
) -> None:
    unaligned = match(offset_s=offset_s, speed_ratio=speed, start_s=None)  # as before 0.2
    recording = KnownRecording.of(unaligned, None)
    assert (recording.here_s, recording.there_s) == places
