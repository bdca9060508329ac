"""What is noted while the soak runs: how workers end, and how much memory they hold."""

import json
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from streams.ops.forking import Running
from streams.ops.supervisor import Child
from tests.soak.faults import Fault

SAMPLE_S: Final = 5.0
AFTER_S: Final = 150.0  # a fault may still end workers so long after it
# Words of a failure, and the things whose faults explain it.
REASONS: Final = {
    "BrokerAway": "broker",
    "no answer for": "broker",
    "PublishFailed": "broker",
    "no acknowledgement": "broker",
    "offsets not committed": "broker",
    "no assignment": "broker",
    "the group failed us": "broker",
    "Kafka": "broker",
    "artefact store": "store",
    "database": "database",
    "Operational": "database",
}
FAILURES: Final = ("processor_stopping", "processor_failed", "processor_killed_itself")


@dataclass(frozen=True)
class Exit:
    """One end of one worker."""

    worker: str
    pid: int
    code: int
    at: float
    reason: str

    def explained(self, faults: Sequence[Fault]) -> bool:
        """Whether a fault explains it: a signal to it, or something away that it needs."""
        by_signal = {"kill": -signal.SIGKILL, "term": 0}
        for fault in faults:
            if fault.pid == self.pid and by_signal.get(fault.kind.split()[0]) == self.code:
                return True
        if self.code != 1:
            return False
        things = {thing for words, thing in REASONS.items() if words in self.reason}
        return any(
            any(thing in fault.kind for thing in things) or fault.pid == self.pid
            for fault in faults
            if fault.began < self.at < (fault.ended or self.at) + AFTER_S
        )


@dataclass
class Watching:
    """Notes exits and samples memory; call ``look`` right after the supervisor's watch."""

    children: Sequence[Child]
    extra: dict[str, int] = field(default_factory=dict)  # further processes: name -> pid
    exits: list[Exit] = field(default_factory=list)
    rss: dict[str, list[tuple[float, int, int]]] = field(default_factory=dict)
    """By worker: moments, process ids and MB."""
    _processes: dict[int, tuple[Child, Running, int]] = field(default_factory=dict)
    _sampled: float = 0.0

    def look(self) -> None:
        """Note who is there, who has ended, and every few seconds how large they are."""
        for child in self.children:
            process = child.process
            if process is not None and process.pid not in self._processes:
                log = child.log_path.stat().st_size if child.log_path.exists() else 0
                self._processes[process.pid] = (child, process, log)
        for pid, (child, process, start) in list(self._processes.items()):
            if process.returncode is not None:
                del self._processes[pid]
                reason = _last_failure(child.log_path, start)
                name = child.log_path.stem
                self.exits.append(Exit(name, pid, process.returncode, time.monotonic(), reason))
        if time.monotonic() - self._sampled > SAMPLE_S:
            self._sampled = time.monotonic()
            for pid, (child, _, _) in self._processes.items():
                self._note(child.log_path.stem, pid)
            for name, pid in self.extra.items():
                self._note(name, pid)

    def _note(self, name: str, pid: int) -> None:
        with suppress(OSError, ValueError, StopIteration):
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            kilobytes = next(line.split()[1] for line in status if line.startswith("VmRSS"))
            moments = self.rss.setdefault(name, [])
            moments.append((self._sampled, pid, int(kilobytes) // 1024))

    def growth_mb(self, settled_s: float) -> int:
        """Return the largest growth of one worker's life, after its first ``settled_s``."""
        largest = 0
        workers = {child.log_path.stem for child in self.children}
        for name in workers & self.rss.keys():
            lives: dict[int, list[tuple[float, int]]] = {}
            for at, pid, size in self.rss[name]:
                lives.setdefault(pid, []).append((at, size))
            for life in lives.values():
                settled = [size for at, size in life if at - life[0][0] >= settled_s]
                if settled:
                    largest = max(largest, settled[-1] - settled[0])
        return largest


def _last_failure(log: Path, start: int) -> str:
    """Return the last failure in a log, from the byte on at which a process started."""
    answer = ""
    with log.open("rb") as lines:
        lines.seek(start)
        for line in lines:
            with suppress(json.JSONDecodeError):
                event = json.loads(line)
                if isinstance(event, dict) and event.get("event") in FAILURES:
                    result = event.get("failure") or event.get("error") or event.get("exception")
                    answer = str(result or event["event"]) if result or not answer else answer
    return " ".join(answer.split())[-300:]
