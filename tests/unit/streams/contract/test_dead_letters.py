from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import BadInput
from streams.contract import dead_letters
from streams.contract.dead_letters import (
    Limit,
    Message,
    headers_for,
    read,
    sender_of,
)
from tests.support.events import fingerprinted, received

ERROR = BadInput("undecodable", "no frame could be decoded")
MESSAGE = Message(
    topic="tracks.uploaded",
    partition=2,
    offset=17,
    key=b"track",
    value=b"\xff\x00",
    headers=(("trace", b"abc"), (dead_letters.REASON, b"of an earlier death")),
    timestamp_ms=1_700_000_000_000,
)


def test_a_dead_letter_carries_its_source_and_says_why() -> None:
    headers = headers_for(MESSAGE, "fingerprint", ERROR)
    assert headers[0] == ("trace", b"abc")
    assert [name for name, _ in headers].count(dead_letters.REASON) == 1
    letter = read("tracks.uploaded.dead", MESSAGE.key, MESSAGE.value, headers)
    assert letter.source == "tracks.uploaded"
    assert letter.processor == "fingerprint"
    assert letter.reason == "undecodable"
    assert letter.detail == "no frame could be decoded"
    assert letter.origin == "tracks.uploaded/2/17"
    assert (letter.key, letter.value) == (b"track", b"\xff\x00")


def test_what_could_not_lie_there_as_it_came_is_told() -> None:
    null = read("t.dead", None, b"", [(dead_letters.VALUE, b"null")])
    assert (null.value, null.omitted) == (None, False)
    omitted = read("t.dead", b"k", b"", [(dead_letters.VALUE, b"omitted")])
    assert (omitted.value, omitted.omitted) == (None, True)
    assert read("t.dead", b"k", b"", []).value == b""


@given(detail=st.text(max_size=5_000))
def test_any_detail_becomes_a_header_of_bounded_size(detail: str) -> None:
    headers = dict(headers_for(MESSAGE, "fingerprint", BadInput("reason", detail)))
    assert len(headers[dead_letters.DETAIL]) <= 4 * dead_letters.MAX_DETAIL


def count(limit: Limit, times: int, reason: str | None = None, *senders: str) -> None:
    for number in range(times):
        assert limit.count(reason, senders[number % len(senders)] if senders else "") is None


def ends_of(limit: Limit, times: int, sender: str) -> list[str | None]:
    return [limit.count("unexpected_error", sender) for _ in range(times)]


def test_the_limit_pauses_a_deploy_that_kills_everything() -> None:
    limit = Limit(share=0.5, window=40)
    count(limit, 1)
    count(limit, 39, "missing_file", "a", "b")  # judged only once the window is full
    assert "40 of the last 40" in (limit.count("missing_file", "a") or "")


def test_after_a_pause_a_few_events_are_tried() -> None:
    limit = Limit(share=0.5, window=40)
    count(limit, 1)
    count(limit, 39, "missing_file", "a", "b")
    assert limit.count("missing_file", "a")
    count(limit, 10, "unexpected_error", "a", "b")
    assert "first 11 events" in (limit.count("unexpected_error", "a") or "")
    count(limit, 500)


def test_a_process_in_which_nothing_ends_well_is_paused_sooner() -> None:
    """A broken deployment is started again and again; each time it is given a few events."""
    limit = Limit(share=0.9, window=200)
    count(limit, 50, "missing_file", "a", "b")
    assert "first 51 events since the start" in (limit.count("missing_file", "a") or "")


def test_one_good_end_buys_the_whole_window() -> None:
    limit = Limit(share=0.9, window=200)
    limit.count()
    count(limit, 199, "missing_file", "a", "b")
    assert "200 of the last 200" in (limit.count("missing_file", "a") or "")


@pytest.mark.parametrize("reason", ["undecodable", "unreachable", "record_too_large"])
def test_one_sender_alone_stops_nothing(reason: str) -> None:
    limit = Limit(share=0.9, window=200)
    assert limit.count() is None
    for _ in range(100):  # ten bad uploads of one sender for each good one of others
        count(limit, 10, reason, "bad")
        assert limit.count() is None


