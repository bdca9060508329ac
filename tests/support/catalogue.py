"""The reference catalogue (``examples/catalogue_consumer.py``) without a broker."""

import json
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from examples.catalogue_consumer import Catalogue, Database, Status
from streams.contract.dead_letters import Message


class Broker:
    """Takes the place of the consumer and of the producer."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.committed: dict[int, int] = {}

    def send(self, topic: str, **message: Any) -> Any:
        self.sent.append((topic, message))
        return SimpleNamespace(get=lambda timeout: None)

    def commit(self, offsets: dict[Any, Any], timeout_ms: int) -> None:
        self.committed = {key.partition: at.offset for key, at in offsets.items()}


class CatalogueFixture:
    """A catalogue on a database, and what it sends."""

    def __init__(self, url: str) -> None:
        self.database, self.status, self.broker = Database(url), Status(), Broker()
        self._catalogue = Catalogue(self.database, self.status, self.broker, self.broker)

    def apply(self, messages: Iterable[Message]) -> list[str]:
        """Handle a batch; return the results of the answers."""
        batch = [
            SimpleNamespace(**{**vars(message), "timestamp": message.timestamp_ms})
            for message in messages
        ]
        before = len(self.broker.sent)
        if batch:
            self._catalogue.handle(batch)
        values = [message["value"] for topic, message in self.broker.sent[before:]
                  if not topic.endswith(".dead")]  # fmt: skip
        return [json.loads(value)["result"] for value in values]

    def rows(self, columns: str, table: str = "catalogue_tracks") -> list[Any]:
        """Return all rows of a table."""
        return list(self.database.execute(f"SELECT {columns} FROM {table} ORDER BY 1"))  # noqa: S608

    def close(self) -> None:
        self.database.close()
