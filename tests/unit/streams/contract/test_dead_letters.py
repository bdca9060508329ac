import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import BadInput
from streams.contract import dead_letters
from streams.contract.dead_letters import DeadLetterLimit, Limit, Message, headers_for, read

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


def test_the_limit_stops_a_deploy_that_kills_everything() -> None:
    limit = Limit(share=0.5, window=10)
    limit.count(dead=False)
    for _ in range(9):  # judged only once the window is full
        limit.count(dead=True)
    with pytest.raises(DeadLetterLimit, match="10 of the last 10"):
        limit.count(dead=True)


def test_a_process_in_which_nothing_ends_well_is_stopped_sooner() -> None:
    """A broken deployment is started again and again; each time it is given a few events."""
    limit = Limit(share=0.9, window=200)
    for _ in range(50):
        limit.count(dead=True)
    with pytest.raises(DeadLetterLimit, match="first 51 events since the start"):
        limit.count(dead=True)


def test_one_good_end_buys_the_whole_window() -> None:
    limit = Limit(share=0.9, window=200)
    limit.count(dead=False)
    for _ in range(199):
        limit.count(dead=True)
    with pytest.raises(DeadLetterLimit, match="200 of the last 200"):
        limit.count(dead=True)


def test_the_limit_bears_a_bad_share_below_it() -> None:
    limit = Limit(share=0.5, window=10)
    for number in range(200):
        limit.count(dead=number % 2 == 0)


def test_the_limit_forgets_what_left_the_window() -> None:
    limit = Limit(share=0.5, window=10)
    for dead in ([True] * 5 + [False] * 10) * 5:
        limit.count(dead=dead)
