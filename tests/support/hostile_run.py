"""The whole pipeline over hostile files: broker, workers, ledger; sums of how it went."""

import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from streams.contract.dead_letters import DeadLetter
from streams.contract.processes import GROUPS
from streams.contract.records import Upload
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.supervisor import Supervisor
from streams.ops.watch import Ended, Watcher
from streams.runtime.settings import Settings
from streams.services.upload_inputs import upload_from_file
from streams.stages.ingest import IngestHook
from streams.store.database import Ledger
from tests.support.audio import write_wav
from tests.support.forks import forks
from tests.support.hostile import HostileFile, hostile_files

PATIENCE_S: Final = 400.0  # without any news: longer than the longest decode
SCHEMES: Final = "file,FILE,http,gopher,concat,data,s3,ftp,smb"  # the hook shall let all pass


@dataclass
class Sums:
    """How a run went. Times in seconds, memory in MB, of the fingerprint worker."""

    files: int = 0
    not_sent: Counter[str] = field(default_factory=Counter)
    decisions: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    not_in_ledger: int = 0
    restarts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    slowest: dict[str, float] = field(default_factory=dict)
    """Longest waits between one end and the next: no upload took the worker longer."""
    usual_s: float = 0.0
    next_good_s: float = 0.0
    peak: dict[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """Return the sums as text."""
        dead = ", ".join(f"{reason} {n}" for reason, n in self.dead_letters.most_common())
        refused = ", ".join(f"{reason} {n}" for reason, n in self.not_sent.most_common()) or "none"
        rows = {
            "hostile uploads": self.files,
            "refused on submission": refused,
            "decisions": self.decisions,
            "dead letters": f"{sum(self.dead_letters.values())} ({dead})",
            "without an end": len(self.missing),
            "ended twice": len(self.twice),
            "not in the ledger": self.not_in_ledger,
            "worker restarts": sum(self.restarts.values()),
            "time": f"{self.seconds:.0f} s",
            "slowest": ", ".join(f"{name} {s:.1f} s" for name, s in self.slowest.items()),
            "good upload before": f"{self.usual_s:.2f} s",
            "good upload after": f"{self.next_good_s:.2f} s",
            "peak memory, MB": ", ".join(f"{name} {mb}" for name, mb in self.peak.items()),
        }
        return "\n".join(f"{name:<22} {value}" for name, value in rows.items())


def run(folder: Path, seed: int, count: int, **changes: Any) -> Sums:
    """Send ``count`` hostile files through the pipeline, a good one before and after."""
    root = folder / "root"
    files = hostile_files(root, seed, count)
    goods = [_good(root / f"good {number}.wav", seed + number) for number in range(4)]
    sums = Sums(files=count)
    with EmbeddedBroker(log_file=folder / "broker.log") as broker:
        settings = Settings.model_validate(
            {
                "brokers": broker.bootstrap,
                "session_timeout_s": 6,
                "fetch_max_wait_ms": 50,
                "file_roots": str(root),
                "uri_schemes": "file,http",
                "store": f"file://{folder}/artefacts",
                "index": f"file://{folder}/index",
                "ledger": f"sqlite:///{folder}/ledger.db",
                "dead_letter_share": 1.0,  # the limit is for deployments: here all is bad
                **changes,
            }
        )
        ensure_topics(settings)
        hooked = settings.model_copy(update={"uri_schemes": SCHEMES})
        supervisor = Supervisor(list(GROUPS), settings, folder / "logs", forks())
        with supervisor, IngestHook(hooked) as hook, Watcher(settings) as watcher:
            late = supervisor.wait_ready(120)
            assert not late, f"not ready: {late}; see {folder}/logs"
            run = _Run(supervisor, hook, watcher, settings)
            run.send({"good": upload_from_file(goods[0])})  # the first of all is no measure
            sums.usual_s = statistics.median(run.time(goods[n]) for n in (1, 2))
            with _memory(supervisor) as sums.peak:
                _all_hostile(run, files, sums)
                sums.next_good_s = run.time(goods[3])
            sums.restarts = {child.name: child.restarts for child in supervisor.children}
    return sums


def _all_hostile(run: "_Run", files: list[HostileFile], sums: Sums) -> None:
    began = time.time()
    uploads = {
        f"{n:04} {f.kind}": Upload(track_id=f"T-{n}", uri=f.uri) for n, f in enumerate(files)
    }
    ends = run.send(uploads)
    sums.not_sent = run.not_sent
    sums.seconds = time.time() - began
    for name, upload in uploads.items():
        ended = ends.get(upload.upload_id, [])
        if not ended and name not in run.refused:
            sums.missing.append(name)
        if len(ended) > 1:
            sums.twice.append(name)
        for end in ended[:1]:
            if isinstance(end.end, DeadLetter):
                sums.dead_letters[end.end.reason] += 1
            else:
                sums.decisions += 1
    sums.not_in_ledger = run.not_in_ledger(set(ends))
    gaps = sorted(
        (first[0].at, name) for name, up_ in uploads.items() if (first := ends.get(up_.upload_id))
    )
    steps = [(after - before, name) for (before, _), (after, name) in pairwise(gaps)]
    sums.slowest = {name: gap for gap, name in sorted(steps, reverse=True)[:3]}


@dataclass
class _Run:
    supervisor: Supervisor
    hook: IngestHook
    watcher: Watcher
    settings: Settings
    not_sent: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)

    def send(self, uploads: dict[str, Upload]) -> dict[str, list[Ended]]:
        """Send uploads by name and wait for the end of each; return all ends."""
        waiting, ends = set(), defaultdict(list)
        for (name, upload), delivery in zip(
            uploads.items(), self.hook.submit_many(uploads.values()), strict=True
        ):
            if delivery.error is None:
                waiting.add(upload.upload_id)
            else:
                self.not_sent[getattr(delivery.error, "reason", "not_delivered")] += 1
                self.refused.add(name)
        news = time.monotonic()
        while waiting and time.monotonic() - news < PATIENCE_S:
            for ended in self.watcher.poll(0.1):
                ends[ended.upload_id].append(ended)
                waiting.discard(ended.upload_id)
                news = time.monotonic()
            self.supervisor.watch()
        return ends

    def time(self, path: Path) -> float:
        """Return how long a good upload takes to its decision."""
        upload, began = upload_from_file(path), time.monotonic()
        (ended,) = self.send({"good": upload})[upload.upload_id]
        assert ended.decision is not None
        return time.monotonic() - began

    def not_in_ledger(self, upload_ids: set[str]) -> int:
        """Return how many ends the ledger does not know, after a wait."""
        ledger, deadline = Ledger.open(self.settings.ledger), time.monotonic() + 30
        while time.monotonic() < deadline:
            missing = upload_ids - ledger.ended_uploads(upload_ids)
            if not missing:
                break
            time.sleep(0.2)
        return len(missing)


