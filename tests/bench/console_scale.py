"""How quick the pages are with many rows: ``make console-scale`` (TRACKS=100000 TASKS=20000).

It fills a ledger of its own on each database, then requests every page and API list repeatedly
over real HTTP routing (no network). It prints minimum, median and maximum, and the median
processor time of this process, which other work on the machine does not change. (On SQLite that is
all processor time; PostgreSQL has processes of its own.) It exits with 1 where a median is over
the limit.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import sqlalchemy
import typer
from starlette.testclient import TestClient

from streams.contract import topics
from streams.contract.records import Declaration, Outcome, SegmentScore, UploadReceived
from streams.policy.decide import decide
from streams.runtime import logs
from streams.runtime.settings import Settings
from streams.services.accounts import keys, sessions
from streams.store import task_states
from streams.store.cursors import Order, part
from streams.store.database import Ledger, Row
from streams.store.projections import rows_of
from streams.store.review_queue import BY_AGE, BY_PRIORITY
from streams.store.tables import DECISIONS, FINGERPRINTS, UPLOADS
from streams.store.track_list import LATEST
from streams.web.api.resources import AppResources
from streams.web.console.app import create
from streams.web.console.auth import COOKIE
from tests.support.accounts import create_user
from tests.support.events import CONTENT, UPLOADED_AT, classified, fingerprinted, message
from tests.support.postgres import NoPostgres, PrivatePostgres
from tests.support.stories import POLICY

LIMIT_S: Final = 0.2
REPEATS: Final = 15
BATCH: Final = 2_000
DELIVERERS: Final = 40


def fill(ledger: Ledger, tracks: int, asked: int) -> None:
    """Write tracks, of which ``asked`` wait for a person; rows as the projector makes them."""
    patterns = [_pattern(_answers(n)) for n in range(3)]  # asked, likely, human
    rows: list[Row] = []
    for number in range(tracks):
        kind = 0 if number < asked else 1 + number % 2
        rows += _rows(patterns[kind], number)
        if len(rows) >= BATCH * 8 or number == tracks - 1:
            with ledger.transaction() as connection:
                ledger.add(connection, rows)
                task_states.follow(connection, rows)
            rows = []
    with ledger.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sqlalchemy.text("ANALYZE"))


def _answers(kind: int) -> list[tuple[str, Any]]:
    outcome = (Outcome.IDENTIFIED, Outcome.IDENTIFIED, Outcome.NO_TRACE)[kind]
    declared = Declaration(contains_ai="None") if kind == 0 else Declaration()
    event = classified(
        outcome, declared=declared, track_id="T-0", title="Song 0", distributor="D-0"
    )
    segments = tuple(
        SegmentScore(start_s=6.0 * n, end_s=6.0 * n + 12, score=2.0) for n in range(29)
    )
    analysis = event.analysis.model_copy(update={"segments": segments})
    event = event.model_copy(update={"analysis": analysis})
    records = decide(event, POLICY)
    decoded = fingerprinted("T-0").model_copy(
        update={"upload": event.upload, "upload_id": event.upload_id}
    )
    received = UploadReceived(
        upload_id=event.upload_id, upload=event.upload, uploaded_at=UPLOADED_AT
    )
    story: list[tuple[str, Any]] = [(topics.UPLOADED, received), (topics.FINGERPRINTED, decoded)]
    story += [(topics.CLASSIFIED, event), (topics.LABELLED, records.labelled)]
    story += [(topics.DECIDED, records.decided)]
    return [*story, *([(topics.REVIEWS_REQUESTED, records.requested)] if records.requested else [])]


def _pattern(story: list[tuple[str, Any]]) -> list[Row]:
    """Return the rows of one track; ids hold ``#`` where a number will stand."""
    rows = []
    for topic, record in story:
        text = record.to_bytes().decode()
        for prefix in ("upl_", "ana_", "dec_", "lbl_", "tsk_"):
            text = text.replace(f'"{prefix}', f'"{prefix}#')
        for old, new in (('"T-0"', '"T-#"'), ("Song 0", "Song #"), ('"D-0"', '"D-@"')):
            text = text.replace(old, new)
        known = type(record).model_validate_json(text)
        rows += rows_of(message(topic, known, timestamp_ms=1_795_000_000_000))
    return rows


def _rows(pattern: list[Row], number: int) -> Iterator[Row]:
    """Yield the rows of one more track like this."""
    at = UPLOADED_AT - timedelta(days=90) + timedelta(seconds=60 * number)
    content, suffix, deliverer = f"{number:064x}", str(number), str(number % DELIVERERS)
    for row in pattern:
        values = {
            name: value.replace("#", suffix).replace("@", deliverer).replace(CONTENT, content)
            if isinstance(value, str)
            else value
            for name, value in row.values.items()
        }
        for name in ("recorded_at", "uploaded_at", "requested_for"):
            if name in values:
                values[name] = at
        yield Row(row.table, values)


@contextmanager
def databases(folder: Path) -> Iterator[dict[str, str]]:
    """Give both, or SQLite alone where there is no PostgreSQL."""
    urls = {"sqlite": f"sqlite:///{folder}/ledger.db"}
    try:
        with PrivatePostgres() as server:
            yield urls | {"postgresql": server.url}
    except NoPostgres as error:
        sys.stdout.write(f"without PostgreSQL: {error}\n")
        yield urls


