"""Tracks in the ledger with the detector's answer and what people ruled, as rows."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from streams.services.ruled_tracks import Answer, Ruling
from streams.store.account_tables import TASK_STATES
from streams.store.database import Ledger, Row
from streams.store.tables import (
    ANALYSES,
    DECISIONS,
    FINGERPRINTS,
    LABELS,
    REVIEW_TASKS,
    UPLOADS,
    VERDICTS,
)
from tests.support.ledger_filling import row

DIGEST: Final = "d" * 64
KIND: Final = "full_rate/even"
NOW: Final = datetime.now(UTC)


def track_rows(
    number: int,
    *,
    outcome: str = "no_trace",
    extent: str | None = None,
    queue: str | None = None,
    mark: dict[str, Any] | None = None,
    artist: str | None = None,
    digest: str = DIGEST,
    kind: str | None = KIND,
    alpha: float = 0.01,
    certainty: str = "declared",
    may_train: bool = True,
    observation: dict[str, Any] | None = None,
    content: str | None = None,
    task: str = "review",
    generator: str | None = None,
    **upload: Any,
) -> list[Row]:
    """Return the rows of one track: answered, sent to a queue, ruled to have an extent."""
    name = f"u{number}"
    at = NOW - timedelta(seconds=number)
    fields = {"track_id": f"T-{number}", "artists": [artist or f"Artist {number}"]} | upload
    same = {"upload_id": name, "track_id": f"T-{number}", "content_sha256": content or f"c{number}"}
    service = {"model": "m", "model_digest": digest, "outcome": outcome, "recorded_at": at}
    rows = [
        row(UPLOADS, **same_of(UPLOADS, same), record=_json({"upload": fields})),
        row(
            ANALYSES,
            **same,
            **service,
            analysis_id=f"a{number}",
            compared_with=kind,
            alpha=alpha,
            score=6.0,
            generator=generator,
        ),
    ]
    if mark is not None:
        label = {"source": "provenance", "extent": "All", "certainty": certainty}
        rows.append(
            row(
                LABELS,
                **same_of(LABELS, same),
                **label,
                label_id=f"l{number}",
                generator=mark["generator"],
                record=_json({"mark": mark}),
            )
        )
    if queue is not None:
        ids = {"task_id": f"t{number}", "decision_id": f"d{number}"}
        asked = same_of(REVIEW_TASKS, same) | ids | {"queue": queue}
        state = "closed" if extent else "open"
        verdict = f"v{number}" if extent else None
        rows += [
            row(DECISIONS, **same, **service, decision_id=f"d{number}", analysis_id=f"a{number}"),
            row(REVIEW_TASKS, **asked),
            row(TASK_STATES, **asked, kind=task, state=state, verdict_id=verdict),
        ]
        if extent is not None:
            rows.append(
                row(
                    VERDICTS,
                    **same_of(VERDICTS, same),
                    **ids,
                    verdict_id=f"v{number}",
                    reviewer="rev-1",
                    extent=extent,
                    outcome="confirm",
                    undoes=None,
                    decided_at=at,
                    record=_json({"training_use_allowed": may_train}),
                )
            )
    if observation is not None:
        rows.append(
            row(
                FINGERPRINTS,
                **same,
                observation_version=observation["version"],
                duration_s=20.0,
                record=_json({"observation": observation}),
            )
        )
    return rows


def same_of(table: Any, values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in table.c}


def _json(data: Any) -> str:
    return orjson.dumps(data).decode()


def fill(ledger: Ledger, tracks: Iterable[list[Row]]) -> None:
    ledger.write(one for rows in tracks for one in rows)


def answer(
    number: int,
    outcome: str = "no_trace",
    *,
    asked: bool = False,
    kind: str = KIND,
    generator: str | None = None,
) -> Answer:
    return Answer(f"u{number}", f"c{number}", kind, outcome, generator, 6.0, asked)


def ruling(
    number: int,
    outcome: str = "suspected",
    *,
    is_ai: bool = False,
    asked: bool = True,
    artist: str | None = None,
    may_train: bool = True,
    generator: str | None = None,
) -> Ruling:
    about = answer(number, outcome, asked=asked, generator=generator)
    return Ruling(about, is_ai, artist or f"Artist {number}", f"T-{number}", may_train)