def _good(path: Path, seed: int) -> Path:
    noise = np.random.default_rng(1_000 + seed).normal(0, 0.1, (1, 44_100 * 8))
    write_wav(path, noise.astype(np.float32))
    return path


@contextmanager
def _memory(supervisor: Supervisor) -> Iterator[dict[str, int]]:
    """Watch the fingerprint worker and its children; the peaks are there at the end.

    What processes share (torch) counts once in ``together``, as it takes memory once, and
    once for each in ``summed``, as tools show it; the rest is the largest of one process.
    """
    peak = dict.fromkeys(("together", "summed", "worker", "fork server", "child"), 0)
    (worker,) = [child for child in supervisor.children if child.name == "fingerprint"]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.3):
            if worker.process is None:
                continue
            tree = family(worker.process.pid)
            used = {pid: memory_mb(pid) for pid in tree}
            peak["together"] = max(peak["together"], sum(pss for _, pss in used.values()))
            peak["summed"] = max(peak["summed"], sum(rss for rss, _ in used.values()))
            for pid, (rss, _) in used.items():
                name = ("worker", "fork server", "child")[min(tree[pid], 2)]
                peak[name] = max(peak[name], rss)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def family(parent: int) -> dict[int, int]:
    """Return a process and all below it, with their generation (0 is the process)."""
    children = defaultdict(list)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children[int(stat[1])].append(int(folder.name))
    depths, waiting = {parent: 0}, [parent]
    while waiting:
        process = waiting.pop()
        for child in children[process]:
            depths[child] = depths[process] + 1
            waiting.append(child)
    return depths


def memory_mb(pid: int) -> tuple[int, int]:
    """Return resident and proportional memory of a process in MB; zeros when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0, 0
    sizes = {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
    return sizes["Rss"] // 1024, sizes["Pss"] // 1024
