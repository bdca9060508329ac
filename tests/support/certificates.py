"""Certificates of a test's own authority, made by openssl."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

NEW = ("-newkey", "rsa:2048", "-nodes", "-batch")
DAYS = ("-days", "2")


def make_certificates(folder: Path) -> None:
    """Make ``ca.crt``; ``.key``, ``.crt`` and ``.pem`` (both in one) of a node and a client."""
    authority = ("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-subj", "/CN=test authority")
    written = ("-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt")
    run(["openssl", "req", "-x509", *DAYS, *NEW, *authority, *written])
    signer = ("-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key", "-CAcreateserial")
    for name in ("node", "client"):
        stem = f"{folder}/{name}"
        Path(f"{stem}.ext").write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        written = ("-keyout", f"{stem}.key", "-out", f"{stem}.csr")
        run(["openssl", "req", *NEW, "-subj", f"/CN={name}", *written])
        signed = ("-in", f"{stem}.csr", "-extfile", f"{stem}.ext", "-out", f"{stem}.crt")
        run(["openssl", "x509", "-req", *DAYS, *signer, *signed])
        parts = [Path(f"{stem}{suffix}").read_text() for suffix in (".key", ".crt")]
        Path(f"{stem}.pem").write_text("".join(parts))


def run(command: Sequence[str], patience_s: float = 60) -> None:
    """Run a program; a failure is a ``RuntimeError`` with its output."""
    done = subprocess.run(
        command, capture_output=True, timeout=patience_s, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode != 0:
        output = (done.stdout + done.stderr).decode(errors="replace")[-1_000:]
        raise RuntimeError(f"{command[0]} failed: {output}")
