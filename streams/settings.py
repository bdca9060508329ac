"""The only reader of the environment: read once, validated, frozen.

Every setting is an ``EARMARK_*`` variable. All wrong ones are reported together, each
with its name, and so are names that do not exist (a typo must not be silence).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from detector.errors import Fatal

PREFIX = "EARMARK_"
HERE = Path(__file__).resolve().parent


class SettingsError(Fatal):
    """One or more settings are wrong; the message names each."""


Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Settings(BaseModel):
    """Resolved configuration of one process. Field names are the variable names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # broker
    brokers: Annotated[str, Field(description="Kafka bootstrap servers, host:port[,...]")] = (
        "127.0.0.1:9092"
    )
    group_prefix: Annotated[str, Field(description="prefix of consumer group names")] = "earmark"
    partitions: Annotated[int, Field(ge=1, le=10_000, description="partitions of new topics")] = 4
    replication: Annotated[int, Field(ge=1, le=9, description="replicas of new topics")] = 1
    session_timeout_s: Annotated[
        Seconds, Field(description="a silent worker loses its partitions after this")
    ] = 15.0
    fetch_max_wait_ms: Annotated[
        int, Field(ge=1, le=30_000, description="longest wait of one fetch (embedded broker: 50)")
    ] = 500
    request_timeout_s: Annotated[
        Seconds, Field(description="a send that the broker does not answer stops the worker")
    ] = 40.0

    # audio
    file_roots: Annotated[
        str, Field(description="folders that file URIs may point into, ':' between; empty: none")
    ] = ""
    uri_schemes: Annotated[
        str, Field(description="fsspec schemes that uploads may use, ',' between")
    ] = "file"
    fetch_max_bytes: Annotated[int, Field(gt=0, description="largest upload in bytes")] = 2**29
    fetch_timeout_s: Annotated[Seconds, Field(description="longest fetch of one upload")] = 60.0
    decode_timeout_s: Annotated[
        Seconds, Field(description="longest decode of one upload, then its process is killed")
    ] = 120.0
    decode_max_memory_mb: Annotated[
        int, Field(ge=512, description="address space of a decode process, in MB")
    ] = 8_192
    decode_max_duration_s: Annotated[Seconds, Field(description="longest track")] = 14_400.0
    decode_workers: Annotated[int, Field(ge=1, le=256, description="decode processes")] = 2

    # stores
    store: Annotated[str, Field(description="fsspec URL of the artefact store")] = (
        "file://.earmark/artefacts"
    )
    ledger: Annotated[str, Field(description="SQLAlchemy URL of the ledger")] = (
        "sqlite:///.earmark/ledger.db"
    )

    # answers
    model: Annotated[Path, Field(description="folder of the released model")] = (
        HERE.parent / "models" / "clock-1"
    )
    policy: Annotated[Path, Field(description="policy file")] = HERE / "policy" / "default.yaml"
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
    metrics_host: Annotated[str, Field(description="address of /metrics, /live, /ready")] = (
        "127.0.0.1"
    )
    metrics_port: Annotated[
        int, Field(ge=0, le=65_535, description="port of /metrics, /live, /ready; 0: any free")
    ] = 0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="lowest level logged")
    ] = "info"

    @field_validator("brokers")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        for server in value.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65_536:
                raise ValueError(f"{server!r} is not host:port")
        return value

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

    def environment(self) -> dict[str, str]:
        """Return the settings as variables for a child process."""
        return {f"{PREFIX}{name.upper()}": str(value) for name, value in self}


def table() -> str:
    """Return all settings as a Markdown table (README shows it; a test compares)."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, Path):
            default = default.relative_to(HERE.parent)
        rows.append(f"| `{PREFIX}{name.upper()}` | `{default}` | {field.description} |")
    return "\n".join(rows)


NOT_SETTINGS = frozenset({PREFIX + "CORPUS"})  # read by the tests alone
