"""Makes Faust's consumer wait for a fetch as long as the settings say.

Faust 0.15.3 writes 1,500 ms into the code as the longest wait of a fetch, and no setting
of its own reaches it. Apache Kafka does not mind: it answers as soon as there is data.
The embedded broker (Tansu) does: it sleeps through half of the remaining wait and is not
woken by a producer, so that every hop of an event would cost about half a second. With
50 ms a hop costs some 13 ms there, at the price of more empty fetches.
"""

from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

_original = AIOKafkaConsumerThread._create_worker_consumer


def install(fetch_max_wait_ms: int) -> None:
    """Set the longest wait of a fetch for every worker that starts from now on.

    The field is private to aiokafka's consumer and is read when the consumer starts,
    which is after Faust has created it: hence the exact versions in the dependencies.
    """

    def create(self: Any, transport: Any) -> Any:
        consumer = _original(self, transport)
        if not hasattr(consumer, "_fetch_max_wait_ms"):
            raise AttributeError("aiokafka has changed: its consumer has no _fetch_max_wait_ms")
        consumer._fetch_max_wait_ms = fetch_max_wait_ms
        return consumer

    AIOKafkaConsumerThread._create_worker_consumer = create
