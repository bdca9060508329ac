"""Write what is generated: ``python -m deploy.generate``. A test compares it with what is there."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.chart_readme import readme
from deploy.dashboards import files
from deploy.processes import chart_facts, chart_values, compose_services, scraped_names
from deploy.values_schema import schema
from streams.runtime.metrics_table import table as metrics_table
from streams.runtime.settings import table as settings_table

ROOT: Final = Path(__file__).resolve().parents[1]
CHART: Final = ROOT / "deploy" / "helm" / "earmark"
COMPOSE: Final = ROOT / "deploy" / "compose.yaml"
PROMETHEUS: Final = ROOT / "deploy" / "compose" / "prometheus.yml"
RUNBOOKS: Final = ROOT / "docs" / "runbooks.md"
README: Final = ROOT / "README.md"


def generated() -> Mapping[Path, str]:
    """Return what every generated file should hold."""
    values = _listed(chart_values(), (CHART / "values.yaml").read_text())
    boards = {CHART / "files" / "dashboards" / name: text for name, text in files().items()}
    return boards | {
        CHART / "values.yaml": values,
        CHART / "files" / "processes.json": chart_facts(),
        COMPOSE: _listed(compose_services(), COMPOSE.read_text()),
        PROMETHEUS: _listed(scraped_names(), PROMETHEUS.read_text()),
        CHART / "values.schema.json": json.dumps(schema(), indent=2) + "\n",
        CHART / "README.md": readme(values),
        RUNBOOKS: _between("metrics", metrics_table(), RUNBOOKS.read_text()),
        README: _between("settings", settings_table(), README.read_text()),
    }


def _between(name: str, table: str, text: str) -> str:
    """Return a text with the table in its place, between two comments of that name."""
    place = re.compile(f"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    return place.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


def _listed(lines: str, text: str) -> str:
    """Return a YAML text with what is generated of the processes in its place."""
    place = re.compile(r"( *# processes: begin .*\n)(?:.*\n)*?( *# processes: end\n)")
    return place.sub(lambda match: f"{match[1]}{lines}{match[2]}", text)


def main() -> None:
    """Write those that differ."""
    for path, text in generated().items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
