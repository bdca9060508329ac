"""One run of ``earmark scan``: list, read, report."""

import asyncio
import fcntl
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from rich.console import Console
from rich.progress import (
    Task,
    TextColumn,
)

from detector.assessment.model import Model
from detector.errors import Fatal
from streams.contract.records import stable_id
from streams.ops.inputs import Skipped
from streams.ops.progress import bar
from streams.ops.scan import files
from streams.ops.scan.listing import PASSED_OVER, Listed, listed
from streams.ops.scan.page import About, page
from streams.ops.scan.reading import Reader
from streams.ops.scan.records import Listing, Reading
from streams.ops.scan.tables import Report
from streams.runtime.settings import Settings
from streams.store.scan_state import ListedFile, ScanState

PAGE: Final = "index.html"
STATE: Final = "state"
LINE_S: Final = 30.0  # between lines of progress, where no bar can be drawn


@dataclass(frozen=True)
class Scan:
    """What is scanned, and where the report goes."""

    names: Sequence[str]
    out: Path
    settings: Settings
    model: Model
    parquet: bool = False

    def run(self, standard_input: IO[bytes], console: Console) -> Report:
        """Read what is not read yet and write the report; return it.

        Interrupted, it writes the report of what is read so far; the next run goes on.

        Raises:
            Fatal: another scan writes there, or Parquet cannot be written.
            KeyboardInterrupt: after the report was written.
        """
        if self.parquet:
            files.check_parquet()
        folder = self.out / STATE
        with _held(folder), closing(ScanState(folder)) as state:
            reader = Reader(self.settings, self.model, state, folder)
            passed_over = self._list(state, reader.basis, standard_input, console)
            try:
                self._read(state, reader, console)
            except KeyboardInterrupt:
                self._report(state, reader.basis, passed_over)
                raise
            return self._report(state, reader.basis, passed_over)

    def _list(
        self, state: ScanState, basis: str, standard_input: IO[bytes], console: Console
    ) -> int:
        """Note all files; return how many are not named like audio."""
        passed_over: Counter[str] = Counter()

        def noted(items: Iterable[Listed]) -> Iterator[ListedFile]:
            for item in items:
                if not isinstance(item, Skipped):
                    listing, stamp = item
                    key = stable_id("file", listing.uri, listing.track_id or "")
                    yield ListedFile(key, stamp, listing.to_bytes().decode())
                elif item.reason == PASSED_OVER:
                    passed_over[item.reason] += 1
                else:
                    unreadable.append(item)

        unreadable: list[Skipped] = []
        with console.status("listing files"):
            state.note(noted(listed(self.names, self.settings, standard_input)))
        for item in unreadable:
            _note_unreadable(state, basis, item)
        return passed_over.total()

    @staticmethod
    def _read(state: ScanState, reader: Reader, console: Console) -> None:
        total, unread = state.counts(reader.basis)
        if not unread:
            return
        with (
            reader,
            bar(console, TextColumn("{task.fields[problems]}", style="yellow")) as progress,
        ):
            task = progress.add_task("read", total=total, completed=total - unread, problems="")
            unreadable, reported_at = 0, time.monotonic()

            def done(reading: Reading) -> None:
                nonlocal unreadable, reported_at
                unreadable += reading.status == "unreadable"
                problems = f"{unreadable} unreadable" if unreadable else ""
                progress.update(task, advance=1, problems=problems)
                if not console.is_terminal and time.monotonic() - reported_at > LINE_S:
                    reported_at = time.monotonic()
                    console.print(_line(progress.tasks[0], problems), soft_wrap=True)

            asyncio.run(reader.read_all(done))

    def _report(self, state: ScanState, basis: str, passed_over: int) -> Report:
        rows = (
            (
                Listing.model_validate_json(listing),
                Reading.model_validate_json(reading) if reading else None,
            )
            for listing, reading in state.rows(basis)
        )
        report = Report.of(rows, state.pairs())
        files.write(report, self.out, parquet=self.parquet)
        about = About(
            names=tuple(self.names),
            model=self.model,
            rates=self.settings.rates,
            passed_over=passed_over,
            known=self.settings.index is not None,
        )
        with files.whole(self.out / PAGE) as beside:
            beside.write_text(page(report, about), encoding="utf-8")
        return report


def _line(task: Task, problems: str) -> str:
    """Return the progress as a line of a log file."""
    left = "" if task.time_remaining is None else f", {task.time_remaining / 60:.0f} min left"
    return f"read {task.completed:.0f} of {task.total:.0f} files{left} {problems}".rstrip()


def _note_unreadable(state: ScanState, basis: str, item: Skipped) -> None:
    """Store something that was named and is no file; the next run looks at it anew."""
    listing = Listing(path=item.path, uri=item.path, folder="")
    file = ListedFile(stable_id("none", item.path), "", listing.to_bytes().decode())
    reading = Reading(status="unreadable", reason=item.reason, detail=item.detail)
    state.note([file])
    state.keep(file, basis, reading.to_bytes().decode())


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a state folder; the lock goes with the process, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Fatal(f"another scan writes to {folder.parent}: wait for it") from error
        yield
