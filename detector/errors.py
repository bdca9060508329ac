"""Errors, split by what the caller does with them.

EarmarkError
├── BadInput          dead-letter: the input is wrong and stays wrong; never retried
│   ├── InvalidAudio  the file cannot be heard (undecodable, refused, too long ...)
│   └── (streams)     InvalidRecord, RefusedUri, ...
├── Transient         retry: the world is away for a while (store, network, database)
└── Fatal             stop: ours; going on would give wrong answers
    └── ModelError    weights or manifest are missing, altered or of another version
"""


class EarmarkError(Exception):
    """Root of every error that Earmark raises on purpose."""


class BadInput(EarmarkError):
    """The input cannot be processed, now or later: it goes to a dead letter.

    ``reason`` is a short stable code (a metric label and a filter for replays);
    ``detail`` is one sentence for people.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["BadInput"], tuple[str, str]]:
        """Survive the way back from a child process, which pickles exceptions."""
        return type(self), (self.reason, self.detail)


class InvalidAudio(BadInput):
    """The bytes are not audio that can be heard.

    Reasons: ``empty_file``, ``unsupported_format``, ``undecodable``, ``no_audio``,
    ``too_long``, ``decode_timeout``, ``decoder_crashed``.
    """


class Transient(EarmarkError):
    """Something outside is away for a while: the same input may succeed later."""


class Fatal(EarmarkError):
    """Our own fault or set-up: the process must stop and be looked at."""


class ModelError(Fatal):
    """A model folder is incomplete, altered, or reads another observation version."""
