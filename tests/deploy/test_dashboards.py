"""Dashboards as files: sound, and asking for documented metrics alone; test_live has the data."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from streams.runtime.metrics import ALL
from tests.deploy.helm import CHART
from tests.deploy.prometheus import exposed
from tests.support.paths import ROOT

FILES = sorted((CHART / "files" / "dashboards").glob("*.json"))
ALERTS = CHART / "files" / "alerts.yaml"
UNITS = {"ops", "cpm", "percentunit", "s", "short", "bytes"}


def panels(file: Path) -> list[dict[str, Any]]:
    return [one for one in json.loads(file.read_text())["panels"] if one["type"] != "row"]


def expressions() -> list[tuple[str, str, str]]:
    return [
        (file.stem, panel["title"], target["expr"])
        for file in FILES
        for panel in panels(file)
        for target in panel["targets"]
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_is_sound(file: Path) -> None:
    board = json.loads(file.read_text())
    assert board["uid"] == f"earmark-{file.stem}"
    ids = [one["id"] for one in board["panels"]]
    assert len(ids) == len(set(ids))
    assert board["templating"]["list"][0]["type"] == "datasource"
    places: set[tuple[int, int]] = set()
    for panel in panels(file):
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["datasource"]["uid"] == "${datasource}"
        assert [one["refId"] for one in panel["targets"]] == list("ABCDEF"[: len(panel["targets"])])
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert places.isdisjoint(cells), panel["title"]
        places |= cells


def test_panels_ask_for_documented_metrics_alone() -> None:
    asked = {
        name
        for _, _, expression in expressions()
        for name in re.findall(r"\b(?:earmark|process)_\w+", expression)
    }
    assert asked <= exposed()
    table = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    bare = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked - {"earmark_batch_size"}}
    assert {name for name in bare if f"`{name}`" not in table} == set()


def test_every_metric_is_shown_or_alerted_on() -> None:
    text = " ".join(expression for _, _, expression in expressions()) + ALERTS.read_text()
    names = {metric._name for metric in ALL}
    assert {name for name in names if name not in text} == set()
