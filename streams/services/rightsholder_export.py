"""All that is held about a rightsholder, as a ZIP file (GDPR, Article 15).

``held.json`` has the data; ``files/`` what was handed in, as it came. What others delivered is
theirs: of it the export has how many recordings name a thing, not which.
"""

import zipfile
from dataclasses import asdict
from datetime import UTC, datetime
from shutil import copyfileobj
from typing import IO, Any, Final

import orjson

from streams.media.kept_audio import KeptUploads
from streams.services import rightsholder_page, rightsholders
from streams.services.appeal_files import AppealFile
from streams.services.rights_requests import RightsRequest
from streams.services.signed_links import RightsholderLink
from streams.store import appeal_files, audit
from streams.store import rightsholders as store
from streams.store.database import Ledger

MOST_UPLOADS: Final = 10_000
BLOCK: Final = 1 << 20


def write(
    ledger: Ledger, folder: KeptUploads, rightsholder_id: str, target: IO[bytes], *, by: str
) -> int:
    """Write the ZIP file of a rightsholder; return how many files it has. Audited.

    Raises:
        BadRightsholder: there is none.
    """
    data, files = held(ledger, rightsholder_id)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as out:  # what came may be packed already
        out.writestr("held.json", orjson.dumps(data, option=orjson.OPT_INDENT_2))
        for file in files:
            source = folder.reading(file.sha256)
            if source is not None:
                with (
                    source,
                    out.open(f"files/{file.file_id}-{file.name}", "w", force_zip64=True) as to,
                ):
                    copyfileobj(source, to, BLOCK)
    about = {"files": len(files)}
    with audit.transaction(
        ledger, audit.Entry(by, "rightsholder_exported", rightsholder_id, about)
    ):
        pass
    return len(files)


def held(ledger: Ledger, rightsholder_id: str) -> tuple[dict[str, Any], list[AppealFile]]:
    """Return the data that is held about a rightsholder, and the files that they handed in.

    Raises:
        BadRightsholder: there is none.
    """
    with ledger.reading() as connection:
        holder = rightsholders.find(connection, rightsholder_id)
        theirs, _ = rightsholders.holdings(connection, holder)
        histories = store.histories(connection, holder.party_id)
        requests = [RightsRequest.of(one) for one in store.requests_of(connection, rightsholder_id)]
        links = [RightsholderLink.of(one) for one in store.links_of(connection, rightsholder_id)]
        rows = appeal_files.of_owner(connection, {"rightsholder_id": rightsholder_id})
        uploads = store.uploads_of(connection, theirs.recording, MOST_UPLOADS)
        subjects = {
            rightsholder_id,
            *(one.link_id for one in links),
            *(one.request_id for one in requests),
            *(row.file_id for row in rows),
        }
        log = store.audited(connection, subjects)
        things = rightsholder_page.things(connection, theirs, "en")
    files = [AppealFile.of(row) for row in rows]
    data = {
        "exported_at": datetime.now(UTC),
        "rightsholder": asdict(holder) | {"named": holder.named.model_dump()},
        "things": [one.model_dump() for one in things],
        "registry": [
            change.model_dump(mode="json", exclude_none=True)
            for versions in histories
            for change in versions
        ],
        "requests": [_request(one) for one in requests],
        "links": [asdict(one) for one in links],
        "files": [asdict(one) for one in files],
        "recordings": [
            {name: row._mapping[name] for name in ("isrc", "title", "uploaded_at")}
            for row in uploads
        ],
        "log": [
            {name: row._mapping[name] for name in ("at", "action", "subject", "detail")}
            for row in log
        ],
    }
    return data, files


def _request(request: RightsRequest) -> dict[str, Any]:
    """Return a request without which tracks of others it is about, and without who decided it."""
    shown = asdict(request)
    shown["choice"] = request.choice and request.choice.model_dump(mode="json")
    shown["preview"] = request.preview and request.preview.model_dump(
        mode="json", exclude={"track_ids"}
    )
    del shown["decided_by"]
    return shown
