"""How far another process has read: what it has read past and has not stored never comes.

Offsets and no time limit: being late is no fault, and only the process itself knows what it has
read. Timestamps of messages are set by clocks of many machines.
"""

from collections.abc import Sequence
from typing import Final

import structlog
from kafka.errors import KafkaError

from detector.errors import EarmarkError
from streams.runtime.kafka.offsets import log_ends, positions
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.settings import Settings

log: Final = structlog.get_logger()


class Progress:
    """Compares the offsets of one process with the ends of topics.

    An event follows from one of a topic further on in ``topics``. What lay before these ends has
    its source there, too.
    """

    def __init__(self, settings: Settings, process: str, topics: Sequence[str]) -> None:
        self._settings, self._topics = settings, topics
        self._group = f"{settings.group_prefix}.{process}"
        self._ends: dict[tuple[str, int], int] = {}

    def passed(self) -> dict[tuple[str, int], int]:
        """Return the end of each partition at an earlier moment, once all of that has been read.

        Empty before. The same ends count until then, since traffic moves the ends all the time.
        """
        try:
            with open_admin(self._settings) as admin:
                for topic in () if self._ends else self._topics:  # the source's end is read last
                    self._ends |= log_ends(admin, [topic])
                read = positions(admin, self._group, self._ends)
        except (KafkaError, EarmarkError) as error:
            self._ends = {}
            log.warning("progress_unknown", group=self._group, error=repr(error))
            return {}
        if any(read[partition] < end for partition, end in self._ends.items()):
            return {}
        passed, self._ends = self._ends, {}
        return passed