def measure(
    url: str, folder: Path, tracks: int, asked: int
) -> list[tuple[str, list[tuple[float, float]]]]:
    """Fill one database and time every page."""
    settings = Settings(ledger=url, store=f"file://{folder}/store", api_rate_per_minute=1_000_000)
    with AppResources.open(settings, relaying=False) as resources:
        began = time.monotonic()
        fill(resources.ledger, tracks, asked)
        took = time.monotonic() - began
        sys.stdout.write(f"{url.split(':')[0]}: {tracks} tracks written in {took:.0f} s\n")
        token = sessions.begin(resources.ledger, create_user(resources.ledger, "admin", "admin"))
        key = keys.create(resources.ledger, "a program", "admin", "test")
        client = TestClient(create(resources, "http://testserver"), follow_redirects=False)
        client.cookies.set(COOKIE, token)
        client.headers["Authorization"] = f"Bearer {key}"
        return [(path, _times(client, path)) for path in _paths(resources.ledger)]


def _paths(ledger: Ledger) -> list[str]:
    with ledger.reading() as connection:
        task = connection.scalar(sqlalchemy.text("SELECT task_id FROM task_states LIMIT 1"))
        upload = connection.scalar(sqlalchemy.select(UPLOADS.c.upload_id).limit(1))
        decision = connection.scalar(sqlalchemy.select(DECISIONS.c.decision_id).limit(1))
        assert connection.scalar(sqlalchemy.select(FINGERPRINTS.c.upload_id).limit(1))
    return [
        *("/check", f"/check/{upload}", f"/check/{upload}/state"),
        *("/queue", "/queue?show=late", "/queue?queue=disclosure", "/queue?show=mine"),
        *(f"/queue?cursor={_deep(ledger, BY_PRIORITY, 10_000)}",),
        *(f"/queue?queue=disclosure&cursor={_deep(ledger, BY_PRIORITY, 15_000)}",),
        *(f"/queue?show=late&cursor={_deep(ledger, BY_AGE, 19_000)}",),
        *("/queue?search=Song+19", "/queue?search=song", "/queue?search=D-1", f"/tasks/{task}"),
        *(
            "/tracks",
            f"/tracks?cursor={_deep(ledger, LATEST, 50_000)}",
            f"/tracks?cursor={_deep(ledger, LATEST, 99_000)}",
            f"/tracks?search=song&cursor={_deep(ledger, LATEST, 50_000)}",
            "/tracks?search=T-777",
            "/tracks?search=Song+777",
            "/tracks?search=song",
        ),
        *("/tracks/T-5", "/appeals", "/quality", "/me"),
        *("/admin", "/admin/keys", "/admin/webhooks", "/admin/versions", "/admin/dead-letters"),
        *("/admin/audit", "/v1/uploads", "/v1/uploads?track_id=T-5", f"/v1/uploads/{upload}"),
        *("/v1/tracks/T-5", "/v1/tracks/T-5/labels", f"/v1/decisions/{decision}"),
    ]


def _deep(ledger: Ledger, order: Order, place: int) -> str:
    """Return the cursor of a place far down a list (its middle, where there are fewer rows)."""
    question = sqlalchemy.select(*(column.element for column in order))
    count = sqlalchemy.select(sqlalchemy.func.count()).select_from(question.subquery())
    with ledger.reading() as connection:
        rows = connection.execute(count).scalar_one()
        place = place if place < rows else rows // 2
        result = part(connection, question, order, None, place).next
    assert result is not None
    return result


def _times(client: TestClient, path: str) -> list[tuple[float, float]]:
    """Return how long each answer took, in seconds by the clock and of this process."""
    times = []
    for _ in range(REPEATS):
        began, worked = time.perf_counter(), time.process_time()
        answer = client.get(path)
        times.append((time.perf_counter() - began, time.process_time() - worked))
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
    return times


def main(
    tracks: Annotated[int, typer.Option(help="Tracks in the ledger.")] = 100_000,
    asked: Annotated[int, typer.Option("--tasks", help="Of these, review tasks.")] = 20_000,
    out: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """Measure, print, and fail where a page is slow."""
    logs.configure("error")
    slow, figures = [], []
    with tempfile.TemporaryDirectory() as name, databases(Path(name)) as urls:
        for kind, url in urls.items():
            for path, both in measure(url, Path(name), tracks, asked):
                times = [one[0] for one in both]
                cpu = statistics.median(one[1] for one in both)
                low, middle, high = min(times), statistics.median(times), max(times)
                mark = "" if middle < LIMIT_S else "  OVER THE LIMIT"
                sys.stdout.write(
                    f"{kind:11} {1000 * low:7.1f} {1000 * middle:7.1f} {1000 * high:7.1f} ms"
                    f" {1000 * cpu:7.1f} CPU  {path[:60]}{mark}\n"
                )
                figures.append(
                    {
                        "database": kind,
                        "path": path,
                        "median_ms": 1000 * middle,
                        "cpu_ms": 1000 * cpu,
                    }
                )
                slow += [path] if mark else []
    if out is not None:
        out.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    if slow:
        raise SystemExit(1)


if __name__ == "__main__":
    typer.run(main)
