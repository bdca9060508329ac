"""The patches of Faust's and aiokafka's consumer, as a worker installs them."""

import asyncio
from typing import Any

import faust
import pytest
from aiokafka.consumer.group_coordinator import GroupCoordinator

from streams.runtime.patches import faust_consumer

pytestmark = pytest.mark.usefixtures("unpatched")


def created() -> Any:
    """The consumer that Faust makes for a worker; it connects to nothing before it starts."""

    async def make() -> Any:
        app = faust.App("test", broker="kafka://127.0.0.1:1", web_enabled=False)
        thread = app.transport.create_consumer(
            lambda message: None, on_partitions_revoked=None, on_partitions_assigned=None
        )._new_consumer_thread()
        return thread._create_worker_consumer(app.transport)

    return asyncio.run(make())


@pytest.mark.parametrize("wait_ms", [50, 2_000])
def test_a_worker_waits_for_a_fetch_as_long_as_the_settings_ask(wait_ms: int) -> None:
    assert created()._fetch_max_wait_ms == 1_500, "Faust's own"
    faust_consumer.install(wait_ms, leave_groups=True)
    assert created()._fetch_max_wait_ms == wait_ms


def test_a_member_leaves_its_group_unless_the_broker_is_the_embedded_one() -> None:
    leave = GroupCoordinator._maybe_leave_group
    for leaves in (True, False, True):
        faust_consumer.install(50, leave_groups=leaves)
        assert (GroupCoordinator._maybe_leave_group is leave) == leaves
