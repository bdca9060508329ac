"""Uploads: a wrong field is named, and one delivery is one upload."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.contract.records import (
    InvalidRecord,
    Upload,
    UploadReceived,
    parse,
)
from streams.contract.records.uploads import AHEAD, check_delivered
from tests.support.events import (
    UPLOADED_AT,
)


def test_names_and_titles_may_contain_anything() -> None:
    item = Upload(track_id="T-1", uri="file:///one", title="NaN\x00", artists=("A\tB", "C\x92s"))
    received = UploadReceived(upload_id=item.upload_id, upload=item, uploaded_at=UPLOADED_AT)
    assert parse(UploadReceived, received.to_bytes()) == received


def test_the_same_delivery_is_the_same_upload() -> None:
    delivery = Upload(track_id="T", uri="file:///a.wav", sha256="a" * 64)
    assert (
        delivery.upload_id == Upload(track_id="T", uri="file:///a.wav", sha256="a" * 64).upload_id
    )
    moved = delivery.model_copy(update={"uri": "file:///b.wav"})
    assert moved.upload_id == delivery.upload_id  # the content is known, wherever it lies
    unhashed = delivery.model_copy(update={"sha256": None})
    assert unhashed.upload_id != unhashed.model_copy(update={"uri": "file:///b.wav"}).upload_id
    assert delivery.upload_id != delivery.model_copy(update={"title": "Other"}).upload_id


def test_a_delivery_may_be_ahead_of_our_clock_by_a_little() -> None:
    now = datetime.now(UTC)
    for ahead in (-AHEAD, timedelta(0), AHEAD - timedelta(seconds=10)):
        check_delivered(now + ahead)
    with pytest.raises(InvalidRecord, match="uploaded_at"):
        check_delivered(now + AHEAD + timedelta(seconds=10))
