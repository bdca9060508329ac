"""Forms of rightsholders: what they send is bound, and a thing is named once or in two parts."""

import pytest

from streams.store import rightsholders
from tests.support.rightsholders import VOICE, Singer


def test_a_thing_is_named_by_the_page_or_by_a_program(singer: Singer) -> None:
    client = singer.browser()
    assert singer.choose(client).status_code == 303
    apart = singer.choose(client, thing="", kind="voice", name=VOICE)
    assert apart.status_code == 303
    for wrong in ("voice", "voice:", ":Vera Voice", "wildcard:yes"):
        assert singer.choose(client, thing=wrong).status_code == 422, wrong
    unknown = client.post(
        f"{singer.path}/take-back/rgt_none",
        data={"csrf": singer.csrf, "proof": "x"},
        files={"file": ("", b"")},
    )
    assert (unknown.status_code, "There is no such choice" in unknown.text) == (422, True)


def test_previews_have_a_pace(singer: Singer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(singer.console.inner.state.preview_limit, "_size", 1.0)
    client = singer.browser()
    codes = [singer.choose(client).status_code for _ in range(2)]
    assert codes == [303, 429]


def test_files_of_another_kind_are_refused_and_nothing_is_drafted(singer: Singer) -> None:
    answer = singer.choose(singer.browser(), ("run.exe", b"MZ"))
    assert answer.status_code == 422
    assert "is of a kind that is not taken" in answer.text
    with singer.console.resources.ledger.reading() as connection:
        assert rightsholders.requests_of(connection, singer.signed.link.rightsholder_id) == []
