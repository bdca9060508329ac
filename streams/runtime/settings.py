"""The only reader of the environment: read once, validated, frozen.

Every setting is an ``EARMARK_*`` variable. All wrong ones are reported together, each
with its name, and so are names that do not exist (a typo must not be silence).
"""

import os
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from detector.errors import Fatal

PREFIX = "EARMARK_"
PACKAGE = Path(__file__).resolve().parents[1]
HIDDEN = "***"
IN_URL = re.compile(  # what is secret in a URL: user:HERE@host, ?password=HERE
    r"((?<=://)[^/?#:]*:)[^/?#]*(?=@)"
    r"|((?:[?&])[^=&]*(?:password|passfile|secret|token|key)[^=&]*=)[^&]*",
    re.IGNORECASE,
)


class SettingsError(Fatal):
    """One or more settings are wrong; the message names each."""


Seconds = Annotated[float, Field(gt=0, le=86_400)]
Given = BeforeValidator(lambda value: None if value == "" else value)  # "" is not given


class Settings(BaseModel):
    """Resolved configuration of one process. Field names are the variable names."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    # broker
    brokers: Annotated[str, Field(description="Kafka bootstrap servers, host:port[,...]")] = (
        "127.0.0.1:9092"
    )
    group_prefix: Annotated[str, Field(description="prefix of consumer group names")] = "earmark"
    partitions: Annotated[int, Field(ge=1, le=10_000, description="partitions of new topics")] = 4
    replication: Annotated[int, Field(ge=1, le=9, description="replicas of new topics")] = 1
    retention_h: Annotated[
        int, Field(ge=-1, le=876_000, description="hours that topics keep events; -1: for ever")
    ] = 168
    dead_retention_h: Annotated[
        int, Field(ge=-1, le=876_000, description="hours that topics keep dead letters")
    ] = 720
    session_timeout_s: Annotated[
        Seconds, Field(description="a silent worker loses its partitions after this")
    ] = 15.0
    fetch_max_wait_ms: Annotated[
        int, Field(ge=1, le=30_000, description="longest wait of one fetch (embedded broker: 100)")
    ] = 500
    request_timeout_s: Annotated[
        Seconds, Field(description="a send that the broker does not answer stops the worker")
    ] = 40.0

    # security of every connection to the broker; checked together, see _fits
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Field(description="what the brokers' listener speaks; SSL means TLS"),
    ] = "PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None,
        Given,
        Field(validate_default=True, description="how the password is proved, with `SASL_*`"),
    ] = None
    sasl_username: Annotated[
        str | None, Given, Field(validate_default=True, description="user name, with `SASL_*`")
    ] = None
    sasl_password_file: Annotated[
        Path | None,
        Given,
        Field(validate_default=True, description="file that holds the password, read at start"),
    ] = None
    sasl_password: Annotated[
        SecretStr | None,
        Given,
        Field(validate_default=True, description="or the password itself; never shown"),
    ] = None
    tls_ca_file: Annotated[
        Path | None,
        Given,
        Field(validate_default=True, description="PEM: whom to trust; none: the system's list"),
    ] = None
    tls_cert_file: Annotated[
        Path | None,
        Given,
        Field(validate_default=True, description="PEM: our certificate, where brokers want one"),
    ] = None
    tls_key_file: Annotated[
        Path | None,
        Given,
        Field(validate_default=True, description="PEM: its key, unencrypted; none: as above"),
    ] = None

    # audio
    file_roots: Annotated[
        str,
        Field(
            description="folders that file URIs may point into, ':' between; "
            "empty: none (`make run`: all)"
        ),
    ] = ""
    uri_schemes: Annotated[
        str, Field(description="fsspec schemes that uploads may use, ',' between")
    ] = "file"
    fetch_max_bytes: Annotated[int, Field(gt=0, description="largest upload in bytes")] = 2**29
    fetch_timeout_s: Annotated[Seconds, Field(description="longest fetch of one upload")] = 60.0
    decode_timeout_s: Annotated[
        Seconds, Field(description="longest decode of one upload, then its process is killed")
    ] = 240.0
    decode_cpu_s: Annotated[
        Seconds, Field(description="most processor time of one decode (4 hours take about 70 s)")
    ] = 180.0
    decode_max_memory_mb: Annotated[
        int, Field(ge=64, description="MB that a decode may take beyond what its process has idle")
    ] = 320
    decode_max_duration_s: Annotated[Seconds, Field(description="longest track")] = 14_400.0
    decode_workers: Annotated[int, Field(ge=1, le=256, description="decode processes")] = 2

    # stores
    store: Annotated[str, Field(description="fsspec URL of the artefact store")] = (
        "file://.earmark/artefacts"
    )
    index: Annotated[
        str | None,
        Given,
        Field(
            validate_default=True,
            description="index of known tracks: file:///folder or postgresql://; none: the "
            "ledger's PostgreSQL, or the folder `index` beside its file",
        ),
    ] = None
    catalogue_bank: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")] | None,
        Given,
        Field(
            validate_default=True,
            description="bank that every decided track becomes a known one of, `catalogue` say; "
            "none: no track does by itself",
        ),
    ] = None
    keep_audio: Annotated[
        bool,
        Field(
            description="keep the bytes of every upload in the store, so that reviewers can play "
            "what came from a web server or is gone from where it was",
        ),
    ] = False
    ledger: Annotated[str, Field(description="SQLAlchemy URL of the ledger")] = (
        "sqlite:///.earmark/ledger.db"
    )

    # answers
    model: Annotated[
        Path, Field(description="folder of the released model, or the name of one that Earmark has")
    ] = PACKAGE.parent / "models" / "ensemble-4"
    shadow_model: Annotated[
        Path | None,
        Given,
        Field(
            description="folder of a model that answers beside the released one and decides "
            "nothing; none: no shadow",
        ),
    ] = None
    policy: Annotated[Path, Field(description="policy file")] = PACKAGE / "policy" / "default.yaml"
    trust_anchors: Annotated[
        Path | None,
        Field(description="PEM: whose signatures (C2PA) confirm provenance; none: nobody's"),
    ] = None
    redecide_per_s: Annotated[
        float, Field(gt=0, le=100_000, description="reopened tracks decided again in a second")
    ] = 1_000.0
    alpha: Annotated[
        float, Field(gt=0, lt=0.5, description="false-positive rate that the operator accepts")
    ] = 0.01
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(description="where to score")] = "auto"
    batch_size: Annotated[int, Field(ge=1, le=4_096, description="largest scoring batch")] = 32
    batch_wait_ms: Annotated[
        float, Field(ge=0, le=1_000, description="longest wait for a batch to fill")
    ] = 10.0

    # behaviour of every processor
    in_flight: Annotated[int, Field(ge=1, le=10_000, description="events worked on at once")] = 32
    retry_attempts: Annotated[
        int, Field(ge=1, le=100, description="tries, then the worker stops")
    ] = 6
    retry_base_s: Annotated[Seconds, Field(description="first back-off; doubles each time")] = 0.5
    retry_cap_s: Annotated[Seconds, Field(description="longest back-off")] = 20.0
    dead_letter_share: Annotated[
        float,
        Field(gt=0, le=1, description="dead letters per event over the window that stop a worker"),
    ] = 0.9
    dead_letter_window: Annotated[
        int, Field(ge=10, description="events over which that share is taken")
    ] = 200
    drain_s: Annotated[Seconds, Field(description="time for work in flight at a rebalance")] = 5.0
    monitor_interval_s: Annotated[
        Seconds, Field(description="how often the monitor asks the broker; the ledger every fourth")
    ] = 15.0
    metrics_host: Annotated[str, Field(description="address of /metrics, /live, /ready")] = (
        "127.0.0.1"
    )
    metrics_port: Annotated[
        int, Field(ge=0, le=65_535, description="port of /metrics, /live, /ready; 0: any free")
    ] = 0
    console_host: Annotated[str, Field(description="address of the console and the HTTP API")] = (
        "127.0.0.1"
    )
    console_port: Annotated[
        int, Field(ge=0, le=65_535, description="port of the console and the API; 0: any free")
    ] = 8_300
    console_url: Annotated[
        str | None,
        Given,
        Field(
            validate_default=True,
            description="where browsers reach the console; https makes its cookies secure",
        ),
    ] = None
    trusted_proxies: Annotated[
        str,
        Field(
            description="addresses or networks of proxies before the console whose "
            "X-Forwarded-For counts, ',' between; empty: none"
        ),
    ] = ""
    webhook_hosts: Annotated[
        str,
        Field(
            description="host names inside that webhooks may post to, ',' between; all others "
            "must lead to public addresses"
        ),
    ] = ""
    api_rate_per_minute: Annotated[
        int, Field(ge=1, description="requests of one API key in a minute, per process")
    ] = 600
    review_sla_hours: Annotated[
        float, Field(gt=0, le=10_000, description="a review task is late after this")
    ] = 48.0
    oidc_issuer: Annotated[
        str | None,
        Given,
        Field(validate_default=True, description="OpenID provider for logging in; none: passwords"),
    ] = None
    oidc_client_id: Annotated[
        str | None, Given, Field(validate_default=True, description="our name at that provider")
    ] = None
    oidc_client_secret: Annotated[
        SecretStr | None,
        Given,
        Field(validate_default=True, description="our secret at that provider; never shown"),
    ] = None
    oidc_role_claim: Annotated[
        str, Field(description="claim of the ID token that holds a role's name")
    ] = "earmark_role"
    oidc_default_role: Annotated[
        Literal["viewer", "reviewer", "none"],
        Field(description="role of those without that claim; none: they do not get in"),
    ] = "viewer"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="lowest level logged")
    ] = "info"
    traces_endpoint: Annotated[
        str | None,
        Given,
        Field(
            validate_default=True,
            description="OpenTelemetry collector (OTLP over HTTP) that gets the traces, "
            "http://collector:4318/v1/traces say; none: no traces",
        ),
    ] = None
    traces_share: Annotated[
        float, Field(ge=0, le=1, description="share of uploads that are traced, where any are")
    ] = 1.0

    @field_validator("retention_h", "dead_retention_h")
    @classmethod
    def _kept_at_all(cls, value: int) -> int:
        if value == 0:
            raise ValueError("0 would delete events before they are read; -1: for ever")
        return value

    @field_validator("model", "shadow_model")
    @classmethod
    def _found_by_its_name(cls, value: Path | None) -> Path | None:
        """``clock-4`` and ``models/clock-4`` mean ours, wherever this is installed and started."""
        if value is None or value.is_absolute() or value.exists():
            return value
        ours = PACKAGE.parent / "models" / value.name
        return ours if ours.is_dir() and value.parent in (Path(), Path("models")) else value

    @field_validator("brokers")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        for server in value.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65_536:
                raise ValueError(f"{server!r} is not host:port")
        return value

    @field_validator("sasl_mechanism", "sasl_username", "sasl_password_file", "sasl_password")
    @classmethod
    def _sasl_fits(cls, value: Any, info: ValidationInfo) -> Any:
        """Each is there where the protocol needs it, and only there: silence hides mistakes."""
        protocol = info.data.get("security_protocol")
        if protocol is None:  # wrong itself, and reported
            return value
        with_sasl = protocol.startswith("SASL")
        by_file = info.data.get("sasl_password_file") is not None
        if value is not None and not with_sasl:
            raise ValueError(f"has no meaning with {PREFIX}SECURITY_PROTOCOL={protocol}")
        match info.field_name:
            case "sasl_password_file":
                _check_file(value)
            case "sasl_password" if by_file and value is not None:
                raise ValueError(f"and {PREFIX}SASL_PASSWORD_FILE exclude each other")
            case "sasl_password" if by_file or "sasl_password_file" not in info.data:
                pass
            case _ if value is None and with_sasl:
                raise ValueError(f"is needed with {PREFIX}SECURITY_PROTOCOL={protocol}")
        return value

    @field_validator("tls_ca_file", "tls_cert_file", "tls_key_file")
    @classmethod
    def _tls_fits(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        protocol = info.data.get("security_protocol")
        if value is None or protocol is None:
            return value
        if not protocol.endswith("SSL"):
            raise ValueError(f"has no meaning with {PREFIX}SECURITY_PROTOCOL={protocol}")
        if info.field_name == "tls_key_file" and info.data.get("tls_cert_file", value) is None:
            raise ValueError(f"is of no use without {PREFIX}TLS_CERT_FILE")
        _check_file(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for one in filter(None, map(str.strip, value.split(","))):
            ip_network(one)  # its ValueError says what is wrong
        return value

    @field_validator("console_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/?#@\s]+/?", value):
            raise ValueError("must be like https://earmark.example, without a path")
        return value and value.rstrip("/")

    @field_validator("traces_endpoint")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^/\s]+/\S*", value):
            raise ValueError("must be a whole URL, like http://collector:4318/v1/traces")
        return value

    @field_validator("oidc_client_id", "oidc_client_secret")
    @classmethod
    def _oidc_fits(cls, value: Any, info: ValidationInfo) -> Any:
        if (info.data.get("oidc_issuer") is None) is not (value is None):
            raise ValueError(f"and {PREFIX}OIDC_ISSUER need each other")
        return value

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What ``repr`` and ``str`` show: everything, secrets hidden."""
        yield from self.shown().items()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read all ``EARMARK_*`` variables.

        Raises:
            SettingsError: naming every wrong and every unknown variable at once.
        """
        environ = os.environ if environ is None else environ
        given = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environ.items()
            if name.startswith(PREFIX) and name not in NOT_SETTINGS
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            faults = [
                f"{PREFIX}{str(fault['loc'][0]).upper()}: "
                + ("no such setting" if fault["type"] == "extra_forbidden" else fault["msg"])
                for fault in error.errors(include_url=False)
            ]
            raise SettingsError("wrong settings:\n  " + "\n  ".join(sorted(faults))) from error

    @property
    def schemes(self) -> frozenset[str]:
        """The schemes that upload URIs may use."""
        return frozenset(filter(None, map(str.strip, self.uri_schemes.split(","))))

    def environment(self) -> dict[str, str]:
        """Return the settings as variables for a child process.

        The secrets are among them: they go nowhere but into a child's environment, which
        only its own user can read.
        """
        return {
            f"{PREFIX}{name.upper()}": str(
                value.get_secret_value() if isinstance(value, SecretStr) else value
            )
            for name, value in self
            if value is not None
        }

    @property
    def index_url(self) -> str:
        """Where the fingerprint index is."""
        if self.index is not None:
            return self.index
        path = self.ledger.removeprefix("sqlite:///")
        if path == self.ledger:
            return self.ledger
        return f"file://{Path(path.split('?')[0]).parent / 'index'}"

    def shown(self) -> dict[str, str]:
        """Return what people and files may see: no password, not even inside of a URL."""
        return {name: _shown(value) for name, value in self}

    def announcement(self) -> dict[str, str]:
        """Return the settings as variables that may be written down: secrets are left out.

        Whoever reads them brings the password in its own environment.
        """
        hidden = {name for name, value in self if value is None or isinstance(value, SecretStr)}
        shown = self.shown().items()
        return {f"{PREFIX}{name.upper()}": text for name, text in shown if name not in hidden}


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return HIDDEN
    return IN_URL.sub(lambda found: (found[1] or found[2]) + HIDDEN, str(value))


def _check_file(path: Path | None) -> None:
    if path is not None:
        try:
            with path.open("rb"):
                return
        except OSError as error:
            raise ValueError(f"cannot be read: {error}") from error


def table() -> str:
    """Return all settings as a Markdown table (README shows it; a test compares)."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, Path):
            default = default.relative_to(PACKAGE.parent)
        default = "" if default is None else default
        rows.append(f"| `{PREFIX}{name.upper()}` | `{default}` | {field.description} |")
    return "\n".join(rows)


NOT_SETTINGS = frozenset({PREFIX + "CORPUS"})  # read by the tests alone
