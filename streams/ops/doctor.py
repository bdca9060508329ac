"""``earmark doctor``: look at everything that an installation stands on, and name the remedy.

It changes nothing: test writes are undone. Run it where a worker would run, with the same
settings. The checks are independent, so that one fault hides no other.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

import orjson

from detector.errors import EarmarkError
from streams.runtime.settings import Settings, SettingsError

State = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """Result of one check; ``remedy``: what to do, empty where nothing is to be done."""

    check: str
    state: State
    says: str
    remedy: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def examine(environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield what is found, check by check; wrong settings end it, since all else hangs on them."""
    from streams.ops.doctor_checks import CHECKS

    try:
        settings = Settings.from_env(environ)
    except SettingsError as error:
        remedy = "mend the variables that are named; `earmark settings` explains each"
        yield Finding("settings", "fault", str(error), remedy)
        return
    yield Finding("settings", "ok", "all are valid")
    for name, check in CHECKS.items():
        yield from _examined(name, check, settings)


def _examined(name: str, check: Check, settings: Settings) -> Iterator[Finding]:
    try:
        yield from check(settings)
    except EarmarkError as error:
        yield Finding(
            name, "fault", str(error), "see the message; it names the setting or the place"
        )
    except Exception as error:  # noqa: BLE001 - the other checks go on, and this one is told
        yield Finding(name, "fault", repr(error), "unexpected: please report it with this line")


MARKS: Final = {"ok": "ok     ", "warning": "WARNING", "fault": "FAULT  "}


def as_text(finding: Finding) -> str:
    """Return a finding for people."""
    text = f"{MARKS[finding.state]} {finding.check}: {finding.says}"
    return f"{text}\n        -> {finding.remedy}" if finding.remedy else text


def as_json(finding: Finding) -> str:
    """Return a finding for programs."""
    return orjson.dumps(asdict(finding)).decode()