@pytest.mark.parametrize("sender", ["bad", ""])
def test_a_flood_of_one_sender_stops_nothing_once_something_ended_well(sender: str) -> None:
    limit = Limit(share=0.9, window=20)
    limit.count()
    count(limit, 500, "undecodable", sender)
    ours = [limit.count("unexpected_error", "another") for _ in range(20)]
    assert any(ours), "a failure of our side is seen behind the flood"


def test_a_process_that_begins_with_senders_without_a_name_has_the_whole_window() -> None:
    limit = Limit(share=0.9, window=20)
    count(limit, 20, "missing_file")
    assert "first 21 events" in (limit.count("missing_file") or "")


def test_a_process_that_begins_with_a_flood_of_one_sender_goes_on() -> None:
    """A worker that is started since there is so much to do must not pause for it."""
    limit = Limit(share=0.9, window=20)
    count(limit, 9, "missing_file", "another")
    count(limit, 500, "missing_file", "bad")
    count(limit, 1)
    count(limit, 500, "missing_file", "bad")
    ours = [limit.count("unexpected_error", "another") for _ in range(20)]
    assert any(ours), "a failure of our side is seen behind the flood"


def test_an_error_that_one_sender_provokes_stops_no_other() -> None:
    limit = Limit(share=0.9, window=200)
    limit.count(None, "good")
    for _ in range(10):  # others send one upload of two hundred
        count(limit, 200, "unexpected_error", "bad")
        limit.count(None, "good")
    count(limit, 9, "unexpected_error", "good")  # now our side fails, and ends those of others, too
    assert "199 of the last 200" in (limit.count("unexpected_error", "good") or "")


@pytest.mark.parametrize("reason", ["missing_file", "unexpected_error"])
def test_a_flood_under_many_names_stops_nobody(reason: str) -> None:
    limit = Limit(share=0.9, window=200)
    limit.count(None, "good")
    unknown = [f"unknown {number}" for number in range(400)]
    for _ in range(5):
        count(limit, 400, reason, *unknown)
        count(limit, 1, None, "good")
    assert "199 of" in (next(filter(None, ends_of(limit, 20, "good"))) or ""), "our side fails"


def test_a_flood_under_many_names_is_paused_where_nobody_is_known() -> None:
    """It may be a bad deployment: how known senders end is the only difference."""
    limit = Limit(share=0.9, window=20)
    limit.count()
    names = [str(number) for number in range(100)]
    assert any(limit.count("missing_file", name) for name in names)


def test_reasons_of_our_side_count_for_every_sender() -> None:
    limit = Limit(share=0.9, window=20)
    limit.count()
    count(limit, 19, "unexpected_error", "all")
    assert "20 of the last 20" in (limit.count("unexpected_error", "all") or "")


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        (received(distributor="Label A").to_bytes(), "Label A"),
        (received(distributor="Label A", holder="A and B").to_bytes(), "A and B"),
        (received(holder="A and B").to_bytes(), "A and B"),
        (b'{"upload": {"holder": null, "distributor": null}}', ""),
        (fingerprinted().to_bytes(), ""),
        (b"junk", ""),
        (b"[1]", ""),
        (b'{"upload": 3}', ""),
        (None, ""),
    ],
)
def test_the_sender_is_the_holder_of_the_key_or_the_distributor(
    value: bytes | None, sender: str
) -> None:
    assert sender_of(replace(MESSAGE, value=value)) == sender


def test_the_limit_bears_a_bad_share_below_it() -> None:
    limit = Limit(share=0.5, window=10)
    for number in range(200):
        assert limit.count("undecodable" if number % 2 else None, str(number)) is None


def test_the_limit_forgets_what_left_the_window() -> None:
    limit = Limit(share=0.5, window=10)
    for _ in range(5):
        count(limit, 5, "unexpected_error")
        count(limit, 10)
    assert any(limit.count("unexpected_error") for _ in range(10)), "and sees what is in it"
