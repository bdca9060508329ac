"""``earmark up``: broker, topics, processors and tracks on one machine, with one command."""

import json
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from detector.errors import EarmarkError, Fatal
from streams.contract.processes import MONITOR, PROCESSES
from streams.contract.records import Upload
from streams.ops import display, rows
from streams.ops.embedded_broker import EmbeddedBroker, ensure_topics
from streams.ops.forking import ForkServer
from streams.ops.inputs import Skipped
from streams.ops.state import State
from streams.ops.supervisor import Supervisor
from streams.ops.watch import Ended, Watcher
from streams.runtime.processes import free_port
from streams.runtime.settings import PREFIX, Settings
from streams.services.accounts.sessions import new_link
from streams.stages.ingest import IngestHook
from streams.store.database import Ledger

STARTED: Final = tuple(name for name in PROCESSES if name != MONITOR.name)
MONITOR_AFTER_S: Final = 60.0  # or once all is decided: the first decision comes first
READY_PATIENCE_S: Final = 120.0
STALL_S: Final = 300.0
LEDGER_PATIENCE_S: Final = 60.0
BATCH: Final = 50

Named = tuple[str, Upload]


@dataclass
class Batch:
    """The uploads of this run and how they end."""

    console: Console
    out: IO[str] | None
    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    sent_at: dict[str, float] = field(default_factory=dict)
    ends: dict[str, Ended] = field(default_factory=dict)
    not_sent: int = 0
    all_sent: bool = False
    failure: EarmarkError | None = None
    last_news: float = field(default_factory=time.monotonic)

    @property
    def complete(self) -> bool:
        """Whether every upload that was sent has ended."""
        return self.all_sent and not (self.sent_at.keys() - self.ends.keys())

    def send(self, hook: IngestHook, items: Iterable[Named | Skipped]) -> None:
        """Send everything; runs in a thread beside the watching."""
        waiting: list[Named] = []
        try:
            for item in items:
                if isinstance(item, Skipped):
                    self._skip(item)
                    continue
                waiting.append(item)
                if len(waiting) >= BATCH:
                    self._send(hook, waiting)
                    waiting = []
            self._send(hook, waiting)
        except EarmarkError as error:
            self.failure = error
        except Exception as error:  # noqa: BLE001 - told in the main thread, which ends
            self.failure = Fatal(f"sending stopped: {error!r}")
        finally:
            self.all_sent = True

    def take(self, ended: Ended) -> None:
        """Note one end, print its line; a second end of the same upload is not news."""
        if ended.upload_id in self.ends:
            return
        self.ends[ended.upload_id] = ended
        self.last_news = time.monotonic()
        seconds = ended.seconds_after(self.sent_at.get(ended.upload_id))
        another = ended.decision.track_id if ended.decision else ended.upload_id
        for name in self.names.get(ended.upload_id) or [another]:  # of another sender
            self.console.print(display.line(name, ended, seconds), soft_wrap=True)
            self._write(rows.row(name, ended, seconds))

    def _send(self, hook: IngestHook, items: list[Named]) -> None:
        for name, upload in items:
            self.names[upload.upload_id].append(name)
            self.sent_at.setdefault(upload.upload_id, time.time())
        deliveries = hook.submit_many([upload for _, upload in items])
        for (name, upload), delivery in zip(items, deliveries, strict=True):
            if delivery.error is not None:
                self.sent_at.pop(upload.upload_id, None)
                self._skip(Skipped(name, "not_delivered", str(delivery.error)))

    def _skip(self, item: Skipped) -> None:
        self.not_sent += 1
        self.console.print(display.skipped_line(item), soft_wrap=True)
        self._write(rows.not_sent(item))

    def _write(self, row: dict[str, object]) -> None:
        if self.out is not None:
            self.out.write(json.dumps(row) + "\n")
            self.out.flush()


