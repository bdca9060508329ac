"""Links that were refused: counted, and audited so rarely that they do not fill the log."""

import threading
import time
from collections import OrderedDict
from typing import Final

from streams.runtime import metrics
from streams.services.signed_links import LinkRefused
from streams.store import audit
from streams.store.database import Ledger

FORGED_PER_MINUTE: Final = 10  # refusals of links that are not ours which are audited
HOUR_S: Final = 3_600.0
MOST_REMEMBERED: Final = 10_000


class Refusals:
    """Audits links that were refused, so rarely that the audit log is not filled with them.

    A link of ours is audited once an hour, and of the others ``FORGED_PER_MINUTE``. Each refusal
    counts in ``earmark_artist_links_total``.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._noted: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._forged = (0, 0)  # in which minute, how many

    def note(self, refused: LinkRefused) -> None:
        """Count a refusal, and audit it if it is its turn."""
        metrics.ARTIST_LINKS.labels(refused.reason).inc()
        if self._is_due(refused, time.monotonic()):
            about = {"reason": refused.reason, "about": refused.about}
            entry = audit.Entry("artist", "artist_link_refused", refused.link_id, about)
            with audit.transaction(self._ledger, entry):
                pass

    def _is_due(self, refused: LinkRefused, now: float) -> bool:
        with self._lock:
            if not refused.about:  # we did not sign it
                minute = int(now // 60)
                count = self._forged[1] + 1 if self._forged[0] == minute else 1
                self._forged = minute, count
                return count <= FORGED_PER_MINUTE
            place = refused.reason, refused.link_id
            last = self._noted.get(place)
            if last is not None and now - last < HOUR_S:
                return False
            self._noted[place] = now
            self._noted.move_to_end(place)
            if len(self._noted) > MOST_REMEMBERED:
                self._noted.popitem(last=False)
            return True
