"""Until when certificates last, of a real server."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from streams.ops.checks import certificates
from streams.runtime.processes import free_port
from streams.runtime.settings import Settings
from tests.support.certificates import make_certificates
from tests.support.gauges import value


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on PATH")
def test_certificates_are_dated(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    port = free_port()
    server = subprocess.Popen(
        [
            *("openssl", "s_server", "-accept", str(port), "-quiet"),
            *("-cert", str(tmp_path / "node.crt"), "-key", str(tmp_path / "node.key")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    settings = Settings(
        security_protocol="SSL", tls_ca_file=tmp_path / "ca.crt", brokers=f"localhost:{port}"
    )
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                certificates.measure(settings)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
    finally:
        server.kill()
        server.wait()
    for name in ("ca", f"localhost:{port}"):
        ends = value("earmark_certificate_not_after_seconds", certificate=name)
        assert ends is not None
        assert ends > time.time()
