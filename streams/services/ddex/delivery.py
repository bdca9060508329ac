"""What a message gives: uploads, withdrawals, and what was passed over and why."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from streams.contract.records import DdexMessage, Upload
from streams.services.ddex.territories import Places
from streams.services.upload_inputs import readable

MAX_NAMED: Final = 20  # names in a sentence
MAX_NAME: Final = 200


@dataclass(frozen=True)
class Withdrawal:
    """A release that its deliverer takes back: why, where, its identifiers, its tracks."""

    why: str
    places: Places
    identifiers: dict[str, str]
    track_ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in words."""
        release = " ".join(f"{kind} {name[:MAX_NAME]}" for kind, name in self.identifiers.items())
        tracks = f", tracks {listed(self.track_ids)}" if self.track_ids else ""
        return f"{release or 'a release without an id'} ({self.why}, {self.places}){tracks}"

    def as_data(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "why": self.why,
            **self.places.as_data(),
            "identifiers": self.identifiers,
            "track_ids": list(self.track_ids),
        }


@dataclass
class Delivery:
    """What a message gives. ``passed_over`` has the references of resources by the reason."""

    message: DdexMessage
    kind: str
    uploads: list[Upload] = field(default_factory=list)
    withdrawn: list[Withdrawal] = field(default_factory=list)
    passed_over: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def pass_over(self, why: str, *references: str) -> None:
        """Note that resources are no uploads."""
        if references:
            self.passed_over.setdefault(why, []).extend(references)

    def sentences(self) -> list[str]:
        """Return in words what the message gives, and what it does not."""
        count = len(self.uploads)
        lines = [
            f"{self.kind} {self.message.message_id}, ERN {self.message.ern_version}: "
            f"{count} upload{'' if count == 1 else 's'}"
        ]
        for why, names in self.passed_over.items():
            lines.append(f"passed over: {why}: {len(names)} ({listed(names)})")
        lines += [f"withdrawn by its deliverer: {one}" for one in self.withdrawn]
        return [readable(line) for line in lines + self.notes]

    def as_data(self) -> dict[str, Any]:
        """Return it for JSON, without the uploads themselves."""
        return {
            "kind": self.kind,
            "message_id": self.message.message_id,
            "ern_version": self.message.ern_version,
            "sender_dpid": self.message.sender_dpid,
            "track_ids": [upload.track_id for upload in self.uploads],
            "passed_over": self.passed_over,
            "withdrawn": [one.as_data() for one in self.withdrawn],
            "notes": self.notes,
        }


def listed(names: Iterable[str]) -> str:
    """Return the first names, each of bounded length, and how many more there are."""
    every = list(names)
    more = len(every) - MAX_NAMED
    shown = ", ".join(name[:MAX_NAME] for name in every[:MAX_NAMED])
    return shown + (f" and {more} more" if more > 0 else "")
