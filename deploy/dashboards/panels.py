"""From a few words about a panel to Grafana's JSON, by grafana-foundation-sdk.

Panels fill rows of 24 columns from left to right; ids and names of queries are given here,
since the builders give none.
"""

import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    GridPos,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

COLUMNS: Final = 24
SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHTS: Final = {"stat": 4, "lines": 8, "stack": 8, "heat": 8, "table": 8, "matrix": 8}

Kind = Literal["lines", "stack", "stat", "heat", "table", "matrix"]


@dataclass(frozen=True)
class Panel:
    """One panel: its queries and its description.

    ``queries`` are (PromQL, legend); where ``unit`` is cpm they give events a second, which are
    shown by the minute (an increase would depend on how far one has zoomed out).
    ``alarm``: from this value on it is red, or a dashed line.
    The legend of a query in a table is the name of its column; a matrix has the legend
    "ROW, COLUMN": the labels of its rows and columns.
    """

    title: str
    meaning: str
    queries: Sequence[tuple[str, str]]
    unit: str
    kind: Kind = "lines"
    width: int = 8
    alarm: float | None = None


@dataclass(frozen=True)
class Board:
    """One dashboard: its rows by name, in order, and variables by (name, metric, label)."""

    uid: str
    title: str
    meaning: str
    rows: Sequence[tuple[str, Sequence[Panel]]]
    variables: Sequence[tuple[str, str, str]] = field(default_factory=tuple)


def to_json(board: Board) -> str:
    """Return the dashboard as Grafana and its sidecar read it."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.meaning)
        .tags(["earmark"])
        .time("now-3h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Earmark")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["earmark"])
            .as_dropdown(True)
            .keep_time(True)
        )
        .with_variable(
            dashboard.DatasourceVariable("datasource").type("prometheus").label("Source")
        )
    )
    for name, metric, label in board.variables:
        built = built.with_variable(
            dashboard.QueryVariable(name)
            .label(name.capitalize())
            .query(f"label_values({metric}, {label})")
            .datasource(SOURCE)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .include_all(True)
            .all_value(".*")
            .multi(True)
        )
    for panel in _laid_out(board):
        built = (
            built.with_row(panel) if isinstance(panel, dashboard.Row) else built.with_panel(panel)
        )
    return JSONEncoder(sort_keys=True, indent=1).encode(built.build()) + "\n"


def _laid_out(board: Board) -> Iterator[Any]:
    number, y = 0, 0
    for title, panels in board.rows:
        number += 1
        position = GridPos(h=1, w=COLUMNS, x=0, y=y)
        yield dashboard.Row(title).id(number).grid_pos(position)
        x, y, tallest = 0, y + 1, 0
        for panel in panels:
            number += 1
            wide = panel.kind == "table" and panel.width == COLUMNS
            height = HEIGHTS["stat" if wide else panel.kind]
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            position = GridPos(h=height, w=panel.width, x=x, y=y)
            yield _panel(panel).id(number).grid_pos(position)
            x, tallest = x + panel.width, max(tallest, height)
        y += tallest


def _panel(panel: Panel) -> Any:
    build = {"stat": _stat, "heat": _heat, "table": _table, "matrix": _matrix}.get(
        panel.kind, _lines
    )
    built = (
        build(panel)
        .title(panel.title)
        .description(panel.meaning)
        .datasource(SOURCE)
        .unit(panel.unit)
        .thresholds(_thresholds(panel.alarm))
    )
    for letter, (expression, legend) in zip(string.ascii_uppercase, panel.queries, strict=False):
        query = (
            prometheus.Dataquery()
            .expr(f"60 * {expression}" if panel.unit == "cpm" else expression)
            .legend_format(legend)
            .ref_id(letter)
            .datasource(SOURCE)
        )
        match panel.kind:
            case "heat":
                query = query.format(PromQueryFormat.HEATMAP).range()
            case "table" | "matrix":
                query = query.format(PromQueryFormat.TABLE).instant()
            case _:
                query = query.range()
        built = built.with_target(query)
    return built


def _lines(panel: Panel) -> Any:
    built = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(60 if panel.kind == "stack" else 8)
        .min(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    if panel.alarm is not None:
        dashed = common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        built = built.thresholds_style(dashed)
    if panel.kind == "stack":
        built = built.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    return built


def _stat(panel: Panel) -> Any:
    options = common.ReduceDataOptions().calcs(["lastNotNull"])
    return stat.Panel().reduce_options(options).color_mode(BigValueColorMode.VALUE)


def _heat(panel: Panel) -> Any:
    return heatmap.Panel().calculate(False).cell_gap(1)


def _table(panel: Panel) -> Any:
    """Labels as columns, without the time of asking, which is now."""
    names = [legend for _, legend in panel.queries]
    values = (
        ["Value"] if len(names) == 1 else [f"Value #{letter}" for letter in string.ascii_uppercase]
    )
    named = {
        "excludeByName": {"Time": True},
        "renameByName": dict(zip(values, names, strict=False)),
    }
    built = table.Panel()
    if len(names) > 1:  # one table of all, by their common labels
        built = built.with_transformation(DataTransformerConfig("merge", options={}))
    return built.with_transformation(DataTransformerConfig("organize", options=named))


def _matrix(panel: Panel) -> Any:
    ((_, legend),) = panel.queries
    row, column = legend.split(", ")
    options = {"rowField": row, "columnField": column, "valueField": "Value", "emptyValue": "zero"}
    transformed = DataTransformerConfig("groupingToMatrix", options=options)
    return table.Panel().with_transformation(transformed).decimals(0)


def _thresholds(alarm: float | None) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=None, color="green")]
    if alarm is not None:
        steps.append(Threshold(value=alarm, color="red"))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
