"""The wire format. A golden line that must change is a change that other releases see."""

from datetime import date
from typing import Any

import orjson
import pytest

from streams.contract.records import (
    Contributor,
    DecisionApplied,
    Declaration,
    Extent,
    InvalidRecord,
    Outcome,
    Record,
    Tool,
    TrackDecided,
    Upload,
    UploadReceived,
    parse,
)
from streams.policy.decide import decide
from tests.support.events import (
    SAMPLE_TOOL,
    UPLOADED_AT,
    agreement,
    appeal,
    classified,
    fingerprinted,
    policy_changed,
    reopened,
    rescored,
    rescoring,
    verdict,
)
from tests.support.paths import GOLDEN
from tests.support.policies import bundle, facts, rule

RECORDS = GOLDEN / "records.jsonl"


def examples() -> dict[str, Record]:
    upload = Upload(
        track_id="T-1",
        uri="file:///audio/one.wav",
        sha256="c" * 64,
        title='Año "Nuevo"\x00🎵',
        isrc="USRC17607839",
        identifiers={"upc": "00602557111111"},
        artists=("An Artist",),
        contributors=(Contributor(name="A Singer", roles=("vocalist",), ai_contribution="None"),),
        declared=Declaration(contains_ai="None", components=("lyrics",), tools=(SAMPLE_TOOL,)),
        distributor="Acme",
        territories=("DE", "NO"),
        release_date=date(2026, 12, 1),
    )
    received = UploadReceived(upload_id=upload.upload_id, upload=upload, uploaded_at=UPLOADED_AT)
    event = classified(Outcome.IDENTIFIED, declared=Declaration(contains_ai="None"))
    rates = {"identified_p_value": 0.0005, "identified_alpha": 0.001}
    event = event.model_copy(update={"analysis": event.analysis.model_copy(update=rates)})
    review: dict[str, Any] = {
        "requires": "human",
        "review": {"queue": "disclosure", "priority": 70},
    }
    trial = rule("trial", mode="shadow", actions={"display": "partly_ai_badge"})
    policy = bundle(
        *(rule(actions={"display": "ai_badge"}, public="Made with AI.", **review), trial),
        redress={"internal_url": "/appeals/new?decision={decision_id}"},
    )
    policy.__dict__["digest"] = "b" * 64  # a cached property; the rules' format may grow
    granted = agreement(credit_requirements=("A Singer",))
    licensed = event.model_copy(
        update={
            "upload": event.upload.model_copy(
                update={
                    "declared": Declaration(
                        contains_ai="All",
                        tools=(Tool(name="Songmaker", agreement_id="AGR-1"),),
                    )
                }
            )
        }
    )
    covered = decide(licensed, policy, facts(licensed, granted))
    sentence = decide(event, policy)
    labelled, decided, requested = sentence.labelled, sentence.decided, sentence.requested
    assert requested is not None
    assert sentence.shadowed is not None
    assert sentence.statement is not None
    assert covered.credits is not None
    applied = DecisionApplied(
        decision_id=decided.decision_id,
        upload_id=decided.upload_id,
        track_id=decided.track_id,
        result="applied",
    )
    records = (
        *(received, fingerprinted(), event, labelled, decided, requested, applied),
        *(verdict(undoes="vrd_0"), appeal(), agreement()),
        *(policy_changed(), reopened(), rescoring(), rescored()),
        *(sentence.shadowed, sentence.statement),
        *(covered.usages[0], covered.credits),
    )
    return {type(record).__name__: record for record in records}


def golden() -> dict[str, bytes]:
    lines = (line.split(b" ", 1) for line in RECORDS.read_bytes().splitlines())
    return {name.decode(): text for name, text in lines}


@pytest.mark.parametrize("name", list(golden()))
def test_the_wire_format_stays(name: str) -> None:
    record = examples()[name]
    assert record.to_bytes() == golden()[name]
    assert parse(type(record), golden()[name]) == record


def test_what_earlier_releases_wrote_is_read_in_the_words_of_today() -> None:
    """A detector never states that there is no AI: it found no trace."""
    event = orjson.loads(golden()["TrackDecided"])
    event["analysis"] |= {"outcome": "human_likely", "extent": "None"}
    event["label"] |= {"source": "detector", "extent": "None"}
    event["label"].pop("tier")
    read = parse(TrackDecided, orjson.dumps(event))
    assert (read.analysis.outcome, read.analysis.extent) == (Outcome.NO_TRACE, Extent.UNKNOWN)
    assert (read.label.extent, read.label.tier) == (Extent.UNKNOWN, None)
    event["analysis"] |= {"outcome": "ai_likely", "extent": "All"}
    event["label"] |= {"source": "reviewer"}
    read = parse(TrackDecided, orjson.dumps(event))
    assert (read.analysis.outcome, read.analysis.extent) == (Outcome.SUSPECTED, Extent.ALL)
    assert read.label.extent is Extent.NONE, "people may state it"
    event["analysis"]["outcome"] = "of_tomorrow"
    with pytest.raises(InvalidRecord, match=r"analysis\.outcome"):
        parse(TrackDecided, orjson.dumps(event))


def test_every_record_has_a_golden_line() -> None:
    assert golden().keys() == examples().keys()


@pytest.mark.parametrize("name", list(golden()))
def test_an_older_reader_survives_a_newer_writer(name: str) -> None:
    def newer(value: Any) -> Any:
        if isinstance(value, dict):
            # The keys of these are content and not fields.
            free = ("identifiers", "features", "fields", "texts")
            inner = {key: one if key in free else newer(one) for key, one in value.items()}
            return inner | {"of_tomorrow": 1}
        return [newer(one) for one in value] if isinstance(value, list) else value

    record, content = examples()[name], orjson.loads(golden()[name])
    assert parse(type(record), orjson.dumps(newer(content))) == record


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("upload", "isrc"), "not an isrc", "upload.isrc"),
        (("upload", "territories"), ["Germany"], "upload.territories.0"),
        (("upload", "declared", "contains_ai"), "Some", "upload.declared.contains_ai"),
        (("upload", "track_id"), "", "upload.track_id"),
        (("upload", "sha256"), "C" * 64, "upload.sha256"),
        (("uploaded_at",), "2026-11-23T12:00:00", "uploaded_at"),
        (("uploaded_at",), "0001-01-01T00:00:00+14:00", "uploaded_at"),
        (("uploaded_at",), "9999-12-31T23:59:59-05:00", "uploaded_at"),
        (("upload_id",), "upl\x001", "upload_id"),
        (("upload", "track_id"), "T\x00", "upload.track_id"),
        (("upload", "distributor"), "Ac\x9fme", "upload.distributor"),
        (("upload", "track_id"), "T" * 257, "upload.track_id"),
    ],
)
def test_a_wrong_field_is_named(path: tuple[str, ...], value: object, field: str) -> None:
    content = orjson.loads(golden()["UploadReceived"])
    inner = content
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(InvalidRecord, match=field):
        parse(UploadReceived, orjson.dumps(content))


def test_what_cannot_be_said_in_json_is_left_out() -> None:
    decided = parse(TrackDecided, golden()["TrackDecided"])
    analysis = decided.analysis.model_copy(update={"score": float("inf")})
    text = decided.model_copy(update={"analysis": analysis}).to_bytes()
    assert parse(TrackDecided, text).analysis.score is None


def test_records_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        examples()["TrackDecided"].track_id = "T-2"  # type: ignore[attr-defined]
