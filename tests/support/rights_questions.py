"""What the registry answers about an upload."""

from datetime import UTC, datetime
from typing import Any

from streams.contract.records.rights import RightsChanged
from streams.policy.rights import Rights, rights_of
from tests.support.events import classified
from tests.support.policy_table import LICENSED

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def ask(*entries: RightsChanged, at: datetime = NOW, **upload: Any) -> Rights:
    fields: dict[str, Any] = {"declared": LICENSED, "artists": ("A Singer",)} | upload
    return rights_of(classified(**fields), entries, "Worldwide", at)
