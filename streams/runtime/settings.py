"""Settings of one process, read once from ``EARMARK_*`` variables, validated and frozen.

All wrong settings are reported together by name, and so are variables that do not exist.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from detector.errors import Fatal
from streams.contract.mail_addresses import is_mail_address
from streams.contract.processes import SECRETS, Process

if TYPE_CHECKING:
    from detector.types import Rates

PREFIX = "EARMARK_"
PACKAGE = Path(__file__).resolve().parents[1]
HIDDEN = "***"
LEAST_KEY = 32  # characters of a key that signs links
IN_URL = re.compile(  # what is secret in a URL: user:HERE@host, ?password=HERE
    r"((?<=://)[^/?#:]*:)[^/?#]*(?=@)"
    r"|((?:[?&])[^=&]*(?:password|passfile|secret|token|key)[^=&]*=)[^&]*",
    re.IGNORECASE,
)

MailSecurity = Literal["starttls", "tls", "none"]


class SettingsError(Fatal):
    """One or more settings are wrong; the message names each."""


Seconds = Annotated[float, Field(gt=0, le=86_400)]
BankName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class Settings(BaseSettings):
    """Resolved configuration of one process. Field names are the variable names.

    Only ``from_env`` reads the environment; ``Settings(...)`` has what it is given and defaults.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: Any, init_settings: Any, *_: Any, **__: Any
    ) -> tuple[Any, ...]:
        """Return the sources of ``Settings(...)``: its arguments."""
        return (init_settings,)

    # broker
    brokers: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers, host:port[,...]")
    group_prefix: str = Field("earmark", description="prefix of consumer group names")
    partitions: int = Field(4, ge=1, le=10_000, description="partitions of new topics")
    replication: int = Field(1, ge=1, le=9, description="replicas of new topics")
    retention_h: int = Field(
        168, ge=-1, le=876_000, description="hours that topics keep events; -1: for ever"
    )
    dead_retention_h: int = Field(
        720, ge=-1, le=876_000, description="hours that topics keep dead letters"
    )
    session_timeout_s: Seconds = Field(
        15.0, description="a silent worker loses its partitions after this"
    )
    leave_groups: bool = Field(
        True, description="leave consumer groups at a stop (embedded broker: no, it can get stuck)"
    )
    fetch_max_wait_ms: int = Field(
        500, ge=1, le=30_000, description="longest wait of one fetch (embedded broker: 100)"
    )
    request_timeout_s: Seconds = Field(
        40.0, description="a send that the broker does not answer stops the worker"
    )

    # security of every connection to the broker; checked together in _sasl_fits and _tls_fits
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="what the brokers' listener speaks; SSL means TLS"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="how the password is proved, with `SASL_*`"
    )
    sasl_username: str | None = Field(None, description="user name, with `SASL_*`")
    sasl_password_file: Path | None = Field(
        None, description="file that holds the password, read at start"
    )
    sasl_password: SecretStr | None = Field(None, description="or the password itself; never shown")
    tls_ca_file: Path | None = Field(
        None, description="PEM: whom to trust; none: the system's list"
    )
    tls_cert_file: Path | None = Field(
        None, description="PEM: our certificate, where brokers want one"
    )
    tls_key_file: Path | None = Field(None, description="PEM: its key, unencrypted; none: as above")

    # audio
    file_roots: str = Field(
        "",
        description="folders that file URIs may point into, ':' between; "
        "empty: none (`make run`: all)",
    )
    uri_schemes: str = Field("file", description="fsspec schemes that uploads may use, ',' between")
    fetch_max_bytes: int = Field(2**29, gt=0, description="largest upload in bytes")
    fetch_timeout_s: Seconds = Field(60.0, description="longest fetch of one upload")
    decode_timeout_s: Seconds = Field(
        240.0, description="longest decode of one upload, then its process is killed"
    )
    decode_cpu_s: Seconds = Field(
        180.0, description="most processor time of one decode (4 hours take about 70 s)"
    )
    decode_max_memory_mb: int = Field(
        320, ge=64, description="MB that a decode may take beyond what its process has idle"
    )
    decode_max_duration_s: Seconds = Field(14_400.0, description="longest track")
    decode_workers: int = Field(2, ge=1, le=256, description="decode processes")
    sandbox: Literal["required", "best_effort"] = Field(
        "best_effort",
        description="required: decode only where every layer of the sandbox holds (the image); "
        "best_effort: with those that the system has",
    )

    # stores
    store: str = Field("file://.earmark/artefacts", description="fsspec URL of the artefact store")
    index: str | None = Field(
        None,
        description="index of known tracks: file:///folder or postgresql://; none: the "
        "ledger's PostgreSQL, or the folder `index` beside its file",
    )
    catalogue_bank: BankName | None = Field(
        None,
        description="bank that every decided track becomes a known one of, `catalogue` say; "
        "none: no track does by itself",
    )
    keep_audio: bool = Field(
        False,
        description="keep the bytes of every upload in the store, so that reviewers can play "
        "what came from a web server or is gone from where it was",
    )
    ledger: str = Field("sqlite:///.earmark/ledger.db", description="SQLAlchemy URL of the ledger")

    audit_key: SecretStr | None = Field(
        None, description="key of the audit log, or `NEW,OLD`; never shown"
    )

    link_key: SecretStr | None = Field(
        None,
        description="key that signs the links of artists and rightsholders, 32 characters or more, "
        "or `NEW,OLD`; none: no links; never shown",
    )
    link_days: int = Field(
        200, ge=1, le=3_650, description="days that a link of an artist or a rightsholder is valid"
    )
    appeal_file_mb: int = Field(
        200, ge=1, le=2_000, description="MB of one file that an artist hands in"
    )
    appeal_files_mb: int = Field(
        1_000, ge=1, le=100_000, description="MB of all files that are handed in about one upload"
    )
    rights_approval: bool = Field(
        True,
        description="a desk approves what rightsholders choose by their link; off: it takes effect "
        "once they have confirmed it",
    )
    artist_url: str | None = Field(
        None,
        description="where artists reach their page, if not where browsers reach the console: a "
        "proxy that passes on `/artist` alone, say",
    )

    # mail; checked together in _mail_fits
    smtp_host: str | None = Field(
        None, description="mail server that statements of reasons go out by; none: no mail"
    )
    smtp_port: int = Field(587, ge=1, le=65_535, description="port of the mail server")
    smtp_security: MailSecurity = Field(
        "starttls",
        description="how the connection to it is encrypted: STARTTLS, TLS from the start (port "
        "465), or none, for a relay on this machine; certificates are verified",
    )
    smtp_from: str | None = Field(
        None, description="address that mail comes from; bounces come back to it"
    )
    smtp_username: str | None = Field(None, description="user name there; none: no log-in")
    smtp_password: SecretStr | None = Field(None, description="password there; never shown")
    smtp_ca_file: Path | None = Field(
        None, description="PEM: whom to trust as mail server; none: the system's list"
    )
    digest_hour: int = Field(
        6, ge=0, le=23, description="hour of the day (UTC) of daily digests of statements"
    )

    # answers
    model: Path = Field(
        PACKAGE.parent / "models" / "ensemble-5",
        description="folder of the released model, or the name of one that Earmark has",
    )
    shadow_model: Path | None = Field(
        None,
        description="folder of a model that answers beside the released one and decides "
        "nothing; none: no shadow",
    )
    policy: Path = Field(PACKAGE / "policy" / "default.yaml", description="policy file")
    trust_anchors: Path | None = Field(
        None,
        description="authorities of signatures (C2PA) that confirm provenance: the folder of "
        "`earmark trust`, or a PEM file; none: none",
    )
    watermarks: str = Field(
        "",
        description="watermark detectors that analyse every upload, ',' between: `perth` needs "
        "`earmark[watermarks]`, entry points of `earmark.watermarks` add others; empty: none",
    )
    redecide_per_s: float = Field(
        1_000.0, gt=0, le=100_000, description="reopened tracks decided again in a second"
    )
    alpha: float = Field(
        0.01, gt=0, lt=0.5, description="false-positive rate accepted of the outcome suspected"
    )
    identified_alpha: float = Field(
        0.001, gt=0, lt=0.5, description="false-positive rate accepted of the outcome identified"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="where to score; cuda needs `earmark[gpu]`, auto is cuda where it is there",
    )
    batch_size: int = Field(32, ge=1, le=4_096, description="largest scoring batch")
    batch_wait_ms: float = Field(
        10.0, ge=0, le=1_000, description="longest wait for a batch to fill"
    )

    # behaviour of every processor
    in_flight: int = Field(32, ge=1, le=10_000, description="events worked on at once")
    retry_attempts: int = Field(
        6, ge=1, le=100, description="attempts; then the worker stops, or a dead letter"
    )
    retry_base_s: Seconds = Field(0.5, description="first back-off; doubles each time")
    retry_cap_s: Seconds = Field(20.0, description="longest back-off")
    dead_letter_share: float = Field(
        0.9, gt=0, le=1, description="dead letters per event over the window that pause a worker"
    )
    dead_letter_window: int = Field(200, ge=10, description="events over which that share is taken")
    dead_letter_pause_s: Seconds = Field(
        300.0, description="pause of a worker above that share; then it tries again"
    )
    drain_s: Seconds = Field(5.0, description="time for work in flight at a rebalance")
    monitor_interval_s: Seconds = Field(
        15.0, description="how often the monitor asks the broker; the ledger every fourth"
    )
    metrics_host: str = Field("127.0.0.1", description="address of /metrics, /live, /ready")
    metrics_port: int = Field(
        0, ge=0, le=65_535, description="port of /metrics, /live, /ready; 0: any free"
    )
    console_host: str = Field("127.0.0.1", description="address of the console and the HTTP API")
    console_port: int = Field(
        8_300, ge=0, le=65_535, description="port of the console and the API; 0: any free"
    )
    console_url: str | None = Field(
        None, description="where browsers reach the console; https makes its cookies secure"
    )
    trusted_proxies: str = Field(
        "",
        description="addresses or networks of proxies before the console whose "
        "X-Forwarded-For counts, ',' between; empty: none",
    )
    webhook_hosts: str = Field(
        "",
        description="host names inside that webhooks may post to, ',' between; all others "
        "must lead to public addresses",
    )
    api_rate_per_minute: int = Field(
        600, ge=1, description="requests of one API key in a minute, per process"
    )
    api_appeals_per_minute: int = Field(
        60, ge=1, description="appeals of one API key in a minute, per process"
    )
    api_uploads_per_hour: int = Field(
        36_000, ge=1, description="uploads of one API key in an hour, where it has no own quota"
    )
    api_audio_hours_per_day: float = Field(
        10_000.0,
        gt=0,
        description="hours of audio that one API key may hand in within a day; an upload that is "
        "refused counts as the longest track, one that waits as the mean of the others",
    )
    foreign_track_id: Literal["refuse", "review"] = Field(
        "refuse",
        description="what a key that is bound to distributors gets for the track id of "
        "another one: 409, or the rule `foreign-track-id` of the policy asks a person",
    )
    review_sla_hours: float = Field(
        48.0, gt=0, le=10_000, description="a review task is late after this"
    )
    oidc_issuer: str | None = Field(
        None, description="OpenID provider for logging in; none: passwords"
    )
    oidc_client_id: str | None = Field(None, description="our name at that provider")
    oidc_client_secret: SecretStr | None = Field(
        None, description="our secret at that provider; never shown"
    )
    oidc_role_claim: str = Field(
        "earmark_role", description="claim of the ID token that holds a role's name"
    )
    oidc_default_role: Literal["viewer", "reviewer", "none"] = Field(
        "none", description="role of those without that claim; none: they do not get in"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest level logged"
    )
    traces_endpoint: str | None = Field(
        None,
        description="OpenTelemetry collector (OTLP over HTTP) that gets the traces, "
        "http://collector:4318/v1/traces say; none: no traces",
    )
    traces_share: float = Field(
        1.0, ge=0, le=1, description="share of uploads that are traced, where any are"
    )

    @field_validator("retention_h", "dead_retention_h")
    @classmethod
    def _kept_at_all(cls, value: int) -> int:
        if value == 0:
            raise ValueError("0 would delete events before they are read; -1: for ever")
        return value

    @field_validator("model", "shadow_model")
    @classmethod
    def _found_by_its_name(cls, value: Path | None) -> Path | None:
        return value and found_model(value)

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
        """Require each where the protocol needs it, and refuse it elsewhere."""
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
        for network in filter(None, map(str.strip, value.split(","))):
            ip_network(network)  # its ValueError names the fault
        return value

    @field_validator("link_key")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (not _keys(value) or min(map(len, _keys(value))) < LEAST_KEY):
            raise ValueError(f"each key has at least {LEAST_KEY} characters")
        return value

    @field_validator("console_url", "artist_url")
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

    @field_validator("smtp_host")
    @classmethod
    def _is_a_host(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z0-9_.:-]+", value):
            raise ValueError("must be a host name or an address, without a port")
        return value

    @field_validator("smtp_from", "smtp_username", "smtp_password", "smtp_ca_file")
    @classmethod
    def _mail_fits(cls, value: Any, info: ValidationInfo) -> Any:
        """Require a sender with a server; a password only goes out encrypted."""
        has_server = info.data.get("smtp_host") is not None
        if "smtp_host" not in info.data:  # wrong itself, and reported
            return value
        if value is not None and not has_server:
            raise ValueError(f"has no meaning without {PREFIX}SMTP_HOST")
        match info.field_name:
            case "smtp_from" if has_server and not is_mail_address(value or ""):
                raise ValueError(f"must be a mail address with {PREFIX}SMTP_HOST")
            case "smtp_username" if value and info.data.get("smtp_security") == "none":
                raise ValueError(f"is not sent unencrypted: see {PREFIX}SMTP_SECURITY")
            case "smtp_password" if (info.data.get("smtp_username") is None) is not (value is None):
                raise ValueError(f"and {PREFIX}SMTP_USERNAME need each other")
            case "smtp_ca_file":
                _check_file(value)
        return value

    @field_validator("oidc_client_id", "oidc_client_secret")
    @classmethod
    def _oidc_fits(cls, value: Any, info: ValidationInfo) -> Any:
        if (info.data.get("oidc_issuer") is None) is not (value is None):
            raise ValueError(f"and {PREFIX}OIDC_ISSUER need each other")
        return value

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield what ``repr`` and ``str`` show: every setting, secrets hidden."""
        yield from self.shown().items()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read all ``EARMARK_*`` variables.

        Raises:
            SettingsError: naming every wrong and every unknown variable at once.
        """
        source = EnvSettingsSource(cls)
        if environ is not None:
            source.env_vars = {name.lower(): value for name, value in environ.items() if value}
        known = {(PREFIX + name).lower() for name in cls.model_fields} | NOT_SETTINGS
        unknown: dict[str, Any] = {
            name.removeprefix(PREFIX.lower()): value
            for name, value in source.env_vars.items()
            if name.startswith(PREFIX.lower()) and name not in known
        }
        try:
            return cls(**source(), **unknown)
        except ValidationError as error:
            faults = [
                f"{PREFIX}{str(fault['loc'][0]).upper()}: "
                + ("no such setting" if fault["type"] == "extra_forbidden" else fault["msg"])
                for fault in error.errors(include_url=False)
            ]
            raise SettingsError("wrong settings:\n  " + "\n  ".join(sorted(faults))) from error

    @property
    def rates(self) -> "Rates":
        """The false-positive rates accepted, by tier."""
        from detector.types import Rates  # it loads numpy, which has to wait for ``main``

        return Rates(self.alpha, self.identified_alpha)

    @property
    def schemes(self) -> frozenset[str]:
        """The schemes that upload URIs may use."""
        return frozenset(filter(None, map(str.strip, self.uri_schemes.split(","))))

    @property
    def audit_keys(self) -> tuple[bytes, ...]:
        """The keys of the audit log, the one that writes first."""
        return _keys(self.audit_key)

    @property
    def link_keys(self) -> tuple[bytes, ...]:
        """The keys of the links of artists, the one that signs first."""
        return _keys(self.link_key)

    def environment(self, process: Process | None = None) -> dict[str, str]:
        """Return the settings as variables for a child process, with the secrets that it uses.

        Only the child's own user can read its environment.
        """
        unused = set(SECRETS) - set(process.secrets) if process else set()
        values = {name: value for name, value in self if value is not None and name not in unused}
        if process and "index" in process.secrets:  # the ledger's address, which it may not have
            values["index"] = self.index_url
        secrets = {k: v.get_secret_value() for k, v in values.items() if isinstance(v, SecretStr)}
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in (values | secrets).items()}

    @property
    def index_url(self) -> str:
        """Where the fingerprint index is."""
        if self.index is not None:
            return self.index
        path = self.ledger.removeprefix("sqlite:///")
        if path == self.ledger:
            return self.ledger
        return f"file://{Path(path.split('?')[0]).parent / 'index'}"

    def console_address(self, port: int | None = None) -> str:
        """Return where browsers reach the console; ``port``: the one that it listens on."""
        if self.console_url:
            return self.console_url
        host = self.console_host
        host = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{port or self.console_port}"

    def shown(self) -> dict[str, str]:
        """Return the settings as text without secrets; passwords in URLs are hidden too."""
        return {name: _shown(value) for name, value in self}

    def announcement(self) -> dict[str, str]:
        """Return the settings as variables for a file: without secrets.

        A reader takes the secrets from its own environment.
        """
        hidden = {name for name, value in self if value is None or isinstance(value, SecretStr)}
        shown = self.shown().items()
        return {f"{PREFIX}{name.upper()}": text for name, text in shown if name not in hidden}


def _keys(secret: SecretStr | None) -> tuple[bytes, ...]:
    text = secret.get_secret_value() if secret else ""
    return tuple(key.strip().encode() for key in text.split(",") if key.strip())


def found_model(folder: Path) -> Path:
    """Resolve ``clock-5`` and ``models/clock-5`` to the models of this package."""
    if folder.is_absolute() or folder.exists():
        return folder
    packaged = PACKAGE.parent / "models" / folder.name
    return packaged if packaged.is_dir() and folder.parent in (Path(), Path("models")) else folder


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return HIDDEN
    return IN_URL.sub(lambda found: (found[1] or found[2]) + HIDDEN, str(value))


def _check_file(path: Path | None) -> None:
    try:
        if path is not None:
            path.open("rb").close()
    except OSError as error:
        raise ValueError(f"cannot be read: {error}") from error


def table() -> str:
    """Return all settings as a Markdown table (part of the documentation)."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else field.default
        if isinstance(default, Path):
            default = default.relative_to(PACKAGE.parent)
        rows.append(f"| `{PREFIX}{name.upper()}` | `{default}` | {field.description} |")
    return "\n".join(rows)


NOT_SETTINGS = frozenset({"earmark_corpus"})  # read by the tests alone
