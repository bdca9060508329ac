"""Security of every connection to the broker: TLS, SASL, and why one is refused.

kafka-python and aiokafka share the names of their arguments, Faust has its own. Passwords are read
here and handed over at once; none is kept or logged.
"""

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
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
    """Return the arguments with which clients of kafka-python and aiokafka get in.

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

    A client that is refused raises "unable to bootstrap" and no more. So this connects to each
    broker itself and finds a wrong password.

    Raises:
        BrokerRefuses: a broker answers, and refuses us.
    """
    question = _ask(settings.brokers, client_security(settings))
    with ThreadPoolExecutor(1) as thread:  # the caller may be inside of an event loop
        unreachable, refused = thread.submit(asyncio.run, question).result()
    if refused:
        raise BrokerRefuses("; ".join(refused)) from error
    return f"no broker answers at {'; '.join(unreachable) or f'{settings.brokers}: {error!r}'}"


async def _ask(brokers: str, clients: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the brokers that do not answer, and those that refuse us, each with the reason."""
    unreachable: list[str] = []
    refused: list[str] = []
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
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what people need to see
            perhaps = "" if isinstance(error, NOBODY) else PERHAPS
            unreachable.append(f"{server.strip()}: {error!r}{perhaps}")
    return unreachable, refused


def _tls(settings: Settings) -> ssl.SSLContext:
    """Return a context that checks the broker's certificate and its name."""
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    files = f"{PREFIX}TLS_CA_FILE: {settings.tls_ca_file}"
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca_file)
        if certificate is not None:
            files = f"{PREFIX}TLS_CERT_FILE, {PREFIX}TLS_KEY_FILE: {certificate}, {key}"
            # An encrypted key would be asked for on the terminal: better an error.
            context.load_cert_chain(certificate, key, lambda: b"")
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"{files}: {error}") from error
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
