"""The registry of topics: names, keys, dead letters."""

import pytest

from streams.contract import topics
from streams.contract.topics import TOPICS, Topic
from tests.support.ledger_rows import whole_story

KEYS = {"entry_id": "rgt_", "name of the policy": "earmark-default"}


def test_no_two_topics_have_one_name_or_one_record() -> None:
    assert len(topics.RECORDS) == len(TOPICS)
    assert len({topic.record for topic in TOPICS}) == len(TOPICS)


def test_each_topic_has_its_dead_letters() -> None:
    assert topics.dead(topics.DECIDED) == "tracks.decided.dead"
    assert len(set(topics.ALL)) == 2 * len(TOPICS)
    assert not set(topics.EVENTS) & set(topics.DEAD)


@pytest.mark.parametrize("topic", TOPICS, ids=topics.EVENTS)
def test_the_docstring_of_a_record_begins_with_its_topic(topic: Topic) -> None:
    assert (topic.record.__doc__ or "").startswith(f"{topic.name}: ")


@pytest.mark.parametrize("topic", TOPICS, ids=topics.EVENTS)
def test_the_key_is_the_field_that_the_registry_names(topic: Topic) -> None:
    (event,) = [message for message in whole_story() if message.topic == topic.name]
    field = topic.key.partition(":")[0]
    assert (event.key or b"").decode().startswith(KEYS.get(field, "T-1"))


def test_what_people_decided_is_kept_for_ever() -> None:
    assert set(topics.FOR_EVER) == {
        *(topics.REVIEWS_DECIDED, topics.APPEALS_CHANGED),
        *(topics.RIGHTS_CHANGED, topics.POLICIES_CHANGED),
    }