def up(
    state: State,
    items: Callable[[Settings], Iterable[Named | Skipped]],
    *,
    once: bool,
    out: Path | None,
    console: Console,
    forks: ForkServer,
) -> int:
    """Run everything until Ctrl-C, or with ``once`` until every upload has ended.

    Returns:
        0; 1 where ``once`` could not see every upload end.
    """
    with state.locked(), ExitStack() as stack:
        # SIGTERM unwinds everything as Ctrl-C does
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        stack.callback(signal.signal, signal.SIGTERM, before)
        writer = stack.enter_context(out.open("w")) if out else None
        settings = _broker(state, stack, console)
        port = free_port(settings.console_host, settings.console_port)
        settings = settings.model_copy(update={"console_port": port})
        Ledger.open(settings.ledger).close()  # migrates: at once, the workers would wait in turn
        # they load for seconds, and wait for topics anyway
        supervisor = stack.enter_context(Supervisor(list(STARTED), settings, state.logs, forks))
        ensure_topics(settings)
        with console.status("starting the processors"):
            late = supervisor.wait_ready(READY_PATIENCE_S)
        if late:
            raise Fatal(f"not ready: {'; '.join(late)}; logs: {state.logs}")
        state.announce(settings)
        _say_where(console, settings, supervisor, state)
        batch = Batch(console, writer)
        watcher = stack.enter_context(Watcher(settings))
        hook = stack.enter_context(IngestHook(settings))
        sender = threading.Thread(target=batch.send, args=(hook, items(settings)), daemon=True)
        sender.start()
        try:
            _follow(batch, watcher, supervisor, state, once=once)
        except KeyboardInterrupt:
            console.print("stopping")
            return 0
        if batch.failure is not None:
            raise batch.failure
        missing = _missing_in_ledger(settings, batch, supervisor)
        display.summary(console, list(batch.ends.values()), batch.not_sent)
        left = sorted(batch.sent_at.keys() - batch.ends.keys())
        if left or missing:
            console.print(
                f"[red]{len(left)} uploads have not ended, {len(missing)} are not in the ledger[/]"
            )
        for upload_id in [*left, *missing][:20]:
            console.print(f"  {upload_id} {', '.join(batch.names[upload_id])}")
        return 1 if left or missing or (batch.not_sent and not batch.sent_at) else 0


def _broker(state: State, stack: ExitStack, console: Console) -> Settings:
    """Start the embedded broker, unless the environment names one."""
    if os.environ.get(PREFIX + "BROKERS"):
        return state.settings(None)
    state.logs.mkdir(parents=True, exist_ok=True)
    with console.status("starting the embedded broker"):
        broker = EmbeddedBroker(port=free_port(preferred=9_092), log_file=state.logs / "broker.log")
        stack.enter_context(broker)
    return state.settings(broker.bootstrap)


def _follow(
    batch: Batch, watcher: Watcher, supervisor: Supervisor, state: State, *, once: bool
) -> None:
    console = batch.console
    console.print(display.HEADER, style="bold")
    columns = (TextColumn("decided"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        looked = 0.0
        done = watched = False
        began = time.monotonic()
        while True:
            for ended in watcher.poll(0.5 if batch.complete else 0.1):
                batch.take(ended)
            if time.monotonic() - looked > 1:
                for child in supervisor.watch():
                    console.print(
                        f"[yellow]{child.name} ended and is started again[/]; its log: "
                        f"{child.log_path}"
                    )
                looked = time.monotonic()
            ended_count = len(batch.sent_at.keys() & batch.ends.keys())
            progress.update(
                task, completed=ended_count, total=len(batch.sent_at) if batch.all_sent else None
            )
            stalled = time.monotonic() - batch.last_news > STALL_S
            if once and (batch.complete or batch.failure or (batch.all_sent and stalled)):
                return
            all_ended = batch.complete and bool(batch.ends)
            if not (once or watched) and (all_ended or time.monotonic() - began > MONITOR_AFTER_S):
                watched = True
                monitor = supervisor.add(MONITOR.name)
                console.print(f"metrics  {monitor.metrics_url}  {monitor.name}")
                console.print(f"         all of them: {state.scrape(supervisor.targets)}")
            if all_ended and not done:
                done = True
                display.summary(console, list(batch.ends.values()), batch.not_sent)
                console.print("still running; Ctrl-C ends it")


def _missing_in_ledger(settings: Settings, batch: Batch, supervisor: Supervisor) -> list[str]:
    """Wait until the ledger holds the end of every upload; return those it lacks."""
    ledger = Ledger.of(settings)
    deadline = time.monotonic() + LEDGER_PATIENCE_S
    while True:
        missing = sorted(batch.ends.keys() - ledger.ended_uploads(batch.ends.keys()))
        if not missing or time.monotonic() > deadline:
            return missing
        supervisor.watch()  # the ledger may have died just now
        time.sleep(0.2)


def _say_where(console: Console, settings: Settings, supervisor: Supervisor, state: State) -> None:
    ledger = Ledger.of(settings)
    link = new_link(ledger)
    ledger.close()
    enter = f"{settings.console_address()}/enter/{link}"
    console.print(f"console  {enter}", soft_wrap=True, highlight=False)
    console.print("         open it to check a track; it signs you in, once", style="dim")
    console.print(f"broker   {settings.brokers}")
    console.print(f"ledger   {settings.shown()['ledger']}")
    console.print(f"logs     {state.logs}/")
    for child in supervisor.children:
        console.print(f"metrics  {child.metrics_url}  {child.name}")
