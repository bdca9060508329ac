"""Tracks: found by search, shown with their story; what is not there is a plain page."""

import pytest
from sqlalchemy import func

from streams.contract.records import Extent, Mark, Outcome, Provenance, TrustAnchor
from streams.store.tables import FINGERPRINTS
from tests.support.console import Console
from tests.support.stories import tell


def test_a_track_is_found_by_its_title_and_shown_with_its_story(console: Console) -> None:
    tell(console.resources.ledger, "T/1 ü", title="A song about rain")
    tell(console.resources.ledger, "T-2", title="Another")
    viewer = console.browser("viewer")
    html = viewer.get("/tracks?search=%20rain%20").text
    assert 'href="/tracks/T/1%20%C3%BC"' in html
    assert "T-2" not in html
    page = viewer.get("/tracks/T/1%20%C3%BC")
    assert page.status_code == 200
    assert "A song about rain" in page.text


def test_a_mark_in_the_file_is_shown_and_its_song_is_in_the_story(console: Console) -> None:
    mark = Mark(generator="Suno", kind="tag", strength="strong", place="woas", song_id="song-1")
    _, requested = tell(
        console.resources.ledger,
        outcome=Outcome.NO_TRACE,
        provenance=Provenance(marks=(mark,)),
    )
    assert requested is not None
    viewer = console.browser("viewer")
    html = viewer.get("/tracks/T-1").text
    assert "Marked in the file as made with AI" in html
    assert "Suno, song song-1 (woas)" in html
    assert "Anyone can write a mark" in html
    assert "The file names the song song-1 of Suno." in html
    task = viewer.get(f"/tasks/{requested.task_id}").text
    assert "marked as made with AI" in task
    assert "Suno, song song-1 (woas)" in task


def test_the_anchor_that_confirms_a_signature_is_named(console: Console) -> None:
    signed = Provenance(
        state="trusted", signer="A signer", extent=Extent.ALL,
        anchor=TrustAnchor(name="An authority", sha256="a1" * 32),
    )  # fmt: skip
    tell(console.resources.ledger, outcome=Outcome.UNCERTAIN, provenance=signed)
    html = console.browser("viewer").get("/tracks/T-1").text
    assert "confirmed by the trust anchor An authority <code>a1a1a1a1a1a1a1a1</code>" in html
    assert "signed by A signer; the trust anchor An authority confirms it." in html


def test_a_watermark_is_shown_with_its_doubt_and_a_person_is_asked(console: Console) -> None:
    mark = Mark(
        generator="Tonemaker",
        kind="watermark",
        strength="weak",
        place="tone, in 3 excerpts",
        confidence=0.97,
    )
    _, requested = tell(
        console.resources.ledger,
        outcome=Outcome.NO_TRACE,
        provenance=Provenance(marks=(mark,)),
    )
    assert requested is not None
    assert requested.queue == "disclosure"
    viewer = console.browser("viewer")
    line = (
        "Watermark of Tonemaker in the sound (tone, in 3 excerpts, confidence 0.97; "
        "people&#39;s music sounds like it at times)"
    )
    html = viewer.get("/tracks/T-1").text
    assert line in html
    assert "Marked in the file as made with AI" not in html
    assert "The sound seems to carry the watermark of Tonemaker." in html
    task = viewer.get(f"/tasks/{requested.task_id}").text
    assert "perhaps a watermark of a generator" in task
    assert line in task


def test_a_record_of_before_the_marks_is_shown(console: Console) -> None:
    ledger = console.resources.ledger
    _, requested = tell(ledger, provenance=Provenance(state="untrusted", signer="A signer"))
    assert requested is not None
    with ledger.transaction() as connection:
        record = func.replace(FINGERPRINTS.c.record, ',"marks":[]', "")
        connection.execute(FINGERPRINTS.update().values(record=record))
    reader = console.browser("reviewer")
    assert reader.get("/tracks/T-1").status_code == 200
    assert "signed by A signer" in reader.get(f"/tasks/{requested.task_id}").text


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/tracks/T-9", "The ledger knows nothing of this track."),
        ("/evidence/dec_9.png", "There is no such decision."),
        ("/evidence/dec_9.exe", "There is no such picture."),
    ],
)
def test_what_is_not_there_is_a_page(console: Console, path: str, sentence: str) -> None:
    answer = console.browser("viewer").get(path)
    assert answer.status_code == 404
    assert sentence in answer.text


def test_a_picture_that_another_model_would_need_is_refused(console: Console) -> None:
    decided, _ = tell(console.resources.ledger)
    answer = console.browser("viewer").get(f"/evidence/{decided.decision_id}.png")
    assert answer.status_code >= 400
    assert "another model answered" in answer.text
