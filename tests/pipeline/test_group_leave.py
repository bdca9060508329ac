"""A consumer that closes leaves its group, unless the settings let it stay."""

from contextlib import nullcontext
from typing import Any

import pytest
from kafka.coordinator.base import BaseCoordinator

from streams.runtime.kafka.clients import open_consumer, poll
from streams.runtime.kafka.offsets import CannotRewind, position
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.patches import group_leave
from tests.pipeline.conftest import CreateTopics, SettingsFor

pytestmark = pytest.mark.pipeline

STAYS: Any = pytest.raises(CannotRewind, match="has members")


@pytest.mark.parametrize("way", ["leave", "stay", "install"])
def test_a_member_that_closes_is_still_one_where_it_stays(
    settings_for: SettingsFor,
    create_topics: CreateTopics,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    topic = f"left-{way}"
    create_topics(topic, partitions=1)
    settings = settings_for(leave_groups=way != "stay")
    if way == "install":
        name = "maybe_leave_group_async"
        monkeypatch.setattr(BaseCoordinator, name, getattr(BaseCoordinator, name))
        group_leave.install()
    member = open_consumer(settings, topic, [topic])
    while not member.assignment():
        poll(member, 100, 1)
    member.close(autocommit=False)
    with open_admin(settings) as admin, nullcontext() if way == "leave" else STAYS:
        position(admin, f"{settings.group_prefix}.{topic}", topic, 0)
