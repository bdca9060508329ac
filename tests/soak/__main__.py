"""Run one soak and print its sums; exit with 1 where one is wrong. See the package."""

import argparse
import logging
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.ops.watch import Watcher
from streams.runtime import logs
from tests.soak.facts import Facts, Log, stuck
from tests.soak.faults import Faults
from tests.soak.installation import Installation
from tests.soak.uploads import Sender, plan, write_files
from tests.soak.verdict import (
    GROWTH_MB,
    SETTLED_S,
    Sum,
    kinds,
    ledger_sums,
    memory,
    reasons,
    table,
    topic_sums,
)
from tests.soak.watching import Watching
from tests.support.kafka import NoKafka
from tests.support.paths import ROOT
from tests.support.postgres import NoPostgres

FILES: Final = 240
AHEAD: Final = 2_000
STALL_S: Final = 180.0  # without an end, and without a fault under way: something is stuck
QUIET_S: Final = 420.0  # without progress; a group that stalls joins anew after 300 s
REPORT_S: Final = 15.0


@dataclass(frozen=True)
class Options:
    """What one soak is to do."""

    uploads: int
    kills: int
    broker: str
    others: int | None = None
    seed: int = 1
    postgres: bool = False
    pause: float = 20.0
    workers: int = 2
    logs: Path | None = None


class Soak:
    """One run in a installation: send, hurt, watch."""

    def __init__(self, installation: Installation, options: Options, folder: Path) -> None:
        self._installation = installation
        self._began = time.monotonic()
        self._reported_at = 0.0
        self._watcher = Watcher(installation.settings)
        self._ended: set[str] = set()
        others = options.kills // 2 if options.others is None else options.others
        self.faults = Faults(
            installation, options.kills, others, random.Random(options.seed), options.pause
        )
        broker_pid = installation.broker._process.pid  # type: ignore[attr-defined] # of either kind
        self.watching = Watching(installation.supervisor.children, {"broker": broker_pid})
        files = write_files(folder / "audio", options.seed, min(FILES, options.uploads))
        self._uploads = options.uploads
        self.sender = Sender(
            installation.settings,
            plan(files, options.seed, options.uploads),
            lambda: len(self._ended),
            min(AHEAD, max(200, options.uploads // 5)),
            options.seed,
        )

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def run(self) -> None:
        """Return when everything has ended, or when nothing moves any more."""
        self.sender.start()
        news = time.monotonic()
        while not (self.sender.done and self.faults.over and self._complete()):
            before = len(self._ended)
            self.step()
            if len(self._ended) > before or self.faults.active:
                news = time.monotonic()
            if time.monotonic() - news > STALL_S:
                self.say("nothing moves any more")
                return

    def step(self) -> None:
        """One look at everything."""
        self._ended |= {ended.upload_id for ended in self._watcher.poll(0.1)}
        self._installation.supervisor.watch()
        self.watching.look()
        broker = self._installation.broker
        self.watching.extra["broker"] = getattr(getattr(broker, "_process", None), "pid", 0)
        # Where a stuck upload keeps the progress below the last fault's moment, they still come.
        stalled = self.sender.done and self._complete()
        self.faults.step(1.0 if stalled else len(self._ended) / self._uploads)
        if time.monotonic() - self._reported_at > REPORT_S:
            self.say()

    def say(self, more: str = "") -> None:
        """Print one line of progress."""
        self._reported_at = time.monotonic()
        _print(
            f"{self.seconds:5.0f} s  sent {len(self.sender.good)}  ended {len(self._ended)}  "
            f"faults {len(self.faults.injected)}  exits {len(self.watching.exits)}  "
            f"{', '.join(self.faults.active)}{more}"
        )

    def close(self) -> None:
        """Stop watching."""
        self._watcher.__exit__()

    def _complete(self) -> bool:
        return self.sender.good.keys() <= self._ended


def soak(options: Options) -> list[Sum]:
    """Run one soak, print what happened, return the sums."""
    with tempfile.TemporaryDirectory(prefix="earmark-soak-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        with Installation(
            folder, options.broker, postgres=options.postgres, per_stage=options.workers
        ) as installation:
            run = Soak(installation, options, folder)
            try:
                run.run()
                sums = _judge(run, installation)
            finally:
                run.close()
                if options.logs is not None:
                    installation.keep_logs(options.logs)
    _print(f"\nbroker {options.broker}, seed {options.seed}, {run.seconds:.0f} s\n{table(sums)}")
    return sums


def _judge(run: Soak, installation: Installation) -> list[Sum]:
    """Wait until all offsets are committed, then count."""
    facts = Facts()
    log = Log(installation.settings, facts)
    deadline, fewest = 0.0, float("inf")
    while True:
        run.step()
        came = log.read()
        left = stuck(installation.settings, log.ends())
        if came or sum(left.values()) < fewest:
            deadline, fewest = time.monotonic() + QUIET_S, sum(left.values())
        if (not left and not came) or time.monotonic() > deadline:
            break
    log.close()
    exits, faults = run.watching.exits, run.faults.injected
    unexplained = [item for item in exits if not item.explained(faults)]
    _print("\nfaults: " + kinds([fault.kind for fault in faults]))
    _print("exits of workers:")
    for item in exits:
        mark = "" if item.explained(faults) else "  UNEXPLAINED"
        _print(f"  {item.worker:<14} code {item.code:>3}{mark}  {item.reason[:160]}")
    for partition, count in left.items():
        _print(f"stuck: {partition}: {count} not committed")
    _print("dead letters: " + reasons(facts))
    _print(memory(run.watching))
    growth = run.watching.growth_mb(SETTLED_S)
    kills = [fault for fault in faults if fault.kind.startswith("kill")]
    return [
        *topic_sums(facts, run.sender.good),
        *ledger_sums(installation.settings.ledger, facts, run.sender.good),
        Sum("STUCK partitions", len(left), 0),
        Sum("faults", len(faults), run.faults.count),
        Sum("of them kills", len(kills), run.faults.kills),
        Sum("exits of workers", len(exits)),
        Sum("exits without an explanation", len(unexplained), 0),
        Sum("uploads that the hook was refused, and sent again", run.sender.refused),
        Sum("uploads that the hook sent twice", run.sender.twice),
        Sum("errors of the sender", int(run.sender.error is not None), 0),
        Sum("largest growth of a worker in MB", growth),
        Sum(f"growth beyond {GROWTH_MB} MB", int(growth > GROWTH_MB), 0),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak test of the command line; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--uploads", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--others", type=int, help="other faults; none: half as many as kills")
    parser.add_argument("--broker", choices=["tansu", "kafka"], default="tansu")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true", help="the ledger on PostgreSQL")
    parser.add_argument("--pause", type=float, default=20.0, help="seconds of every freeze")
    parser.add_argument("--workers", type=int, default=2, help="of every stage")
    parser.add_argument("--logs", type=Path, help="copy the workers' logs here")
    options = Options(**vars(parser.parse_args(arguments)))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # workers and disks are given back
    logs.configure("error")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it logs every outage of the test
    try:
        sums = soak(options)
    except (NoKafka, NoPostgres) as error:
        _print(f"earmark: {error}")
        return 2
    except KeyboardInterrupt:
        _print("stopped before its end: no sums")
        return 1
    return int(any(one.wrong for one in sums))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # The workers are this program's children and must find the same code.
    os.chdir(ROOT)
    sys.exit(main())
