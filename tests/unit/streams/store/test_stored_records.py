"""Reading stored records, also those of an earlier release that this one refuses."""

import orjson
import pytest

from streams.contract.records import MAX_WHOLE, TrackClassified, UploadReceived
from streams.store.database import Ledger
from streams.store.reopening import current_decisions
from streams.store.stored_records import fields_of, read
from streams.store.tables import ANALYSES, DECISIONS
from tests.support.events import received
from tests.support.ledger_filling import row
from tests.support.stories import tell

TEXT = received().to_bytes().decode()


@pytest.mark.parametrize(
    ("number", "reads_as"),
    [
        *(("1e999", None), ("-1e999", None), ("NaN", None), ("Infinity", None), ("0.5", 0.5)),
        *((4_000 * "9", MAX_WHOLE), ("-" + 4_000 * "9", -MAX_WHOLE), ("3", 3)),
    ],
)
def test_any_number_reads_as_one_that_every_reader_takes(
    number: str, reads_as: float | None
) -> None:
    fields = fields_of(f'{{"strikes": {number}, "nothing": NaN, "title": "T"}}')
    assert fields == {"strikes": reads_as, "nothing": None, "title": "T"}
    orjson.dumps(fields)  # the API writes it


def test_a_record_with_such_a_number_is_read() -> None:
    aged = TEXT.replace('"upload":{', f'"upload":{{"uploader":{{"strikes":{4_000 * "9"}}},', 1)
    delivery = read(UploadReceived, aged)
    assert delivery is not None
    assert delivery.upload.uploader is not None
    assert delivery.upload.uploader.strikes == MAX_WHOLE
    assert read(UploadReceived, TEXT) == received()


def test_what_is_no_such_record_is_left_out() -> None:
    assert read(TrackClassified, TEXT) is None


def test_a_row_that_cannot_be_read_stops_no_other_track(ledger: Ledger) -> None:
    tell(ledger)
    lost = {"upload_id": "upl_2", "analysis_id": "ana_1"}
    decision = {"track_id": "T-2", "decision_id": "dec_2", **lost}
    ledger.write([row(DECISIONS, **decision, record="{}"), row(ANALYSES, **lost, record="{}")])
    assert current_decisions(ledger, ["T-1", "T-2"]).keys() == {"T-1"}
