"""The example of a webhook receiver, against what Earmark signs."""

import threading
import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import httpx
import pytest

from examples import webhook_receiver
from streams.services.webhooks import signature

KEY = "a secret of the test"
BODY = b'{"event": "tracks.decided", "data": {}}'


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the receiver's own work got."""
    got: list[object] = []
    monkeypatch.setattr(webhook_receiver, "apply", got.append)
    return got


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(webhook_receiver.Receiver, "secret", KEY)
    monkeypatch.setattr(webhook_receiver.Receiver, "seen", set())
    server = ThreadingHTTPServer(("127.0.0.1", 0), webhook_receiver.Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def post(url: str, delivery: str = "whd_1", *, key: str = KEY, age_s: int = 0) -> int:
    """Post as Earmark does; return the status."""
    stamp = str(int(time.time()) - age_s)
    headers = {
        "Earmark-Delivery": delivery,
        "Earmark-Timestamp": stamp,
        "Earmark-Signature": signature(key, stamp, BODY),
    }
    return httpx.post(url, content=BODY, headers=headers, trust_env=False).status_code


def test_a_signed_delivery_is_applied_once(url: str, events: list[object]) -> None:
    assert [post(url), post(url), post(url, "whd_2")] == [204, 204, 204]
    assert events == [{"event": "tracks.decided", "data": {}}] * 2


def test_a_forged_or_recorded_delivery_is_refused(url: str, events: list[object]) -> None:
    assert [post(url, key="another"), post(url, age_s=301)] == [401, 401]
    assert not webhook_receiver.is_genuine(KEY, "\N{SUPERSCRIPT TWO}", "", BODY, time.time())
    assert events == []


def test_what_could_not_be_applied_comes_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(event: object) -> None:
        raise RuntimeError("the database is away")

    monkeypatch.setattr(webhook_receiver, "apply", fail)
    assert post(url) == 500
    got: list[object] = []
    monkeypatch.setattr(webhook_receiver, "apply", got.append)
    assert post(url) == 204
    assert len(got) == 1
