"""Write what is generated: ``python -m deploy.generate``. A test compares it with what is there."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy import flow_picture, languages
from deploy.chart_readme import readme
from deploy.dashboards import files
from deploy.processes import chart_facts, chart_values, compose_services, scraped_names
from deploy.reference import pages
from deploy.values_schema import schema
from streams.contract import json_schemas

ROOT: Final = Path(__file__).resolve().parents[1]
CHART: Final = ROOT / "deploy" / "helm" / "earmark"
COMPOSE: Final = ROOT / "deploy" / "compose.yaml"
PROMETHEUS: Final = ROOT / "deploy" / "compose" / "prometheus.yml"
DOCS: Final = ROOT / "docs"
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
        DOCS / "pictures" / "flow.svg": flow_picture.svg(),
        README: _with_hook((ROOT / "examples" / "ingest_hook.py").read_text(), README.read_text()),
        **{DOCS / "reference" / name: text for name, text in pages().items()},
        **languages.catalogues(),
        **{
            json_schemas.PUBLISHED / name: content.decode()
            for name, content in json_schemas.files().items()
        },
    }


def _with_hook(example: str, text: str) -> str:
    """Return the README with the code of the example in its block."""
    code = re.sub(r'^""".*?"""\n\n|  # noqa.*?$', "", example, flags=re.MULTILINE | re.DOTALL)
    place = re.compile(r'(```python title="readme-hook"\n).*?(```)', re.DOTALL)
    return place.sub(lambda match: f"{match[1]}{code}{match[2]}", text)


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
