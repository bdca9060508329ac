"""A receiver of Earmark's webhooks. Copy it, and put your own work into ``apply``.

It needs Python's standard library. Three rules make it right, whatever ``apply`` does:

1. The signature is checked over the bytes as they came, before they are parsed.
2. A delivery of more than five minutes ago is refused: it may be a recorded one.
3. A delivery may come twice; ``Earmark-Delivery`` is the same each time.

A 2xx answer ends a delivery. All else is sent again: after 5 s, 25 s, then up to 4 hours.

    WEBHOOK_SECRET=... python examples/webhook_receiver.py 8080
"""

import hashlib
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LATEST_S = 300
MOST_BYTES = 4 * 1024 * 1024


def is_genuine(secret: str, timestamp: str, signature: str, body: bytes, now: float) -> bool:
    """Return whether a delivery has a signature of this secret, made within five minutes."""
    if not timestamp.isdecimal() or abs(now - int(timestamp)) > LATEST_S:
        return False
    signed = timestamp.encode() + b"." + body
    expected = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))


def apply(event: dict[str, Any]) -> None:
    """Do your own work with an event; raise to have it sent again."""
    sys.stdout.write(json.dumps(event)[:200] + "\n")


class Receiver(BaseHTTPRequestHandler):
    """Answers one delivery."""

    secret = ""
    seen: set[str] = set()  # noqa: RUF012 - of all requests; keep yours in a database

    def do_POST(self) -> None:
        """Check, apply, answer: 204 when done, 401 without a signature, 500 to get it again."""
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= MOST_BYTES:
            return self._answer(413)
        body = self.rfile.read(length)
        stamp, signature = (
            self.headers.get(f"Earmark-{x}", "") for x in ("Timestamp", "Signature")
        )
        if not is_genuine(self.secret, stamp, signature, body, time.time()):
            return self._answer(401)
        delivery = self.headers.get("Earmark-Delivery", "")
        if delivery not in self.seen:
            try:
                apply(json.loads(body))
            except Exception as error:  # noqa: BLE001 - whatever it is, the delivery comes again
                self.log_error("%s: %r", delivery, error)
                return self._answer(500)
            self.seen.add(delivery)
        return self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main() -> None:
    """Listen until it is stopped."""
    Receiver.secret = os.environ["WEBHOOK_SECRET"]
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()


if __name__ == "__main__":
    main()
