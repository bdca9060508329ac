"""What is sent: a few hundred small files that the soak makes itself, some of them bad.

New files appear throughout the run, so that there is always something to decode. Most uploads are
of content that is decoded already, which is quick. Some uploads are sent twice, as ingest pipelines
do: with the time of the first delivery, or with a new one.
"""

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from streams.contract.records import Declaration, Upload
from streams.runtime.settings import Settings
from streams.stages.ingest import DeliveryFailed, IngestHook
from tests.support.audio import write_wav
from tests.support.samples import samples

BATCH = 50
LONG_S, SHORT_S = 5.2, 1.0  # assessable, and too short to be
RATE_HZ = 44_100
PAUSE_S = 0.2  # of a sender that is far ahead, or refused
AI = ("decoder", "licensed_ai", "undisclosed_ai")  # samples that persons must look at
TWICE = 0.05  # share of uploads that are sent twice


@dataclass(frozen=True)
class File:
    """One file, and whether an upload of it ends as a decision."""

    path: Path
    sha256: str
    good: bool


@dataclass(frozen=True)
class Planned:
    """One upload, and how it must end."""

    upload: Upload
    good: bool


def write_files(folder: Path, seed: int, count: int) -> list[File]:
    """Write noise of two lengths, one file in twelve that is no audio, and some AI music."""
    folder.mkdir()
    dice = random.Random(seed)
    made = (one.path for one in samples(folder / "samples", seed) if one.kind in AI)
    files = [_file(path, good=True) for path in made]
    for number in range(count):
        path = folder / f"{number:04}.wav"
        good = number % 12 != 11
        if good:
            length = int(RATE_HZ * (LONG_S if number % 2 else SHORT_S))
            noise = np.random.default_rng([seed, number]).normal(0, 0.1, (1, length))
            write_wav(path, noise.astype(np.float32))
        else:
            path.write_bytes(dice.randbytes(dice.choice([0, 40, 4_000])))
        files.append(_file(path, good=good))
    dice.shuffle(files)
    return files


def _file(path: Path, *, good: bool) -> File:
    return File(path, hashlib.sha256(path.read_bytes()).hexdigest(), good)


def plan(files: list[File], seed: int, count: int) -> Iterator[Planned]:
    """Yield every upload once, new files spread evenly among them."""
    dice = random.Random(seed)
    for number in range(count):
        newest = number * len(files) // count
        file = files[newest if dice.random() < 0.1 else dice.randrange(newest + 1)]
        sha256, good = file.sha256, file.good
        match dice.randrange(20):
            case 0:  # content that was altered on its way
                sha256, good = hashlib.sha256(b"%d" % number).hexdigest(), False
            case 1 | 2 | 3:
                sha256 = ""
        upload = Upload(
            track_id=f"T-{dice.randrange(max(1, count // 3))}",
            uri=file.path.as_uri(),
            sha256=sha256 or None,
            title=f"soak {number}",  # makes every upload one of its own
            declared=Declaration(contains_ai=dice.choice([None, None, "All", "None"])),
        )
        yield Planned(upload, good)


@dataclass
class Sender:
    """Sends the plan from a thread of its own, at most ``ahead`` uploads before their end."""

    settings: Settings
    planned: Iterator[Planned]
    ended: Callable[[], int]
    ahead: int
    seed: int
    good: dict[str, bool] = field(default_factory=dict)  # upload id -> must become a decision
    twice: int = 0
    refused: int = 0
    done: bool = False
    error: Exception | None = None

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="sender", daemon=True).start()

    def _run(self) -> None:
        dice = random.Random(self.seed)
        try:
            with IngestHook(self.settings) as hook:
                batch: list[Upload] = []
                for item in self.planned:
                    batch.append(item.upload)
                    self.good[item.upload.upload_id] = item.good
                    if len(batch) == BATCH:
                        self._deliver(hook, batch, dice)
                        batch = []
                self._deliver(hook, batch, dice)
        except Exception as error:  # noqa: BLE001 - told at the end, as one of the sums
            self.error = error
        finally:
            self.done = True

    def _deliver(self, hook: IngestHook, uploads: list[Upload], dice: random.Random) -> None:
        """Send until the broker has every one, then some of them once more."""
        while len(self.good) - self.ended() > self.ahead:
            time.sleep(PAUSE_S)
        now = datetime.now(UTC)
        left = uploads
        while left:
            deliveries = hook.submit_many(left, now if left is uploads else None)
            errors = [one.error for one in deliveries]
            for error in errors:
                if error is not None and not isinstance(error, DeliveryFailed):
                    raise error
            left = [upload for upload, error in zip(left, errors, strict=True) if error]
            if left:
                self.refused += len(left)
                time.sleep(PAUSE_S)
        for upload in uploads:
            if dice.random() < TWICE:
                again = hook.submit_many([upload], now if dice.random() < 0.5 else None)[0]
                self.twice += again.error is None
