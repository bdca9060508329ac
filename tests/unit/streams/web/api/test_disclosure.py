"""What a key reads of a decision."""

from dataclasses import replace
from datetime import UTC, datetime

from streams.contract.vocabulary import LabelSource
from streams.policy.decide import decide
from streams.services.accounts.keys import Key
from streams.web.api.disclosure import WITHHELD, decision_of, label_of
from tests.support.events import classified, match
from tests.support.ledger_rows import POLICY

PLATFORM = Key("key_1", "hook", "ingest", "usr_1", datetime.now(UTC), None, None)
BOUND = replace(PLATFORM, distributors=("A",))


def test_a_bound_key_reads_nothing_about_the_holder_of_a_known_recording() -> None:
    event = classified().model_copy(update={"matches": (match(item_id="B-unreleased-07"),)})
    decided = decide(event, POLICY).decided
    assert decision_of(PLATFORM, decided) == decided
    read = decision_of(BOUND, decided)
    assert (read.matches[0].item_id, read.matches[0].content_sha256) == (WITHHELD, None)
    assert "B-unreleased" not in read.to_bytes().decode()
    assert (read.reasons_internal, read.features) == ((), {})
    assert read.reasons_public == decided.reasons_public


def test_an_entry_of_a_registry_is_of_others() -> None:
    label = decide(classified(), POLICY).decided.label
    entry = label.model_copy(update={"source": LabelSource.REGISTRY, "origin": "AGR-1"})
    assert label_of(PLATFORM, entry).origin == "AGR-1"
    assert label_of(BOUND, entry).origin is None
    assert label_of(BOUND, label) == label
