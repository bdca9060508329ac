"""All metrics as data: the names of a scrape, and a table for the documentation."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from streams.runtime import metrics

ALL: Final = tuple(
    metric for metric in vars(metrics).values() if isinstance(metric, (Counter, Gauge, Histogram))
)
# From the client library and from Prometheus itself; the label process is the scrape's.
STANDARD: Final = {
    "process_resident_memory_bytes": ("gauge", "process", "Resident memory of a process"),
    "process_cpu_seconds_total": ("counter", "process", "Processor time of a process"),
}


def exposed() -> set[str]:
    """Return the names of all series, as a scrape shows them."""
    names = set(STANDARD)
    for metric in ALL:
        base = metric._name
        match metric:
            case Counter():
                names.add(f"{base}_total")
            case Histogram():
                names |= {f"{base}_bucket", f"{base}_count", f"{base}_sum"}
            case _:
                names.add(base)
    return names


def table() -> str:
    """Return all metrics as a Markdown table (docs/reference/metrics.md)."""
    rows = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for metric in ALL:
        name = metric._name + ("_total" if isinstance(metric, Counter) else "")
        cells = (f"`{name}`", metric._type, ", ".join(metric._labelnames), metric._documentation)
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    for name, (kind, labels, meaning) in STANDARD.items():
        rows.append(f"| `{name}` | {kind} | {labels} | {meaning} |")
    return "\n".join(rows)
