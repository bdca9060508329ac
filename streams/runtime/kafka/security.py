"""Security of every connection to the broker: TLS, SASL, and why one is refused.

The one place where settings become clients' arguments: kafka-python and aiokafka share their
names, Faust has its own. Passwords are read here and handed over at once; none is kept or logged.

A client that is refused raises "unable to bootstrap" and no more. ``explained`` connects to each
broker itself, so that a wrong password is called a wrong password.
"""

import asyncio
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any, Final

from aiokafka.conn import create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from detector.errors import Fatal
from streams.runtime.settings import PREFIX, Settings, SettingsError

if TYPE_CHECKING:
    import faust

ASK_S: Final = 5.0
REFUSED: Final = {
    SaslAuthenticationFailed: f"check {PREFIX}SASL_USERNAME and {PREFIX}SASL_PASSWORD",
    UnsupportedSaslMechanismError: f"check {PREFIX}SASL_MECHANISM",
    IllegalSaslStateError: f"check {PREFIX}SECURITY_PROTOCOL",
    ssl.SSLCertVerificationError: f"check {PREFIX}TLS_CA_FILE, and the name in {PREFIX}BROKERS",
}
PERHAPS: Final = (
    f"; perhaps its listener speaks another {PREFIX}SECURITY_PROTOCOL, "
    f"or wants {PREFIX}TLS_CERT_FILE"
)
NOBODY: Final = (ConnectionRefusedError, TimeoutError, socket.gaierror)


class BrokerRefuses(Fatal):
    """The broker is there and does not let us in, or is not the one that we trust."""


def client_security(settings: Settings) -> dict[str, Any]:
    """Return what kafka-python's and aiokafka's clients are given to get in.

    Raises:
        SettingsError: a file cannot be used; the message names it, and never a password.
    """
    tls = {"ssl_context": _tls(settings)} if settings.security_protocol.endswith("SSL") else {}
    return _sasl(settings) | tls


def plain_security(settings: Settings) -> dict[str, Any]:
    """Return the same for kafka-python in another process, which reads the files itself.

    Raises:
        SettingsError: a file cannot be used.
    """
    client_security(settings)
    files = {
        "ssl_cafile": settings.tls_ca_file,
        "ssl_certfile": settings.tls_cert_file,
        "ssl_keyfile": settings.tls_key_file,
    }
    return _sasl(settings) | {name: str(file) for name, file in files.items() if file is not None}


def _sasl(settings: Settings) -> dict[str, Any]:
    login: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.startswith("SASL"):
        login |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": _password(settings),
        }
    return login


def faust_credentials(settings: Settings) -> "faust.Credentials | None":
    """Return the same for Faust; None: no credentials.

    Raises:
        SettingsError: a file cannot be used.
    """
    import faust  # half a second that only the processors need to spend

    match settings.security_protocol:
        case "PLAINTEXT":
            return None
        case "SSL":
            return faust.SSLCredentials(_tls(settings))
        case protocol:
            return faust.SASLCredentials(
                username=settings.sasl_username,
                password=_password(settings),
                mechanism=settings.sasl_mechanism,
                # Faust takes a context for "SASL_SSL" and its absence for "SASL_PLAINTEXT".
                ssl_context=_tls(settings) if protocol == "SASL_SSL" else None,
            )


def explained(settings: Settings, error: BaseException) -> str:
    """Return a sentence why no broker answers; ``error`` is what the client raised.

    Raises:
        BrokerRefuses: one answers, and refuses us.
    """
    clients = client_security(settings)
    unreachable: list[str] = []
    refused: list[str] = []

    def ask() -> None:
        asyncio.run(_ask(settings.brokers, clients, unreachable, refused))

    thread = threading.Thread(target=ask)  # the caller may be inside of an event loop
    thread.start()
    thread.join()
    if refused:
        raise BrokerRefuses("; ".join(refused)) from error
    return f"no broker answers at {'; '.join(unreachable) or f'{settings.brokers}: {error!r}'}"


async def _ask(
    brokers: str, clients: dict[str, Any], unreachable: list[str], refused: list[str]
) -> None:
    for server in brokers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            async with asyncio.timeout(ASK_S):
                connection = await create_conn(
                    host.strip("[]"), int(port), request_timeout_ms=int(ASK_S * 1_000), **clients
                )
            connection.close()
        except tuple(REFUSED) as error:
            advice = next(text for kind, text in REFUSED.items() if isinstance(error, kind))
            refused.append(f"{server.strip()} refuses us: {error}; {advice}")
        except NOBODY as error:
            unreachable.append(f"{server.strip()}: {error!r}")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what people need to see
            unreachable.append(f"{server.strip()}: {error!r}{PERHAPS}")


def _tls(settings: Settings) -> ssl.SSLContext:
    """Return a context that checks the broker's certificate and its name."""
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"{PREFIX}TLS_CA_FILE: {settings.tls_ca_file}: {error}") from error
    if settings.tls_cert_file is not None:
        try:
            # An encrypted key would be asked for on the terminal: better an error.
            context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file, lambda: b"")
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"{PREFIX}TLS_CERT_FILE, {PREFIX}TLS_KEY_FILE: "
                f"{settings.tls_cert_file}, {settings.tls_key_file}: {error}"
            ) from error
    return context


def _password(settings: Settings) -> str:
    if settings.sasl_password is not None:
        return settings.sasl_password.get_secret_value()
    if settings.sasl_password_file is None:  # a model_copy is not validated
        raise SettingsError(f"{PREFIX}SASL_PASSWORD is needed")
    try:
        password = settings.sasl_password_file.read_text().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        name = f"{PREFIX}SASL_PASSWORD_FILE: {settings.sasl_password_file}"
        raise SettingsError(f"{name}: {type(error).__name__}") from error
    if not password:
        raise SettingsError(f"{PREFIX}SASL_PASSWORD_FILE: {settings.sasl_password_file} is empty")
    return password
