"""``earmark rescore``: the stored observations of the catalogue, sent to the lane behind uploads.

At most ``ahead`` tracks wait on the topic, so that an interruption ends the run within a moment.
The same command goes on from there: what the model has answered is not sent again.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import structlog
from kafka.errors import KafkaError
from rich.console import Console

from detector.errors import Transient
from streams.contract import processes, topics
from streams.contract.records import ObservationRef
from streams.contract.records.rescoring import TrackRescoring
from streams.ops.progress import bar
from streams.runtime.kafka.clients import open_producer, send_window
from streams.runtime.kafka.errors import BrokerAway
from streams.runtime.kafka.offsets import behind
from streams.runtime.kafka.topic_plan import open_admin
from streams.runtime.settings import Settings
from streams.services.analyses import seconds_each
from streams.services.rescoring import Left

log = structlog.get_logger()

SAMPLES: Final = 16  # observations that tell the cost of one
WINDOW: Final = 200  # requests sent together
LOOK_S: Final = 0.5
RETRY_S: Final = 2.0
LEFT: Final[dict[Left, str]] = {
    "answered": "have its answer already",
    "not_selected": "are not selected",
    "no_observation": "have no stored observation: submit them again",
    "other_version": "have an observation of another release: submit them again",
}


class _Lane:
    """The topic of rescoring, as one run sees it."""

    def __init__(self, settings: Settings, producer: Any, admin: Any, show: Any) -> None:
        self._settings, self._producer, self._admin, self._show = settings, producer, admin, show
        self.sent = 0

    def send(self, window: Sequence[TrackRescoring]) -> None:
        """Send requests, as long as it takes: a rescoring has time."""
        while window:
            try:
                send_window(self._producer, self._settings, topics.RESCORING, window)
            except BrokerAway as error:
                log.warning("rescore_waits", error=str(error))
                time.sleep(RETRY_S)
            else:
                break
        self.sent += len(window)

    def wait(self, most: int) -> None:
        """Wait until at most so many requests are not done."""
        while (waiting := self._waiting()) is None or waiting > most:
            if waiting is not None:
                self._show(self.sent - waiting)
            time.sleep(LOOK_S)
        self._show(self.sent - waiting)

    def _waiting(self) -> int | None:
        """Return how many requests are not done; None while the broker does not answer."""
        try:
            return behind(self._admin, self._settings, processes.RESCORE.name)
        except (KafkaError, Transient) as error:
            log.warning("rescore_waits", error=repr(error))
            return None


def rescore(
    settings: Settings,
    items: Iterable[TrackRescoring | Left],
    total: int,
    *,
    ahead: int,
    console: Console,
) -> Counter[str]:
    """Send requests in their turn; return how many were ``sent``, and left out, by reason.

    Args:
        settings: of the installation.
        items: the requests, and reasons for those that are none.
        total: how many items come, for the estimate.
        ahead: requests that may wait for the workers.
        console: where progress is shown.

    Raises:
        KeyboardInterrupt: some were sent; the same run goes on when it is begun again.
    """
    counts: Counter[str] = Counter()
    at_once = min(WINDOW, ahead)
    with (
        closing(open_producer(settings, "rescore-command")) as producer,
        open_admin(settings) as admin,
        bar(console) as progress,
    ):
        task = progress.add_task("scored", total=total)

        def show(done: int) -> None:
            progress.update(task, completed=max(0, done) + sum(counts[why] for why in LEFT))

        lane = _Lane(settings, producer, admin, show)
        window: list[TrackRescoring] = []
        for item in items:
            if isinstance(item, str):
                counts[item] += 1
                continue
            window.append(item)
            if len(window) == at_once:
                lane.wait(ahead - at_once)
                lane.send(window)
                counts["sent"] = lane.sent
                window = []
        lane.send(window)
        counts["sent"] = lane.sent
        lane.wait(0)
    return counts


def core_hours(
    settings: Settings,
    folder: Path,
    items: Iterable[TrackRescoring | Left],
    total: int,
    *,
    console: Console,
) -> tuple[Counter[str], str]:
    """Return what a run would send and leave out, and its cost in words. Nothing is sent.

    A few observations are scored here for that, on one core; nothing is stored.
    """
    counts: Counter[str] = Counter()
    samples: list[ObservationRef] = []
    with bar(console) as progress:
        for item in progress.track(items, total=total, description="counted"):
            counts[item if isinstance(item, str) else "sent"] += 1
            if not isinstance(item, str) and len(samples) < SAMPLES:
                samples.append(item.observation)
    each = seconds_each(settings, folder, samples) if samples else None
    if each is None:
        return counts, ""
    hours = counts["sent"] * each / 3_600
    return counts, f": about {hours:.2f} core-hours on CPUs, {1_000 * each:.0f} ms each"
