"""Dead letters: what could not be processed, with its exact bytes and the reason.

A dead letter is the source message as it came (key, value, headers) on ``<topic>.dead``,
plus the headers below. Nothing is re-encoded, so that a replay is the original. Two kinds
cannot be stored as they came; ``earmark.dead.value`` marks them. ``null``: a message without
key *and* value, which clients refuse; its value is empty bytes. ``omitted``: a message too large
for the broker with these headers, or a record batch that no client can read (``UNREAD``). Its value
is left out, and the origin is its position.

A replay (``earmark dead-letters replay``) is the original again, on its source topic, with two
headers that count its attempts. All messages that follow from it carry them, dead letters too.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

import orjson

from detector.errors import BadInput
from streams.contract import topics
from streams.contract.output import Outgoing
from streams.contract.records import R, check_delivered, parse

HEADER_PREFIX: Final = "earmark.dead."
PROCESSOR: Final = HEADER_PREFIX + "processor"
REASON: Final = HEADER_PREFIX + "reason"
DETAIL: Final = HEADER_PREFIX + "detail"
ORIGIN: Final = HEADER_PREFIX + "origin"  # topic/partition/offset
ORIGIN_TIME: Final = HEADER_PREFIX + "origin-time-ms"
VALUE: Final = HEADER_PREFIX + "value"  # null | omitted; absent: the exact bytes
UNREAD: Final = HEADER_PREFIX + "unread"  # of what stands for a batch that cannot be read: why

REPLAY_PREFIX: Final = "earmark.replay."
REPLAY_OF: Final = REPLAY_PREFIX + "of"  # the dead letter that was replayed last
REPLAY_ATTEMPT: Final = REPLAY_PREFIX + "attempt"  # 1 for the first replay
MAX_ATTEMPT: Final = 2**31 - 1  # headers may say anything

# A dead letter is its source plus a few headers, so its topic must take more than the
# source's topic does (Kafka's default: 1,048,588 bytes).
MAX_DEAD_LETTER_BYTES: Final = 2_097_152
MIN_PROOF: Final = 10  # events; fewer are no proof of anything
MAX_SENDERS: Final = 1_000  # whose last ends are remembered
OURS: Final = frozenset(  # reasons that are more often our fault than a sender's
    (
        *("unexpected_error", "attempts_exhausted", "unstorable", "record_too_large"),
        *("decoder_crashed", "invalid_record", "observation_missing", "observation_altered"),
        "observation_unreadable",
    )
)
MAX_DETAIL = 1_000  # characters; a detail may quote a hostile file
MAX_BARE_KEY_BYTES: Final = 10_000  # of a dead letter without its value


@dataclass(frozen=True)
class Message:
    """A message as it lay on its topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int = 0

    @property
    def origin(self) -> str:
        """Where the message lies: ``topic/partition/offset``."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def unread(self) -> str | None:
        """Why the records that this message stands for cannot be read; None: it is a message."""
        why = None if self.value is not None else dict(self.headers).get(UNREAD)
        return None if why is None else why.decode(errors="replace")

    def record(self, kind: type[R]) -> R:
        """Return the record in it; raise InvalidRecord where it is none, or of the future."""
        record = parse(kind, self.value)
        if (uploaded_at := getattr(record, "uploaded_at", None)) is not None:
            check_delivered(uploaded_at)
        return record


def headers_of_life(message: Message) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that travel on to what a message becomes: not those of its death."""
    return tuple(one for one in message.headers if not one[0].startswith(HEADER_PREFIX))


def headers_for(message: Message, processor: str, error: BadInput) -> list[tuple[str, bytes]]:
    """Return the source's headers, followed by ours (those of an earlier death are replaced)."""
    ours = {
        PROCESSOR: processor,
        REASON: error.reason,
        DETAIL: error.detail[:MAX_DETAIL],
        ORIGIN: message.origin,
        ORIGIN_TIME: str(message.timestamp_ms),
    }
    encoded = ((name, value.encode(errors="replace")) for name, value in ours.items())
    return [*headers_of_life(message), *encoded]


def exact_letter(message: Message, processor: str, error: BadInput) -> Outgoing:
    """Return the dead letter of a message, with its exact bytes."""
    headers = headers_for(message, processor, error)
    value = message.value
    if message.key is None and value is None:
        value = b""
        headers.append((VALUE, b"null" if message.unread is None else b"omitted"))
    return Outgoing(topics.dead(message.topic), message.key, value, tuple(headers))


def bare_letter(message: Message, processor: str, error: BadInput) -> Outgoing:
    """Return a dead letter of a few kilobytes, for where the broker refuses the exact one."""
    headers = headers_for(replace(message, headers=()), processor, error)
    key = message.key if len(message.key or b"") <= MAX_BARE_KEY_BYTES else None
    omitted = (*headers, (VALUE, b"omitted"))
    return Outgoing(topics.dead(message.topic), key, b"", omitted)


def headers_of_replay(
    headers: Iterable[tuple[str, bytes]], dead_letter_id: str, attempt: int
) -> list[tuple[str, bytes]]:
    """Return the headers that the source had, and ours that say what this is."""
    ours = (HEADER_PREFIX, REPLAY_PREFIX)
    kept = (header for header in headers if not header[0].startswith(ours))
    return [*kept, (REPLAY_OF, dead_letter_id.encode()), (REPLAY_ATTEMPT, str(attempt).encode())]


