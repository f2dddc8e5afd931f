"""What panels of every kind have in common: words, size, colors, legends and tooltips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

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
    ReduceDataOptions,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import DashboardLink, FieldColor
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import FieldColorModeId, ValueMapping

from monitoring_dashboards.fields import Field
from monitoring_dashboards.statuses import Steps
from monitoring_dashboards.targets import Target, lettered

Panel = Builder[models.Panel]
# (columns of 24, rows of about 30 pixels)
Size = tuple[int, int]
_Drawn = TypeVar(
    "_Drawn",
    barchart.Panel,
    bargauge.Panel,
    charts.Panel,
    piechart.Panel,
    stats.Panel,
    statetimeline.Panel,
    statushistory.Panel,
    tables.Panel,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """The words of a panel.

    Attributes:
        title: What it shows, in a few words.
        description: How to read it, shown at the (i) of the title.
        unit: Grafana's id of the unit (``percentunit``, ``s``, ``bytes``, ``none``).
        empty: What it says instead of nothing: why there is nothing, and what would change that.
    """

    title: str
    description: str
    unit: str
    empty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How a panel's values look and what a click on them opens.

    Attributes:
        fields: Columns or series that differ from the rest.
        links: Where a click on any value leads.
        steps: Colors by value; a chart over time draws them as dashed lines.
        mappings: Words and colors of values.
        color: One color for all.
        decimals: Digits after the point.
        bounds: The least and the greatest value drawn; None where the data say.
        calcs: Figures of each series beside its name in the legend.
    """

    fields: Sequence[Field] = ()
    links: Sequence[DashboardLink] = ()
    steps: Steps | None = None
    mappings: Sequence[ValueMapping] = ()
    color: str | None = None
    decimals: int | None = None
    bounds: tuple[float | None, float | None] = (None, None)
    calcs: Sequence[str] = ()


PLAIN = Style()


def drawn(
    panel: _Drawn,
    caption: Caption,
    targets: Sequence[Target],
    size: Size,
    style: Style,
    first: Sequence[Field] = (),
) -> _Drawn:
    """Give a panel what every kind has."""
    width, height = size
    panel.title(caption.title).description(caption.description).unit(caption.unit)
    panel.no_value(caption.empty).datasource(targets[0].datasource)
    panel.targets(lettered(targets)).span(width).height(height)
    if style.links:
        panel.data_links(list(style.links))
    if style.mappings:
        panel.mappings(list(style.mappings))
    if style.decimals is not None:
        panel.decimals(style.decimals)
    least, greatest = style.bounds
    if least is not None:
        panel.min(least)
    if greatest is not None:
        panel.max(greatest)
    panel.thresholds(style.steps or Steps("text"))
    panel.color_scheme(color(style.color, FieldColorModeId.THRESHOLDS))
    for field in (*first, *style.fields):
        panel.with_override(field.matcher(), field.properties())
    return panel


def color(fixed: str | None, otherwise: FieldColorModeId) -> FieldColor:
    """Return one color, where there is one, else a way to choose colors."""
    if fixed is None:
        return FieldColor().mode(otherwise)
    return FieldColor().mode(FieldColorModeId.FIXED).fixed_color(fixed)


def last() -> ReduceDataOptions:
    """Return how a series becomes a figure: by its last value."""
    return ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def tooltip() -> VizTooltipOptions:
    """Return a tooltip of all series, the greatest first."""
    return VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)


def legend(calcs: Sequence[str]) -> VizLegendOptions:
    """Return a line of names; a table at the right where figures stand beside them."""
    shown = VizLegendOptions().show_legend(True).calcs(list(calcs))
    if "max" in calcs:
        shown = shown.sort_by("Max").sort_desc(True)
    if calcs:
        return shown.display_mode(LegendDisplayMode.TABLE).placement(LegendPlacement.RIGHT)
    return shown.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
