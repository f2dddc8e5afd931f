"""Charts over time, bars and rings as figures of plotly.js, with their legends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.grafana.axes import bar_width, extent, faded, instants, is_series, stacks, stamp, ticks
from tests.grafana.colors import Theme, palette, palette_by_name
from tests.grafana.execution import PanelResult
from tests.grafana.frames import Kind
from tests.grafana.legends import CALCS, legend_list, legend_table, sort_rows
from tests.grafana.looks import Look, looks_of
from tests.grafana.values import show

_DASHES = {"dash": "dash", "dot": "dot"}


@dataclass
class Figure:
    """What plotly.js draws, and the legend beside it."""

    data: list[dict[str, Any]] = field(default_factory=list)
    layout: dict[str, Any] = field(default_factory=dict)
    legend: str = ""
    beside: bool = False


@dataclass(frozen=True)
class Painter:
    """What all charts of a page share.

    Attributes:
        theme: Colors of the page.
        now: The present, in seconds since 1970.
        marks: Instants and colors of the annotations.
    """

    theme: Theme
    now: float
    marks: Sequence[tuple[float, str]] = ()

    def colors(self, looks: Sequence[Look]) -> list[str]:
        """Return the colors of series, each with one of its own where the palette gives them."""
        taken: list[str] = []
        for place, look in enumerate(looks):
            color = self.color(look, place)
            mode = str((look.config.get("color") or {}).get("mode") or "palette-classic")
            further = place
            while mode.startswith("palette") and color in taken and further < place + 30:
                further += 1
                color = self.theme.color(palette(further))
            taken.append(color)
        return taken

    def color(self, look: Look, place: int) -> str:
        """Return the color of a series, whatever the others have."""
        color = look.config.get("color") or {}
        mode = str(color.get("mode") or "palette-classic")
        if mode in ("fixed", "shades"):
            return self.theme.color(color.get("fixedColor"))
        if mode == "thresholds" and look.field.numbers:
            return self.theme.color(show(look, look.field.numbers[-1], self.now).color)
        by_name = mode == "palette-classic-by-name"
        return self.theme.color(palette_by_name(look.name) if by_name else palette(place))

    def over_time(self, result: PanelResult) -> Figure:
        """Return lines, points or bars over time."""
        figure = Figure(layout=self._axes(result))
        shown = [look for look in looks_of(result.panel, result.frames) if is_series(look)]
        colors = self.colors(shown)
        for look, color in zip(shown, colors, strict=True):
            figure.data += self._traces(look, color, result)
        figure.layout["shapes"] = [*self._limits(shown), *self._marks(result)]
        self._legend(figure, result, shown)
        if any(trace["type"] == "bar" for trace in figure.data):
            figure.layout["barmode"] = "stack" if stacks(shown) else "group"
            figure.layout["bargap"] = 0.25
        return figure

    def bars(self, result: PanelResult) -> Figure:
        """Return bars by category."""
        looks = looks_of(result.panel, result.frames)
        axis = next(look for look in looks if look.field.kind in (Kind.STRING, Kind.TIME))
        names = [show(axis, value, self.now).text for value in axis.field.values]
        numbers = [look for look in looks if look.field.kind is Kind.NUMBER and not look.hidden]
        lying = result.panel.options.get("orientation") == "horizontal"
        figure = Figure(layout=self._plain())
        for look, color in zip(numbers, self.colors(numbers), strict=True):
            figure.data.append(
                {
                    "type": "bar",
                    "orientation": "h" if lying else "v",
                    "x": look.field.values if lying else names,
                    "y": names if lying else look.field.values,
                    "marker": {"color": color},
                }
            )
        stacked = result.panel.options.get("stacking") == "normal"
        figure.layout |= {"barmode": "stack" if stacked else "group", "bargap": 0.3}
        figure.layout["xaxis" if lying else "yaxis"] |= ticks(numbers)
        if lying:
            figure.layout["yaxis"] |= {"autorange": "reversed", "type": "category"}
        else:
            figure.layout["xaxis"] |= {"type": "category"}
        self._legend(figure, result, numbers)
        return figure

    def ring(self, result: PanelResult, parts: Sequence[tuple[Look, float]]) -> Figure:
        """Return a pie or a ring of figures."""
        colors = self.colors([look for look, _ in parts])
        pie: dict[str, Any] = {
            "type": "pie",
            "values": [value for _, value in parts],
            "labels": [look.name for look, _ in parts],
            "marker": {"colors": colors, "line": {"color": self.theme.panel, "width": 2}},
            "hole": 0.6 if result.panel.options.get("pieType") == "donut" else 0,
            "textinfo": "none",
            "sort": False,
        }
        total = sum(value for _, value in parts) or 1
        rows = [
            [look.name, color, [show(look, value, self.now).text, f"{value / total:.0%}"]]
            for (look, value), color in zip(parts, colors, strict=True)
        ]
        legend = legend_table(["Value", "Percent"], rows)
        return Figure([pie], self._plain(), legend, beside=True)

    def _traces(self, look: Look, color: str, result: PanelResult) -> Iterator[dict[str, Any]]:
        style = str(look.custom("drawStyle", "line"))
        trace: dict[str, Any] = {"x": instants(look), "y": list(look.field.values)}
        if style == "bars":
            yield {
                **trace,
                "type": "bar",
                "marker": {"color": color},
                "width": bar_width(look, result),
            }
            return
        points = str(look.custom("showPoints", "auto"))
        few = len(look.field.numbers) <= 60
        lines = style == "line"
        dots = style == "points" or points == "always" or (points == "auto" and few)
        mode = "+".join([*(["lines"] if lines else []), *(["markers"] if dots else [])])
        fill = float(look.custom("fillOpacity", 0) or 0) / 100
        stacking = (look.custom("stacking") or {}).get("mode", "none")
        dashed = (look.custom("lineStyle") or {}).get("fill", "solid")
        yield {
            **trace,
            "type": "scatter",
            "mode": mode or "lines",
            "connectgaps": bool(look.custom("spanNulls")),
            "line": {
                "color": color,
                "width": look.custom("lineWidth", 1),
                "dash": _DASHES.get(dashed, "solid"),
                "shape": {"stepAfter": "hv", "stepBefore": "vh", "smooth": "spline"}.get(
                    str(look.custom("lineInterpolation")), "linear"
                ),
            },
            "marker": {"color": color, "size": look.custom("pointSize", 5)},
            **({"fill": "tozeroy", "fillcolor": faded(color, fill)} if fill else {}),
            **({"stackgroup": "one"} if stacking != "none" else {}),
            **({"yaxis": "y2"} if look.custom("axisPlacement") == "right" else {}),
        }

    def _limits(self, looks: Sequence[Look]) -> Iterator[dict[str, Any]]:
        """Draw the thresholds of a panel as lines."""
        seen: set[float] = set()
        for look in looks:
            mode = str((look.custom("thresholdsStyle") or {}).get("mode", "off"))
            for step in (look.config.get("thresholds") or {}).get("steps") or []:
                bound = step.get("value")
                if mode == "off" or bound is None or bound in seen:
                    continue
                seen.add(bound)
                line = {"color": self.theme.color(step["color"]), "width": 1.5}
                if "dash" in mode:
                    line["dash"] = "dash"
                yield {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": bound,
                       "y1": bound, "line": line}  # fmt: skip

    def _marks(self, result: PanelResult) -> Iterator[dict[str, Any]]:
        for at, color in self.marks:
            if result.span.start.timestamp() <= at <= result.span.end.timestamp():
                instant = stamp(at)
                line = {"color": self.theme.color(color), "width": 1, "dash": "dash"}
                yield {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": instant,
                       "x1": instant, "line": line}  # fmt: skip

    def _plain(self) -> dict[str, Any]:
        axis = {"gridcolor": self.theme.grid, "zeroline": False, "automargin": True, "nticks": 6}
        return {
            "paper_bgcolor": self.theme.panel,
            "plot_bgcolor": self.theme.panel,
            "font": {"color": self.theme.faint, "size": 11, "family": "Inter, Arial, sans-serif"},
            "margin": {"l": 44, "r": 8, "t": 6, "b": 24},
            "showlegend": False,
            "xaxis": dict(axis),
            "yaxis": dict(axis),
        }

    def _axes(self, result: PanelResult) -> dict[str, Any]:
        layout = self._plain()
        shown = [look for look in looks_of(result.panel, result.frames) if is_series(look)]
        start, end = extent(result, shown)
        layout["xaxis"] |= {"type": "date", "range": [stamp(start), stamp(end)]}
        left = [look for look in shown if look.custom("axisPlacement") != "right"]
        layout["yaxis"] |= ticks(left or shown)
        if len(left) < len(shown):
            right = [look for look in shown if look not in left]
            layout["yaxis2"] = {**layout["yaxis"], **ticks(right), "overlaying": "y",
                                "side": "right", "showgrid": False}  # fmt: skip
            layout["margin"]["r"] = 44
        return layout

    def _legend(self, figure: Figure, result: PanelResult, shown: Sequence[Look]) -> None:
        options = result.panel.options.get("legend") or {}
        if options.get("showLegend") is False or options.get("displayMode") == "hidden":
            return
        calcs = [name for name in options.get("calcs") or [] if name in CALCS]
        rows = []
        for look, color in zip(shown, self.colors(shown), strict=True):
            if (look.custom("hideFrom") or {}).get("legend"):
                continue
            numbers = look.field.numbers
            cells = [
                show(look, CALCS[name][1](numbers), self.now).text if numbers else ""
                for name in calcs
            ]
            rows.append([look.name, color, cells, numbers])
        sort_rows(rows, options)
        figure.beside = options.get("placement") == "right"
        if options.get("displayMode") == "table":
            figure.legend = legend_table([CALCS[name][0] for name in calcs], rows)
        else:
            figure.legend = legend_list(rows)
