"""A page that looks like the dashboard, from its JSON and what its queries returned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tests.grafana.charts import Figure, Painter
from tests.grafana.colors import Theme
from tests.grafana.execution import Opened, PanelResult, transformed
from tests.grafana.formats import text_default
from tests.grafana.frames import Frame
from tests.grafana.interpolation import builtins, interpolate
from tests.grafana.matrices import Matrix
from tests.grafana.page_style import WIDTH, style
from tests.grafana.tiles import Tiles
from tests.grafana.units import instant

_GAP = 8
_CELL = 30
_TOP = 92
_HEAD = 30
_CHARTS = ("timeseries", "barchart", "piechart")


@dataclass(frozen=True)
class Box:
    """Where a panel is, in pixels."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, place: Any) -> Box:
        column = (WIDTH - 2 * _GAP + _GAP) / 24
        return cls(
            left=round(_GAP + place["x"] * column),
            top=_TOP + place["y"] * (_CELL + _GAP),
            width=round(place["w"] * column - _GAP),
            height=place["h"] * (_CELL + _GAP) - _GAP,
        )


def draw(opened: Opened, theme: Theme, plotly: str, now: float) -> str:
    """Return an HTML page.

    Args:
        opened: The dashboard with what it shows.
        theme: Colors.
        plotly: The source of plotly.js.
        now: The present, in seconds since 1970.
    """
    painter = Painter(theme, now, _marks(opened))
    figures: list[dict[str, Any]] = []
    panels: list[str] = []
    bottom = 0
    for number, result in enumerate(opened.panels):
        if not result.panel.model.get("gridPos"):
            continue
        box = Box.of(result.panel.place)
        bottom = max(bottom, box.top + box.height)
        panels.append(_panel(transformed(result), box, number, painter, figures))
    head = _head(opened)
    script = _SCRIPT.replace("FIGURES", json.dumps(figures, default=str).replace("</", "<\\/"))
    return (
        f"<!doctype html><meta charset=utf-8><style>{style(theme)}</style>"
        f'<body style="height:{bottom + _GAP}px">{head}{"".join(panels)}'
        f"<script>{plotly}</script><script>{script}</script>"
    )


def _panel(
    result: PanelResult, box: Box, number: int, painter: Painter, figures: list[dict[str, Any]]
) -> str:
    scope = {**builtins(result.span, 60, 60), **result.scope}
    title = escape(interpolate(result.panel.title, scope, text_default, later=True))
    style = f"left:{box.left}px;top:{box.top}px;width:{box.width}px;height:{box.height}px"
    if result.panel.kind == "row":
        return f'<div class="row" style="{style}">&#9662;&nbsp; {title}</div>'
    inner = _content(result, box, number, painter, figures)
    info = '<span class="info">i</span>' if result.panel.model.get("description") else ""
    heading = f'<div class="title">{title}{info}</div>' if title else ""
    return f'<div class="panel" style="{style}">{heading}<div class="inside">{inner}</div></div>'


def _content(
    result: PanelResult, box: Box, number: int, painter: Painter, figures: list[dict[str, Any]]
) -> str:
    panel = result.panel
    if panel.kind == "text":
        return f'<div class="text">{_markdown(str(panel.options.get("content", "")), result)}</div>'
    if result.problems:
        return f'<div class="problem">{escape(result.problems[0].reason)}</div>'
    if not any(frame.rows for frame in result.frames):
        return f'<div class="empty">{escape(str(panel.defaults.get("noValue") or "No data"))}</div>'
    if panel.kind in _CHARTS:
        return _figure(_drawn(result, painter), number, figures)
    return _html(result, painter, box.width - 16, box.height - _HEAD - 12)


def _html(result: PanelResult, painter: Painter, width: int, height: int) -> str:
    kind, tiles = result.panel.kind, Tiles(painter)
    if kind == "bargauge":
        return tiles.bar_gauge(result, height)
    if kind == "table":
        return tiles.table(result, height)
    if kind in ("status-history", "state-timeline"):
        return Matrix(painter).draw(result, width, height - 24, bands=kind == "state-timeline")
    return tiles.stat(result, width, height) if tiles.of(result) else "no number"


def _drawn(result: PanelResult, painter: Painter) -> Figure:
    if result.panel.kind == "piechart":
        return painter.ring(
            result, [(tile.look, float(tile.value)) for tile in Tiles(painter).of(result)]
        )
    if result.panel.kind == "barchart":
        return painter.bars(result)
    return painter.over_time(result)


def _figure(figure: Figure, number: int, figures: list[dict[str, Any]]) -> str:
    figures.append({"id": f"chart{number}", "data": figure.data, "layout": figure.layout})
    kind = "beside" if figure.beside else "below"
    legend = f'<div class="legend">{figure.legend}</div>' if figure.legend else ""
    return f'<div class="chart {kind}"><div class="plot" id="chart{number}"></div>{legend}</div>'


def _head(opened: Opened) -> str:
    """Return the title with variables and time range, as at the top of Grafana."""
    choices = []
    for name, variable in opened.variables.items():
        if variable.model.get("hide") in (2, "hideVariable"):
            continue
        label = str(variable.model.get("label") or name)
        chosen = variable.chosen
        text = chosen.text or text_default(chosen.value, several=False)
        short = text if len(text) <= 40 else text[:39] + "…"
        choices.append(f"<span class=pick><b>{escape(label)}</b>{escape(short)}</span>")
    links = "".join(
        f"<span class=pick>&#8599; {escape(str(link.get('title')))}</span>"
        for link in opened.dashboard.model.get("links") or []
    )
    ends = (opened.span.start, opened.span.end)
    times = " to ".join(instant(end.timestamp())[:16] for end in ends) + " UTC"
    return (
        f"<header><h1>{escape(opened.dashboard.title)}</h1><span class=time>{times}</span></header>"
        f"<nav>{''.join(choices)}{links}</nav>"
    )


def _marks(opened: Opened) -> Sequence[tuple[float, str]]:
    marks = []
    for annotation, frames in opened.annotations:
        color = str(annotation.get("iconColor") or "blue")
        marks += [(at, color) for frame in frames for at in _times(frame)]
    return marks


def _times(frame: Frame) -> list[float]:
    time = frame.time
    return [at for at in time.values if at is not None] if time else []


def _markdown(content: str, result: PanelResult) -> str:
    scope = {**builtins(result.span, 60, 60), **result.scope}
    text = escape(interpolate(content, scope, text_default, later=True))
    lines = [line.lstrip("# ").replace("**", "").replace("`", "") for line in text.splitlines()]
    return "<br>".join(lines)


_SCRIPT = """
const figures = FIGURES;
Promise.all(figures.map((figure) => Plotly.newPlot(
  figure.id, figure.data, {...figure.layout, autosize: true}, {staticPlot: true, responsive: false}
))).then(() => { document.body.dataset.drawn = "yes" });
"""