def attempts(headers: Iterable[tuple[str, bytes]]) -> int:
    """Return how often a message with these headers has been replayed before."""
    texts = dict(headers).get(REPLAY_ATTEMPT, b"")
    return min(int(texts), MAX_ATTEMPT) if texts.isdigit() and len(texts) < 20 else 0


@dataclass(frozen=True)
class DeadLetter:
    """A dead letter, read back from its topic."""

    source: str
    processor: str
    reason: str
    detail: str
    origin: str
    key: bytes | None
    value: bytes | None
    omitted: bool = False


def read(
    topic: str, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]
) -> DeadLetter:
    """Read a dead letter; a header that is absent reads as an empty text.

    ``value`` is None where the source's was null, or was omitted (see ``omitted``).
    """
    texts = {name: text.decode(errors="replace") for name, text in headers}
    marked = texts.get(VALUE)
    return DeadLetter(
        source=topic.removesuffix(topics.DEAD_SUFFIX),
        processor=texts.get(PROCESSOR, ""),
        reason=texts.get(REASON, ""),
        detail=texts.get(DETAIL, ""),
        origin=texts.get(ORIGIN, ""),
        key=key,
        value=None if marked in ("null", "omitted") else value,
        omitted=marked == "omitted",
    )


def sender_of(message: Message) -> str:
    """Return whose message it is (``Upload.sender``), if only by its claim; empty: unknown."""
    try:
        upload = orjson.loads(message.value or b"")["upload"]
        return str(upload.get("holder") or upload.get("distributor") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


@dataclass
class Limit:
    """Share of dead letters over the last ``window`` events; judged once it is full.

    It guards against the bad deploy that would drain a whole topic into its dead letters. The
    sender with most of them is left out, so that one sender alone stops no process, and so are
    unknown ones, of whom nothing ended well yet in this process: names are cheap. Where hardly
    anything is left, the reasons in ``OURS`` decide, and how the last events of known senders
    ended: our own fault would end those, too. A process in which nothing has ended
    well yet is judged after a quarter of the window: each start of a broken deployment costs so
    many events, and each end of a pause. Where one sender with a name, or unknown ones beside known
    ones, have sent nearly all, only the reasons in ``OURS`` count then, too: a worker that
    starts beside their flood holds up no other.
    """

    share: float
    window: int
    _recent: deque[tuple[str, bool] | None] = field(default_factory=deque)  # sender, ours
    _ends: dict[str, deque[bool]] = field(default_factory=dict)  # of known senders: dead letters
    _proved: bool = False  # something has ended well

    def count(self, reason: str | None = None, sender: str = "") -> str | None:
        """Count one ended event; return why the process must pause, or None.

        ``reason``: of its dead letter, None: it has ended well. After a pause all begins anew.
        """
        self._remember(sender, reason is not None)
        self._recent.append(None if reason is None else (sender, reason in OURS))
        self._proved = self._proved or reason is None
        events, is_full = len(self._recent), len(self._recent) > self.window
        is_proof = events > max(MIN_PROOF, self.window // 4) and self._judged() == 1
        if not self._proved and (is_proof or (is_full and not self._is_flood())):
            self._recent.clear()
            return f"the first {events} events since the start or the last pause are dead letters"
        if not is_full:
            return None
        self._recent.popleft()
        if (share := self._judged()) <= self.share:
            return None
        dead = self.window - self._recent.count(None)
        self._recent.clear()
        self._proved = False
        return (
            f"{dead} of the last {self.window} events are dead letters, without the worst sender "
            f"{share:.0%} (limit {self.share:.0%})"
        )

    def _is_flood(self) -> bool:
        """Whether a named sender, or unknown ones, sent nearly all, and our side seems well."""
        sender, left_out = self._left_out()
        is_named = sender != "" and len(self._recent) - left_out < MIN_PROOF
        return is_named and self._judged() <= self.share

    def _judged(self) -> float:
        """Return the share that counts."""
        dead = [one for one in self._recent if one is not None]
        sender, left_out = self._left_out()
        others = len(self._recent) - left_out
        if others >= MIN_PROOF:
            return (len(dead) - left_out) / others
        ours = sum(ours for _, ours in dead) / len(self._recent)
        known = (ends for name, ends in self._ends.items() if name not in ("", sender))
        ends = [*chain.from_iterable(known)]
        return min(ours, sum(ends) / len(ends)) if ends else ours

    def _left_out(self) -> tuple[str, int]:
        """Return the sender with most dead letters, and how many are its own or of unknown ones.

        Where no other sender is known by name, unknown ones are judged.
        """
        counts = Counter(one[0] for one in self._recent if one is not None)
        (sender, most), *_ = counts.most_common(1) or [("", 0)]
        if self._ends.keys() <= {"", sender}:
            return sender, most
        del counts[sender]
        unknown = (n for name, n in counts.items() if name and name not in self._ends)
        return sender, most + sum(unknown)

    def _remember(self, sender: str, dead: bool) -> None:
        if dead and sender not in self._ends:
            return
        ends = self._ends.pop(sender, deque(maxlen=MIN_PROOF))
        self._ends[sender] = ends  # the latest is the last
        ends.append(dead)
        if len(self._ends) > MAX_SENDERS:
            del self._ends[next(iter(self._ends))]
