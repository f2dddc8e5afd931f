"""The kinds of panels: each with its words, its unit, and what it says when it is empty."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    piechart,
    statetimeline,
    statushistory,
)
from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import timeseries as charts
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    StackingConfig,
)
from grafana_foundation_sdk.builders.piechart import PieChartLegendOptions
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    StackingMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import FieldColorModeId
from grafana_foundation_sdk.models.piechart import PieChartLegendValues, PieChartType

from monitoring_dashboards import drawing
from monitoring_dashboards.drawing import PLAIN, Caption, Panel, Size, Style
from monitoring_dashboards.fields import Field
from monitoring_dashboards.targets import Target

__all__ = [
    "Caption",
    "Look",
    "Panel",
    "Size",
    "Style",
    "bar_chart",
    "bar_gauge",
    "pie_chart",
    "stat",
    "state_timeline",
    "status_history",
    "status_stat",
    "table",
    "timeseries",
]


class Look(Enum):
    """How a chart over time draws its series."""

    LINES = "lines"
    STEPS = "steps"
    BARS = "bars"
    STACKED = "stacked"


def timeseries(
    caption: Caption,
    targets: Sequence[Target],
    *,
    size: Size,
    look: Look = Look.LINES,
    style: Style = PLAIN,
) -> charts.Panel:
    """Return a chart over time."""
    panel = drawing.drawn(charts.Panel(), caption, targets, size, style)
    panel = (
        panel.legend(drawing.legend(style.calcs))
        .tooltip(drawing.tooltip())
        .line_width(2)
        .span_nulls(True)
        .show_points(VisibilityMode.AUTO)
    )
    palette = drawing.color(style.color, FieldColorModeId.PALETTE_CLASSIC_BY_NAME)
    panel = panel.color_scheme(palette)
    if style.steps is not None:
        dashed = GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(dashed)
    if look is Look.STEPS:
        return panel.line_interpolation(LineInterpolation.STEP_AFTER)
    if look is Look.LINES:
        return panel
    panel = panel.draw_style(GraphDrawStyle.BARS).fill_opacity(80).line_width(1)
    if look is Look.STACKED:
        return panel.stacking(StackingConfig().mode(StackingMode.NORMAL).group("all"))
    return panel


def stat(
    caption: Caption,
    targets: Sequence[Target],
    *,
    size: Size,
    style: Style = PLAIN,
    background: bool | None = None,
) -> stats.Panel:
    """Return large figures: one of each column or series.

    Args:
        caption: Its words.
        targets: Its queries.
        size: Its columns and rows.
        style: Its colors and links.
        background: Whether the color fills the panel instead of the letters; None where the
            style says: it does if all figures share one rule.
    """
    if background is None:
        background = bool(style.steps or style.mappings or style.color)
    panel = drawing.drawn(stats.Panel(), caption, targets, size, style)
    return (
        panel.reduce_options(drawing.last())
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.BACKGROUND_SOLID if background else BigValueColorMode.VALUE)
        .text_mode(BigValueTextMode.AUTO)
        .orientation(VizOrientation.AUTO)
    )


def status_stat(
    caption: Caption, targets: Sequence[Target], *, size: Size, style: Style = PLAIN
) -> stats.Panel:
    """Return a figure that is a word: the newest row's text, through the style's mappings."""
    panel = stat(caption, targets, size=size, style=style)
    return panel.reduce_options(drawing.last().fields("/.*/"))


def table(
    caption: Caption, targets: Sequence[Target], *, size: Size, style: Style = PLAIN
) -> tables.Panel:
    """Return a table, its rows in the query's order."""
    # The caption's text stands where there are no rows at all; a missing value is a dash.
    dash = Field(pattern=".*", extra={"noValue": "-"})
    # A name or id of digits is no number: as one, version 1.10 is 1.1 and a long id is rounded.
    words = Field(type="string", unit="string")
    panel = drawing.drawn(tables.Panel(), caption, targets, size, style, [dash, words])
    return panel.filterable(True)


def bar_chart(
    caption: Caption,
    targets: Sequence[Target],
    *,
    size: Size,
    style: Style = PLAIN,
    stacked: bool = False,
) -> barchart.Panel:
    """Return bars by category: the first column of text names them."""
    panel = drawing.drawn(barchart.Panel(), caption, targets, size, style)
    return (
        panel.legend(drawing.legend(style.calcs))
        .tooltip(drawing.tooltip())
        .orientation(VizOrientation.AUTO)
        .stacking(StackingMode.NORMAL if stacked else StackingMode.NONE)
        .color_scheme(drawing.color(style.color, FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    )


def pie_chart(
    caption: Caption, targets: Sequence[Target], *, size: Size, style: Style = PLAIN
) -> piechart.Panel:
    """Return a ring: a part of each column or series."""
    panel = drawing.drawn(piechart.Panel(), caption, targets, size, style)
    legend = (
        PieChartLegendOptions()
        .show_legend(True)
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.RIGHT)
        .values([PieChartLegendValues.VALUE, PieChartLegendValues.PERCENT])
    )
    return (
        panel.pie_type(PieChartType.DONUT)
        .reduce_options(drawing.last())
        .legend(legend)
        .tooltip(drawing.tooltip())
        .color_scheme(drawing.color(style.color, FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    )


def bar_gauge(
    caption: Caption, targets: Sequence[Target], *, size: Size, style: Style = PLAIN
) -> bargauge.Panel:
    """Return a horizontal bar of each column or series, from 0 on unless the style says else."""
    panel = drawing.drawn(bargauge.Panel(), caption, targets, size, style)
    if style.bounds[0] is None:
        # Grafana would begin at the least value, which then has no bar.
        panel.min(0)
    return (
        panel.reduce_options(drawing.last())
        .display_mode(BarGaugeDisplayMode.BASIC)
        .orientation(VizOrientation.HORIZONTAL)
        .show_unfilled(True)
    )


def status_history(
    caption: Caption, targets: Sequence[Target], *, size: Size, style: Style = PLAIN
) -> statushistory.Panel:
    """Return a matrix: a row of each series, a colored cell of each instant."""
    panel = drawing.drawn(statushistory.Panel(), caption, targets, size, style)
    return (
        panel.legend(drawing.legend(()))
        .tooltip(drawing.tooltip())
        .show_value(VisibilityMode.NEVER)
        .per_page(30)
        .row_height(0.9)
        .col_width(0.95)
        .fill_opacity(85)
    )


def state_timeline(
    caption: Caption, targets: Sequence[Target], *, size: Size, style: Style = PLAIN
) -> statetimeline.Panel:
    """Return bands: a row of each series, colored by the state it is in until the next."""
    panel = drawing.drawn(statetimeline.Panel(), caption, targets, size, style)
    return (
        panel.legend(drawing.legend(()))
        .tooltip(drawing.tooltip())
        .show_value(VisibilityMode.AUTO)
        .merge_values(True)
        .row_height(0.9)
        .fill_opacity(85)
    )
