"""The registry of processes of an installation.

A process is declared here and nowhere else: ``earmark worker``, ``earmark up``, the monitor's
consumer groups, the values of the Helm chart and the services of compose derive from it
(``make generate``). A process that reads topics has a consumer group of its name.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from streams.contract import topics


@dataclass(frozen=True)
class Process:
    """One process, its resources and further values in the chart.

    ``entry`` is ``module:function``; the function takes the settings and returns an exit code.
    """

    name: str  # and that of its consumer group
    entry: str
    meaning: str  # what it does, for the table of the chart's values
    reads: tuple[str, ...] = ()  # the topics of its consumer group; none: it has no group
    resends: bool = False  # it sends the message of any dead letter again
    watches: bool = False  # it describes all topics and groups
    secrets: tuple[str, ...] = ()  # of SECRETS, the settings that it uses
    single: bool = False  # exactly one copy runs
    cpu: str = "100m"
    memory: str = "256Mi"
    memory_limit: str = "512Mi"
    chart: dict[str, Any] = field(default_factory=dict)

    @property
    def writes(self) -> tuple[str, ...]:
        """The topics that it writes beside the dead letters of what it reads."""
        return tuple(
            topic.name for topic in topics.TOPICS if self.resends or self.name in topic.written_by
        )


# Settings that hold or lead to secrets, beside those of the broker; each process gets its own.
SECRETS: Final = (
    *("ledger", "index", "audit_key", "link_key"),
    *("oidc_issuer", "oidc_client_id", "oidc_client_secret"),
    *("smtp_username", "smtp_password"),
)

FINGERPRINT: Final = Process(
    "fingerprint",
    "streams.stages.fingerprint:run_fingerprint",
    "Fetches and decodes audio: CPU. Two decode processes keep two cores busy",
    reads=(topics.UPLOADED,),
    secrets=("index",),
    cpu="1",
    memory="1Gi",
    memory_limit="3Gi",
    chart={"replicas": 2, "settings": {"decode_workers": 2}},
)
CLASSIFY: Final = Process(
    "classify",
    "streams.stages.classify:run_classify",
    "Scores observations: CPU, or a GPU",
    reads=(topics.FINGERPRINTED,),
    secrets=("ledger", "index"),  # operators run their commands there: it has the memory
    cpu="1",
    memory="1Gi",
    memory_limit="3Gi",
)
RESCORE: Final = Process(
    "rescore",
    "streams.stages.rescore:run_rescore",
    "Scores stored observations by another model, behind all uploads: CPU, or a GPU",
    reads=(topics.RESCORING,),
    watches=True,  # whether uploads wait
    secrets=("ledger",),  # whether a track was erased
    memory="256Mi",  # it loads a model with the first track
    memory_limit="3Gi",
)
DECIDE: Final = Process(
    "decide",
    "streams.stages.decide:run_decide",
    "Derives labels and decides by policy",
    reads=(topics.CLASSIFIED,),
    secrets=("ledger",),
)
REDECIDE: Final = Process(
    "redecide",
    "streams.stages.redecide:run_redecide",
    "Decides again after a verdict, an appeal, an agreement or a policy",
    reads=(
        topics.DECIDED,
        topics.REVIEWS_DECIDED,
        topics.APPEALS_CHANGED,
        topics.RIGHTS_CHANGED,
        topics.REOPENED,
    ),
    watches=True,  # how far the ledger has read
    secrets=("ledger", "index"),
)
LEDGER: Final = Process(
    "ledger",
    "streams.stages.ledger:run_ledger",
    "Projects every topic into the ledger",
    reads=topics.ALL,
    secrets=("ledger",),
)
CATALOGUE: Final = Process(
    "catalogue",
    "streams.stages.catalogue:run_catalogue",
    "The reference catalogue: disable it once yours reads tracks.decided",
    reads=(topics.DECIDED,),
    secrets=("ledger",),
)
CONSOLE: Final = Process(
    "console",
    "streams.web.console.server:run_console",
    'The review console and the HTTP API; its address: see "console"',
    resends=True,
    secrets=SECRETS,
    memory_limit="768Mi",
)
MONITOR: Final = Process(
    "monitor",
    "streams.ops.monitor:run_monitor",
    "Measures the installation; exactly one",
    watches=True,
    secrets=("ledger", "index"),
    single=True,
    cpu="50m",
    memory="128Mi",
    memory_limit="384Mi",
)

_ALL: Final = (
    *(FINGERPRINT, CLASSIFY, RESCORE, DECIDE, REDECIDE, LEDGER, CATALOGUE, CONSOLE, MONITOR),
)
PROCESSES: Final = {process.name: process for process in _ALL}
# The topics of each consumer group.
GROUPS: Final = {process.name: process.reads for process in PROCESSES.values() if process.reads}
