"""Reviewers' verdicts as a manifest for calibration and training (``models.learning.data``).

It lists current verdicts that state an extent and allow training (``training_use_allowed``).
Second reviews and test tasks are left out. The audio need not be available: it names observations.
"""

import csv
from typing import IO, Final
from urllib.parse import unquote, urlsplit

from streams.contract.records.reviews import ReviewDecided
from streams.services.spreadsheets import cell
from streams.store import reviews, stored_records
from streams.store.database import Ledger
from streams.store.stored_records import fields_of

LABELS: Final = {"All": "ai", "None": "human", "Partly": "partly"}
COLUMNS: Final = (
    *("path", "label", "generator", "source_repo", "sha256", "lineage", "licence"),
    *("observation_uri", "observation_version", "upload_id", "verdict_id", "decided_at"),
)


def write(ledger: Ledger, out: IO[str]) -> int:
    """Write the manifest, each content once; return how many tracks it lists."""
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    seen: set[str] = set()
    with ledger.reading() as connection:
        for row in reviews.training_rows(connection):
            verdict = stored_records.read(ReviewDecided, row.record)
            if verdict is None or not verdict.training_use_allowed or row.content_sha256 in seen:
                continue
            if (label := LABELS.get(str(verdict.extent and verdict.extent.value))) is None:
                continue
            seen.add(row.content_sha256)
            upload = fields_of(row.upload)["upload"]
            tools = upload.get("declared", {}).get("tools") or [{}]
            parts = urlsplit(row.uri)
            fields = {
                "path": unquote(parts.path) if parts.scheme == "file" else row.uri,
                "label": label,
                "generator": tools[0].get("name", "reviewed") if label == "ai" else "reviewed",
                "source_repo": upload.get("distributor") or "reviewed",
                "sha256": row.content_sha256,
                "lineage": upload["track_id"],
                "licence": "training use allowed by the reviewer",
                "observation_uri": row.observation_uri,
                "observation_version": row.observation_version,
                "upload_id": verdict.upload_id,
                "verdict_id": verdict.verdict_id,
                "decided_at": verdict.decided_at.isoformat(),
            }
            writer.writerow({name: cell(value) for name, value in fields.items()})
    return len(seen)
