"""Until when the certificates last: the brokers', and those in our files."""

import socket
import ssl
from typing import Final

from cryptography import x509

from streams.runtime import metrics
from streams.runtime.kafka.security import client_security
from streams.runtime.settings import Settings

CONNECT_S: Final = 5.0
GAUGES: Final = (metrics.CERTIFICATE_ENDS,)
HAS_EXPIRED: Final = 10  # OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED


def measure(settings: Settings) -> None:
    """Set the gauge for each certificate; nothing to do without TLS.

    Raises:
        OSError, ValueError: one of them cannot be looked at; the others are set.
    """
    if not settings.security_protocol.endswith("SSL"):
        return
    failures: list[str] = []
    for name, path in (("ca", settings.tls_ca_file), ("client", settings.tls_cert_file)):
        if path is not None:
            certificates = x509.load_pem_x509_certificates(path.read_bytes())
            first = min(item.not_valid_after_utc for item in certificates)
            metrics.CERTIFICATE_ENDS.labels(name).set(first.timestamp())
    context = client_security(settings)["ssl_context"]
    for server in map(str.strip, settings.brokers.split(",")):
        try:
            metrics.CERTIFICATE_ENDS.labels(server).set(_of_server(server, context))
        except OSError as error:
            failures.append(f"{server}: {error}")
    if failures:
        raise OSError("; ".join(failures))


def _of_server(server: str, context: ssl.SSLContext) -> float:
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        with (
            socket.create_connection((host, int(port)), timeout=CONNECT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            ends = (secured.getpeercert() or {}).get("notAfter")
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == HAS_EXPIRED:
            return 0.0  # since when is unknown: 1970 raises the alert
        raise
    if not isinstance(ends, str):
        raise OSError("the broker shows no certificate")
    return float(ssl.cert_time_to_seconds(ends))
