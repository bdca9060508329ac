"""Output of a benchmark: a table for people, the same keys as JSON for machines."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console
from rich.table import Table

PACKAGES: Final = ("torch", "numpy", "scipy", "av", "faust-streaming", "kafka-python")
BUSY: Final = 0.5  # load average per core at the start beyond which figures deserve a doubt


@dataclass(frozen=True)
class Row:
    """One line: what was measured, its values in ``unit``, and its ratio to the peer's median."""

    name: str
    values: tuple[float, ...]
    unit: str
    ratio: float | None = None

    @property
    def median(self) -> float:
        """The middle value."""
        return float(median(self.values))

    def data(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "min": min(self.values),
            "median": self.median,
            "max": max(self.values),
            "ratio": self.ratio,
        }


@dataclass(frozen=True)
class Report:
    """One benchmark: its rows, single figures by the names that the documentation uses."""

    title: str
    peer: str
    rows: tuple[Row, ...]
    figures: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def data(self) -> dict[str, Any]:
        """Return everything, the machine included."""
        return {
            "benchmark": self.title,
            "peer": self.peer,
            **self.figures,
            "rows": [row.data() for row in self.rows],
            "notes": list(self.notes),
            "machine": machine(),
        }

    def show(self, console: Console) -> None:
        """Print it."""
        table = Table(title=self.title, title_justify="left")
        table.add_column("")
        for name in ("min", "median", "max"):
            table.add_column(name, justify="right")
        table.add_column("unit")
        table.add_column(f"x {self.peer}" if self.peer else "ratio", justify="right")
        for row in self.rows:
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
            lowest, middle, highest = (
                figure(value) for value in (min(row.values), row.median, max(row.values))
            )
            table.add_row(row.name, lowest, middle, highest, row.unit, ratio)
        console.print(table)
        for name, value in self.figures.items():
            console.print(f"{name} = {figure(value)}")
        for note in self.notes:
            console.print(f"note: {note}")
        here = machine()
        console.print(", ".join(f"{name} {value}" for name, value in here.items()), style="dim")
        if here["load_per_core"] > BUSY:
            console.print(
                f"[yellow]the machine was busy when this began (load {here['load_per_core']} per "
                "core): times and rates are too bad, ratios and CPU seconds less so[/]"
            )


def figure(value: float) -> str:
    """Return a figure with three significant digits, large ones whole."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


_LOAD_AT_START: Final = os.getloadavg()[0]


def machine() -> dict[str, Any]:
    """Return what this ran on; the load is that of before the measuring."""
    cores = os.cpu_count() or 1
    return {
        "processor": _processor(),
        "cores": cores,
        "load_per_core": round(_LOAD_AT_START / cores, 2),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
