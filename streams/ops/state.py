"""The one folder in which ``earmark up`` keeps everything, and how others find it.

.earmark/run.json     the running instance: broker, settings; gone when nothing runs
        /lock         held while one runs
        /ledger.db    what was decided; survives everything
        /artefacts/   observations
        /logs/        one file per process
        /prometheus.yml  for a Prometheus that shall read them
        /samples/     self-made tracks
        /trust/       anchors of signatures that confirm provenance
        /link-key     signs the links of artists
"""

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
import yaml

from detector.errors import Fatal
from streams.runtime.settings import PREFIX, Settings

DEFAULT: Final = ".earmark"


class StateBusy(Fatal):
    """Another instance runs from this folder."""


@dataclass(frozen=True)
class State:
    """Paths of one state folder."""

    folder: Path

    @property
    def logs(self) -> Path:
        """Log files."""
        return self.folder / "logs"

    @property
    def run(self) -> Path:
        """The running instance."""
        return self.folder / "run.json"

    @property
    def trust(self) -> Path:
        """Trust anchors."""
        return self.folder / "trust"

    @property
    def _link_key(self) -> Path:
        return self.folder / "link-key"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; the lock goes with the process, however it ends.

        Raises:
            StateBusy: another instance holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StateBusy(
                    f"an Earmark is running from {self.folder} already; "
                    "send it tracks with `earmark submit`, or end it first"
                ) from error
            if not self._link_key.exists():
                self._link_key.touch(mode=0o600)
                self._link_key.write_text(secrets.token_urlsafe(32))
            try:
                yield
            finally:
                self.run.unlink(missing_ok=True)

    def settings(self, brokers: str | None) -> Settings:
        """Return the settings of a one-machine instance: the environment, then our defaults.

        ``brokers`` is the embedded broker's address, or None for the one of the environment.
        """
        folder = self.folder.resolve()
        ours = {
            "STORE": f"file://{folder}/artefacts",
            "LEDGER": f"sqlite:///{folder}/ledger.db",
            "FILE_ROOTS": "/",  # one person's machine: what they name is what they may read
            "DRAIN_S": "3",  # Ctrl-C ends everything within ten seconds
            "DEAD_LETTER_PAUSE_S": "5",  # a folder of one person may hold no audio at all
            "DECODE_WORKERS": str(max(1, min(8, os.cpu_count() or 1))),
        }
        if self.trust.is_dir():
            ours["TRUST_ANCHORS"] = str(self.trust.resolve())
        ours |= self._secrets()
        if brokers is not None:
            # the embedded broker answers fetches and joins after half of the longest wait
            ours |= {"BROKERS": brokers, "SESSION_TIMEOUT_S": "6", "FETCH_MAX_WAIT_MS": "100"}
            ours["LEAVE_GROUPS"] = "false"
            # one worker of each kind: more partitions only make each fetch slower
            ours["PARTITIONS"] = "1"
        return Settings.from_env(
            {PREFIX + name: value for name, value in ours.items()} | os.environ
        )

    def announce(self, settings: Settings) -> None:
        """Let ``submit`` and ``show`` find the running instance; no secret is written."""
        self.run.write_bytes(orjson.dumps(settings.announcement(), option=orjson.OPT_INDENT_2))

    def scrape(self, targets: Mapping[str, str]) -> Path:
        """Write a configuration with which a Prometheus reads all workers; return where it is."""
        jobs = [
            {"targets": [target], "labels": {"process": process}}
            for process, target in targets.items()
        ]
        config = {"scrape_configs": [{"job_name": "earmark", "static_configs": jobs}]}
        path = self.folder / "prometheus.yml"
        path.write_text(yaml.safe_dump({"global": {"scrape_interval": "15s"}} | config))
        return path

    def announced(self) -> Settings | None:
        """Return the settings of the running instance, if one runs from here."""
        try:
            variables = orjson.loads(self.run.read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None
        own = {PREFIX + name: value for name, value in self._secrets().items()}
        return Settings.from_env(variables | own | os.environ)

    def _secrets(self) -> dict[str, str]:
        """Return the secrets that lie in the folder, for its owner alone."""
        with suppress(FileNotFoundError):
            return {"LINK_KEY": self._link_key.read_text()}
        return {}
