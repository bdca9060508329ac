"""Pictures of the dashboards, for people without a Grafana: the panels' data, drawn.

    python -m tests.deploy.pictures OUT [MINUTES]

A pipeline works on self-made tracks for some minutes under a Prometheus. Then each panel's queries
are evaluated over that time, as in Grafana. Places, titles, units, legends and thresholds are those
of the committed JSON; colours and fonts are not Grafana's.
"""

import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, MinuteLocator, date2num
from matplotlib.ticker import FuncFormatter

from models.synthesis.samples import write_samples
from streams.services.upload_inputs import upload_from_file
from streams.stages.ingest import IngestHook
from tests.deploy.test_dashboards import FILES
from tests.deploy.test_live import Live, at_work, substituted

STEP_S: Final = 2
PAUSE_S: Final = 1.0
PIXELS: Final = (68, 46)  # of one cell of Grafana's grid
DPI: Final = 100
RED: Final = "#c4162a"


def main() -> int:
    """Draw all dashboards into a folder."""
    out = Path(sys.argv[1])
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 4.0
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="earmark-pictures-") as folder:
        began = time.time()
        with at_work(Path(folder)) as live:
            _busy(live, Path(folder), minutes * 60)
            for file in FILES:
                draw(live, file, began, out / f"dashboard-{file.stem}.png")
                sys.stdout.write(f"{out}/dashboard-{file.stem}.png\n")
    return 0


def _busy(live: Live, folder: Path, seconds: float) -> None:
    """Send known and new tracks, sometimes one that is no audio, for a while."""
    samples = write_samples(folder / "samples", 1)
    end, number = time.monotonic() + seconds, 0
    with IngestHook(live.settings) as hook:
        while time.monotonic() < end:
            number += 1
            if number % 25 == 0:
                path = folder / f"refused-{number}.wav"
                path.write_bytes(b"this is not audio" * number)
            else:
                path = samples[number % len(samples)].path
            upload = upload_from_file(path, distributor=("North", "South")[number % 2])
            hook.submit(upload.model_copy(update={"track_id": f"T-{number}"}))
            time.sleep(PAUSE_S * (0.5 + (number % 60) / 60))


def draw(live: Live, file: Path, began: float, out: Path) -> None:
    """Draw one dashboard as it lies in its file."""
    panels = json.loads(file.read_text())["panels"]
    rows = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in panels)
    width, height = 24 * PIXELS[0] / DPI, rows * PIXELS[1] / DPI
    figure = plt.figure(figsize=(width, height), dpi=DPI, facecolor="#f4f5f5")
    for panel in panels:
        place = panel["gridPos"]
        x, y = place["x"] / 24, 1 - (place["y"] + place["h"]) / rows
        w, h = place["w"] / 24, place["h"] / rows
        if panel["type"] == "row":
            figure.text(x + 0.004, y + h * 0.3, panel["title"], fontsize=11, weight="bold")
            continue
        left, low = 55 / (24 * PIXELS[0]), 58 / (rows * PIXELS[1])
        high = 26 / (rows * PIXELS[1])
        axes = figure.add_axes((x + left, y + low, w - left - 0.008, max(h - low - high, 0.002)))
        figure.text(x + 0.006, y + h - high * 0.75, panel["title"], fontsize=9, weight="bold")
        DRAWN[panel["type"]](axes, panel, live, began)
    figure.savefig(out)
    plt.close(figure)


def _series(live: Live, panel: dict[str, Any], began: float) -> Iterator[tuple[str, Any, Any]]:
    for target in panel["targets"]:
        asked = {"start": str(began), "end": str(time.time()), "step": str(STEP_S)}
        query = substituted(target["expr"])
        response = json.loads(live.server.ask("/api/v1/query_range", query=query, **asked))
        for item in response["data"]["result"]:
            times = date2num(np.array([int(t) for t, _ in item["values"]], dtype="datetime64[s]"))
            yield (
                legend(target["legendFormat"], item["metric"]),
                times,
                np.array([float(v) for _, v in item["values"]]),
            )


