"""The faults of a run: what fails, when, and for how long.

A fault is a generator: it does something, yields how long that lasts, and undoes it. The runner
draws a deck of all kinds and spreads it over the progress of the run. Faults of the same thing (two
of the broker, for example) take turns; others overlap.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle, islice

from streams.contract.processes import GROUPS
from streams.ops.supervisor import Child
from tests.soak.installation import Installation
from tests.support.kafka import ApacheKafka

OUTAGE_S = (5.0, 28.0)  # of Kafka, besides the time that its start takes
STORE_S, DATABASE_S = 10.0, 10.0
SLOW_STOPPED_S, SLOW_RUNNING_S = 0.4, 0.1
FIRST, LAST = 0.03, 0.92  # progress between which faults begin

Steps = Iterator[float]


@dataclass
class Fault:
    """One fault: its kind, whom it hit, and when (monotonic)."""

    kind: str
    target: str = ""
    pid: int = 0
    began: float = 0.0
    ended: float | None = None


@dataclass
class Faults:
    """Injects ``kills`` kills and ``others`` other faults; call ``step`` all the time."""

    installation: Installation
    kills: int
    others: int
    dice: random.Random
    pause_s: float
    count: int = 0
    injected: list[Fault] = field(default_factory=list)
    _waiting: list[tuple[float, str]] = field(default_factory=list)
    _active: list[tuple[Fault, Steps, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        kinds = list(islice(cycle(self._kills()), self.kills))
        kinds += islice(cycle(self._others()), self.others)
        self.dice.shuffle(kinds)
        self.count = len(kinds)
        moments = sorted(self.dice.uniform(FIRST, LAST) for _ in kinds)
        self._waiting = list(zip(moments, kinds, strict=True))

    @property
    def over(self) -> bool:
        """Whether all have been injected and undone."""
        return not self._waiting and not self._active

    @property
    def active(self) -> list[str]:
        """The kinds under way."""
        return [fault.kind for fault, _, _ in self._active]

    def step(self, progress: float) -> None:
        """Begin what is due at this progress, go on with what is under way."""
        now = time.monotonic()
        going, self._active = self._active, []
        for fault, steps, due in going:
            self._go_on(fault, steps, due, now)
        while self._waiting and self._waiting[0][0] <= progress:
            kind = self._waiting[0][1]
            if _thing(kind) is not None and _thing(kind) in map(_thing, self.active):
                return
            self._waiting.pop(0)
            fault = Fault(kind, began=now)
            self.injected.append(fault)
            self._go_on(fault, self._steps(fault), now, now)

    def _go_on(self, fault: Fault, steps: Steps, due: float, now: float) -> None:
        if due > now:
            self._active.append((fault, steps, due))
            return
        try:
            self._active.append((fault, steps, now + next(steps)))
        except StopIteration:
            fault.ended = time.monotonic()

    def _kills(self) -> list[str]:
        kinds = [f"kill {name}" for name in GROUPS]
        if isinstance(self.installation.broker, ApacheKafka):
            kinds.append("kill broker")
        return kinds

    def _others(self) -> list[str]:
        kinds = ["store away", "database away", "pause broker", "term worker", "pause worker"]
        if self.installation.store.mounted:
            kinds.append("store full")
        return [*kinds, "slow worker"]

    def _steps(self, fault: Fault) -> Steps:
        installation = self.installation
        match fault.kind.split():
            case ["kill", "broker"]:
                return self._kill_broker()
            case ["kill", name]:
                return self._signal(fault, signal.SIGKILL, name)
            case ["term", _]:
                return self._signal(fault, signal.SIGTERM, None)
            case ["pause", "broker"]:
                return _between(installation.broker.pause, installation.broker.resume, self.pause_s)
            case ["pause", "worker"]:
                return self._pause(fault)
            case ["slow", _]:
                return self._slow(fault)
            case ["store", "away"]:
                return _between(installation.store.exchange, installation.store.exchange, STORE_S)
            case ["store", "full"]:
                return _between(installation.store.fill, installation.store.empty, STORE_S)
            case ["database", _]:
                return _between(installation.database.stop, installation.database.start, DATABASE_S)
        raise ValueError(fault.kind)

    def _signal(self, fault: Fault, number: signal.Signals, name: str | None) -> Steps:
        while not _send(fault, number, self._victim(name)):
            yield 0.2

    def _pause(self, fault: Fault) -> Steps:
        while not _send(fault, signal.SIGSTOP, self._victim(None)):
            yield 0.2
        yield self.pause_s
        with suppress(ProcessLookupError):
            os.kill(fault.pid, signal.SIGCONT)

    def _slow(self, fault: Fault) -> Steps:
        """Let a worker have a fifth of its time: it lives, answers, and is slow."""
        while not _send(fault, signal.SIGSTOP, self._victim(None)):
            yield 0.2
        until = time.monotonic() + self.pause_s
        with suppress(ProcessLookupError):
            while time.monotonic() < until:
                yield SLOW_STOPPED_S
                os.kill(fault.pid, signal.SIGCONT)
                yield SLOW_RUNNING_S
                os.kill(fault.pid, signal.SIGSTOP)
            os.kill(fault.pid, signal.SIGCONT)

    def _kill_broker(self) -> Steps:
        broker = self.installation.broker
        assert isinstance(broker, ApacheKafka)
        broker.kill()
        yield self.dice.choice(OUTAGE_S)
        broker.start()

    def _victim(self, name: str | None) -> Child | None:
        """Return a worker that lives and is under no other fault."""
        hurt = {fault.pid for fault in self.injected if fault.ended is None}
        living = [
            child
            for child in self.installation.supervisor.children
            if child.name == (name or child.name)
            and child.process is not None
            and child.process.poll() is None
            and child.process.pid not in hurt
        ]
        return self.dice.choice(living) if living else None


def _send(fault: Fault, number: signal.Signals, victim: Child | None) -> bool:
    if victim is None or victim.process is None:
        return False
    fault.target, fault.pid = victim.log_path.stem, victim.process.pid
    fault.began = time.monotonic()
    os.kill(fault.pid, number)
    return True


def _between(begin: Callable[[], None], end: Callable[[], None], seconds: float) -> Steps:
    begin()
    yield seconds
    end()


def _thing(kind: str) -> str | None:
    """Name what may bear only one fault at a time; workers (None) are spared while under one."""
    if kind.endswith("broker"):
        return "broker"
    thing = kind.split()[0]
    return thing if thing in ("store", "database") else None
