"""Errors, split by what the caller does with them.

EarmarkError
├── BadInput          dead letter, never retried
│   ├── InvalidAudio  the file cannot be decoded (undecodable, refused, too long ...)
│   └── (streams)     InvalidRecord, RefusedUri, ...
├── Transient         retried; then the process stops, or a dead letter where others succeed
│   ├── SenderAway    retried, then a dead letter: what the sender names does not answer
│   ├── OwnSideAway   retried, then the process stops: no message is to blame
│   └── NotYet        retried until it succeeds: what is awaited is on its way
└── Fatal             the process stops: going on would give wrong answers
    └── ModelError    weights or manifest are missing, altered or of another version
"""

from collections.abc import Callable
from typing import Any, ClassVar


class EarmarkError(Exception):
    """Root of every error that Earmark raises on purpose."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """Return what unpickles it, whatever ``__init__`` takes: child processes pickle errors."""
        return Exception.__new__, (type(self), *self.args), self.__dict__


class BadInput(EarmarkError):
    """The input cannot be processed, now or later: it becomes a dead letter.

    ``reason`` is a stable code (metric label, filter for replays), ``detail`` a sentence.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class SingleReason(BadInput):
    """BadInput of one reason, which the class names: ``class Odd(SingleReason, reason="odd")``."""

    _reason: ClassVar[str]

    def __init_subclass__(cls, reason: str | None = None) -> None:
        cls._reason = reason or cls._reason

    def __init__(self, detail: str) -> None:
        super().__init__(self._reason, detail)


class InvalidAudio(BadInput):
    """The bytes are not audio that can be decoded.

    Reasons, by the decoder:

    ``empty_file``          no bytes
    ``unsupported_format``  no container, codec, sample rate or channel count that is allowed
    ``no_audio``            a container that is read, without an audio stream (video, cover)
    ``undecodable``         an audio stream of which not one sample can be decoded
    ``too_long``            longer than the operator allows

    and by the process that runs it (``streams.media.decode_pool``):

    ``too_large``           more bytes than the operator allows (``earmark analyze``)
    ``not_a_file``          a folder, a device, a pipe, or not to be read
    ``decode_timeout``      too much time, of the clock or of the processor
    ``too_much_memory``     more memory than the operator allows
    ``decoder_crashed``     the process died or failed otherwise
    """


class Transient(EarmarkError):
    """Something outside is unavailable: the same input may succeed later."""


class SenderAway(Transient):
    """A web server or a bucket that a sender names does not answer; no other input needs it.

    ``reason``, for the metric: ``no_answer``, ``server_error``, ``too_slow``, ``store_failed``,
    ``failed_before`` (it was not asked again).
    """

    def __init__(self, detail: str, reason: str = "no_answer") -> None:
        super().__init__(detail)
        self.reason = reason


class OwnSideAway(Transient):
    """The broker, the artefact store or the disk of this installation does not answer.

    Messages that need none of it end well in the same moment: that proves nothing.
    """


class NotYet(Transient):
    """Another process has not done its part yet. Being late is no fault: no attempt is the last.

    Raised only while what is awaited is known to come, or is no matter of one record: a record that
    waits for ever stops all behind it.
    """


class Fatal(EarmarkError):
    """A fault of the code or the set-up: the process must stop."""


class ModelError(Fatal):
    """A model folder is incomplete, altered, or reads another observation version."""
