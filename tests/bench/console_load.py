"""``make console-load``: the API's memory while 50 files of 10 MB arrive at once.

The real process, real HTTP; every second upload breaks off in the middle. Prints the highest
resident memory, and exits 1 where it is over 300 MB, an upload was lost, or a file remained.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx

from streams.media.kept_audio import KeptUploads
from streams.runtime.processes import free_port
from streams.runtime.settings import Settings
from streams.services.accounts import keys
from streams.store.database import Ledger

FILES: Final = 50
BYTES: Final = 10 * 2**20
LIMIT_MB: Final = 300.0
BOUNDARY: Final = b"earmark-load"


def resident_mb(pid: int) -> float:
    """Return how much memory a process has now."""
    rss_line = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert rss_line is not None
    return int(rss_line[1]) / 1024


def body(number: int) -> bytes:
    """Return the form of one file; each is another."""
    head = (
        b"--" + BOUNDARY + b'\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    content = number.to_bytes(8, "big") * (BYTES // 8)
    return head + content + b"\r\n--" + BOUNDARY + b"--\r\n"


def main() -> int:
    """Run it; return the exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        settings = Settings(
            ledger=f"sqlite:///{folder}/ledger.db",
            store=f"file://{folder}/store",
            console_port=port,
            metrics_port=free_port(),
            brokers=f"127.0.0.1:{free_port()}",  # no broker: uploads wait in the outbox
        )
        ledger = Ledger.open(settings.ledger)
        key = keys.create(ledger, "load", "ingest", "test")
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", "worker", "console"],
            env=os.environ | settings.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(port)
            return _load(process.pid, port, key, KeptUploads.open(settings))
        finally:
            process.terminate()
            process.wait(15)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/login")
            return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError("the console does not answer")


def _load(pid: int, port: int, key: str, kept: KeptUploads) -> int:
    idle, highest, done = resident_mb(pid), 0.0, threading.Event()

    def watch() -> None:
        nonlocal highest
        while not done.is_set():
            highest = max(highest, resident_mb(pid))
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    with ThreadPoolExecutor(2 * FILES) as pool:
        broken = [pool.submit(_break_off, port, key, number) for number in range(FILES)]
        whole = list(pool.map(lambda number: _send(port, key, number), range(FILES)))
        for item in broken:
            item.result()
    took = time.monotonic() - began
    done.set()
    watcher.join()
    time.sleep(1)
    left = list(kept.spool.iterdir())
    stored = [path for path in Path(kept.root).rglob("*") if path.is_file()]
    sys.stdout.write(
        f"{FILES} uploads of {BYTES / 2**20:.0f} MB and as many broken off in {took:.1f} s: "
        f"{whole.count(202)} taken, {len(stored)} kept, {len(left)} left over; "
        f"memory {idle:.0f} MB idle, {highest:.0f} MB at most (limit {LIMIT_MB:.0f})\n"
    )
    good = whole.count(202) == len(stored) == FILES and not left and highest < LIMIT_MB
    return 0 if good else 1


def _send(port: int, key: str, number: int) -> int:
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}",
    }
    url = f"http://127.0.0.1:{port}/v1/uploads"
    return httpx.post(url, content=body(number), headers=headers, timeout=300).status_code


def _break_off(port: int, key: str, number: int) -> None:
    """Announce a file, send half of it, hang up."""
    content = body(1_000 + number)
    head = (
        f"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(head.encode() + content[: len(content) // 2])


if __name__ == "__main__":
    raise SystemExit(main())
