"""Resources of the web process: what is cached, and for how long."""

import itertools
from collections.abc import Callable

import pytest

from streams.runtime.settings import Settings
from streams.store import audit
from streams.store.database import Ledger
from streams.web.api import resources
from streams.web.api.resources import AppResources, Cache


@pytest.fixture
def make() -> Callable[[], int]:
    numbers = itertools.count()
    return lambda: next(numbers)


def test_a_value_is_made_once_for_each_key(make: Callable[[], int]) -> None:
    cache = Cache()
    assert [cache.get(key, make) for key in ("a", "b", "a", "b")] == [0, 1, 0, 1]


def test_a_value_that_has_lasted_is_made_again(make: Callable[[], int]) -> None:
    cache = Cache()
    assert [cache.get("a", make, lasts_s=60.0) for _ in range(2)] == [0, 0]
    assert cache.get("a", make, lasts_s=-1.0) == 1
    assert cache.get("a", make) == 1


def test_what_was_not_used_for_longest_is_forgotten(
    make: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "MOST_CACHED", 2)
    cache = Cache()
    for key in ("a", "b", "a", "c"):
        cache.get(key, make)
    assert cache.get("a", make) == 0
    assert cache.get("b", make) == 3


def test_a_value_that_could_not_be_made_is_tried_again(make: Callable[[], int]) -> None:
    def fail() -> int:
        raise OSError("away")

    cache = Cache()
    with pytest.raises(OSError, match="away"):
        cache.get("a", fail)
    assert cache.get("a", make) == 0


def test_a_view_stands_in_the_audit_log_once_all_is_closed(url: str, tmp_path: object) -> None:
    settings = Settings.model_validate({"ledger": url, "store": f"file://{tmp_path}/store"})
    with AppResources.open(settings, relaying=False) as opened:
        opened.note_view("usr_1", "track_seen", "T-1")
    ledger = Ledger.open(url)
    (entry,) = audit.listed(ledger, "T-1", None, 10).rows
    assert (entry["actor"], entry["action"]) == ("usr_1", "track_seen")
    ledger.close()
