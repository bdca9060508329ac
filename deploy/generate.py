"""Write what is generated: ``python -m deploy.generate``. A test compares it with what is there."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.chart_readme import readme
from deploy.dashboards import files
from deploy.values_schema import schema
from streams.runtime.metrics_table import table as metrics_table
from streams.runtime.settings import table as settings_table

ROOT: Final = Path(__file__).resolve().parents[1]
CHART: Final = ROOT / "deploy" / "helm" / "earmark"
RUNBOOKS: Final = ROOT / "deploy" / "RUNBOOKS.md"
README: Final = ROOT / "README.md"


def generated() -> Mapping[Path, str]:
    """Return what every generated file should hold."""
    values = (CHART / "values.yaml").read_text()
    boards = {CHART / "files" / "dashboards" / name: text for name, text in files().items()}
    return boards | {
        CHART / "values.schema.json": json.dumps(schema(), indent=2) + "\n",
        CHART / "README.md": readme(values),
        RUNBOOKS: _between("metrics", metrics_table(), RUNBOOKS.read_text()),
        README: _between("settings", settings_table(), README.read_text()),
    }


def _between(name: str, table: str, text: str) -> str:
    """Return a text with the table in its place, between two comments of that name."""
    place = re.compile(f"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    return place.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


def main() -> None:
    """Write those that differ."""
    for path, text in generated().items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
