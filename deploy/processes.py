"""What chart and compose hold for each process, from ``streams.contract.processes``."""

import json
from collections.abc import Mapping
from typing import Any, Final

from streams.contract.processes import PROCESSES, Process

COMPOSE_EXTRAS: Final = {  # beside what all workers have
    "fingerprint": """\
    volumes:
      - artefacts:/var/lib/earmark
      - ${AUDIO:-./compose/audio}:/audio:ro
""",
    "console": """\
    ports: ["127.0.0.1:8300:8300"]
""",
}


def chart_values() -> str:
    """Return what stands under ``processors:`` in the chart's ``values.yaml``."""
    return "".join(map(_values, PROCESSES.values()))


def chart_facts() -> str:
    """Return what the chart's templates know of each process, as JSON.

    ``topic``: what KEDA asks for the lag of; without one it adds up all topics of the group.
    ``secrets``: of the database's addresses, those that the process gets.
    """
    facts = {
        process.name: {
            "grouped": bool(process.reads),
            "single": process.single,
            "topic": process.reads[0] if len(process.reads) == 1 else "",
            "secrets": [name for name in process.secrets if name in ("ledger", "index")],
        }
        for process in PROCESSES.values()
    }
    return json.dumps(facts, indent=2) + "\n"


def compose_services() -> str:
    """Return the services of the processes in ``compose.yaml``, each with its own secrets."""
    services = []
    for name, process in PROCESSES.items():
        secret = next((one for one in ("ledger", "index") if one in process.secrets), None)
        variable = f", EARMARK_{secret.upper()}: *database" if secret else ""
        services.append(
            f"  {name}:\n    <<: *worker\n    command: [worker, {name}]\n"
            f"    environment: {{<<: *settings{variable}}}\n{COMPOSE_EXTRAS.get(name, '')}"
        )
    return "".join(services)


def scraped_names() -> str:
    """Return the names that Prometheus asks for in compose."""
    return f"      - names: [{', '.join(PROCESSES)}]\n"


def _values(process: Process) -> str:
    values: dict[str, Any] = dict(process.chart)
    if process.single:
        values["replicas"] = 1
    if not process.reads:
        values["autoscaling"] = {"kind": "none"}
    own = "".join(f"    {key}: {_flow(value)}\n" for key, value in values.items())
    requests = {"cpu": process.cpu, "memory": process.memory}
    return (
        f"  # -- {process.meaning}\n  {process.name}:\n{own}    resources:\n"
        f"      requests: {_flow(requests)}\n"
        f"      limits: {_flow({'memory': process.memory_limit})}\n"
    )


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) and value.isdigit() else str(value)