def legend(text: str, labels: dict[str, str]) -> str:
    """Return a legend with its labels filled in."""
    for name, value in labels.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def shown(value: float, unit: str) -> str:
    """Return a value as Grafana writes it in a unit, roughly."""
    if not math.isfinite(value):
        return "no data"
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s":
        for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
            if abs(value) >= size:
                return f"{value / size:.3g} {name}"
        return f"{value:.3g} s" if abs(value) >= 1 or value == 0 else f"{1_000 * value:.3g} ms"
    if unit == "bytes":
        for power, name in ((3, "GiB"), (2, "MiB"), (1, "KiB")):
            if abs(value) >= 1_024**power:
                return f"{value / 1_024**power:.3g} {name}"
        return f"{value:.3g} B"
    return f"{value:.3g}" + {"ops": " ops/s", "cpm": "/min"}.get(unit, "")


def _alarm(panel: dict[str, Any]) -> float | None:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return next((float(one["value"]) for one in steps if one["color"] == "red"), None)


def _lines(axes: Axes, panel: dict[str, Any], live: Live, began: float) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    series = list(_series(live, panel, began))
    stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
    grid = np.array(sorted({t for _, times, _ in series for t in times}))
    below = np.zeros(len(grid))
    for name, times, values in series:
        if stacked:
            here = np.interp(grid, times, np.nan_to_num(values), left=0, right=0)
            axes.fill_between(grid, below, below + here, label=name, alpha=0.6, linewidth=0)
            below = below + here
        else:
            axes.plot(times, values, label=name, linewidth=1)
    threshold = _alarm(panel)
    if threshold is not None and defaults["custom"].get("thresholdsStyle", {}).get("mode") not in {
        None,
        "off",
    }:
        axes.axhline(threshold, color=RED, linewidth=1, linestyle="--")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: shown(v, defaults["unit"])))
    axes.xaxis.set_major_locator(MinuteLocator())
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))
    axes.tick_params(labelsize=7)
    axes.grid(visible=True, linewidth=0.3)
    if series:
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.1), ncols=3, fontsize=6, frameon=False)


def _stat(axes: Axes, panel: dict[str, Any], live: Live, began: float) -> None:
    unit, threshold = panel["fieldConfig"]["defaults"]["unit"], _alarm(panel)
    series = [(name, values) for name, _, values in _series(live, panel, began)]
    axes.axis("off")
    for number, (name, values) in enumerate(series[:4]):
        finite = values[np.isfinite(values)]
        last = float(finite[-1]) if len(finite) else math.nan
        bad = threshold is not None and last >= threshold
        axes.text(
            (number + 0.5) / max(1, min(4, len(series))),
            0.5,
            f"{shown(last, unit)}\n{name}" if name else shown(last, unit),
            ha="center",
            fontsize=16 if len(series) == 1 else 10,
            color=RED if bad else "#37872d",
        )


def _heat(axes: Axes, panel: dict[str, Any], live: Live, began: float) -> None:
    series = sorted(_series(live, panel, began), key=lambda one: float(one[0]))
    if not series:
        return
    grid = np.array(sorted({t for _, times, _ in series for t in times}))
    rows = np.array([np.interp(grid, times, values) for _, times, values in series])
    axes.imshow(np.diff(rows, axis=0, prepend=0), aspect="auto", origin="lower", cmap="Oranges")
    axes.set_yticks(range(len(series)), [name for name, _, _ in series], fontsize=6)
    axes.set_xticks([])


def _table(axes: Axes, panel: dict[str, Any], live: Live, began: float) -> None:
    axes.axis("off")
    unit = panel["fieldConfig"]["defaults"]["unit"]
    lines = []
    for target in panel["targets"]:
        for item in live.query(substituted(target["expr"])):
            labels = [f"{name}={value}" for name, value in sorted(item["metric"].items())]
            lines.append("   ".join([*labels, shown(float(item["value"][1]), unit)]))
    axes.text(0, 1, "\n".join(lines[:14]), va="top", fontsize=7, family="monospace")


DRAWN: Final = {"timeseries": _lines, "stat": _stat, "heatmap": _heat, "table": _table}


if __name__ == "__main__":
    raise SystemExit(main())
