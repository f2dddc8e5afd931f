"""Tables, figures and bars as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tests.grafana.charts import Painter
from tests.grafana.colors import readable_on
from tests.grafana.execution import PanelResult
from tests.grafana.frames import Kind
from tests.grafana.looks import Look, looks_of
from tests.grafana.needs import figures
from tests.grafana.values import Shown, show, span_of

_ROW = 36
_CHAR = 0.56  # width of a character by its height


@dataclass(frozen=True)
class Tile:
    """One figure with its name."""

    look: Look
    value: Any
    name: str
    shown: Shown


@dataclass(frozen=True)
class Tiles:
    """Draws what needs no axis.

    Attributes:
        painter: Theme and present.
    """

    painter: Painter

    def of(self, result: PanelResult) -> list[Tile]:
        """Return the figures that a stat, a gauge or a pie shows."""
        looks = {id(look.field): look for look in looks_of(result.panel, result.frames)}
        tiles = []
        for place, (field, value) in enumerate(figures(result)):
            look = looks[id(field)]
            name = look.name
            texts = look.frame.of(Kind.STRING)
            if (result.panel.options.get("reduceOptions") or {}).get("values") and texts:
                name = str(texts[0].values[place % look.frame.rows])
            tiles.append(Tile(look, value, name, show(look, value, self.painter.now)))
        return tiles

    def stat(self, result: PanelResult, width: int, height: int) -> str:
        """Return large figures side by side."""
        tiles = self.of(result)
        options = result.panel.options
        filled = str(options.get("colorMode", "value")).startswith("background")
        names = len(tiles) > 1 or options.get("textMode") in ("name", "value_and_name")
        wide = options.get("orientation") != "horizontal" and width / len(tiles) >= 70
        part = width / len(tiles) if wide else width
        tall = height if wide else height / len(tiles)
        longest = max(len(tile.shown.text) for tile in tiles)
        size = min(part * 0.85 / (longest * _CHAR), tall * (0.4 if names else 0.55), 64)
        cells = [self._figure(tile, filled=filled, size=size, named=names) for tile in tiles]
        return f'<div class="tiles {"across" if wide else "down"}">{"".join(cells)}</div>'

    def _figure(self, tile: Tile, *, filled: bool, size: float, named: bool) -> str:
        color = self.painter.theme.color(tile.shown.color)
        fill = filled and tile.shown.color not in (None, "text", "transparent")
        style = f"background:{color};color:{readable_on(color)}" if fill else f"color:{color}"
        name = f'<div class="name">{escape(tile.name)}</div>' if named else ""
        return (
            f'<div class="tile" style="{style}">{name}'
            f'<div style="font-size:{size:.0f}px">{escape(tile.shown.text)}</div></div>'
        )

    def bar_gauge(self, result: PanelResult, height: int) -> str:
        """Return a bar for each figure, all on one scale."""
        tiles = self.of(result)
        numbers = [float(tile.value) for tile in tiles]
        config = tiles[0].look.config
        least = float(config.get("min", min(numbers)))
        greatest = float(config.get("max", max(numbers)))
        tall = min(36, height // len(tiles))
        rows = []
        for tile in tiles:
            share = (float(tile.value) - least) / ((greatest - least) or 1)
            color = self.painter.theme.color(tile.shown.color)
            rows.append(
                f'<tr style="height:{tall}px"><td>{escape(tile.name)}</td><td class="track">'
                f'<div style="width:{max(0.5, min(100, share * 100)):.1f}%;background:{color};'
                f'height:{max(6, tall - 8)}px"></div></td>'
                f'<td style="color:{color}">{escape(tile.shown.text)}</td></tr>'
            )
        return f'<table class="gauges">{"".join(rows)}</table>'

    def table(self, result: PanelResult, height: int) -> str:
        """Return a table with as many rows as fit."""
        looks = [
            look
            for look in looks_of(result.panel, result.frames[:1])
            if not look.hidden and not look.custom("hidden")
        ]
        rows = self._order(result, looks)
        heads = "".join(
            f"<th{_width(look)}{_align(look)}>{escape(look.name)}</th>" for look in looks
        )
        fit = max(1, (height - 32) // _ROW)
        body = "".join(
            f"<tr>{''.join(self._cell(look, row) for look in looks)}</tr>" for row in rows[:fit]
        )
        return f'<table class="grid"><tr>{heads}</tr>{body}</table>'

    def _order(self, result: PanelResult, looks: Sequence[Look]) -> Sequence[int]:
        rows = list(range(result.frames[0].rows))
        for sort in reversed(result.panel.options.get("sortBy") or []):
            column = next((look for look in looks if look.name == sort.get("displayName")), None)
            if column is not None:
                values = column.field.values
                known = [row for row in rows if values[row] is not None]
                known.sort(key=lambda row: values[row], reverse=bool(sort.get("desc")))
                rows = known + [row for row in rows if values[row] is None]
        return rows

    def _cell(self, look: Look, row: int) -> str:
        value = look.field.values[row]
        shown = show(look, value, self.painter.now)
        kind = str((look.custom("cellOptions") or {}).get("type", "auto"))
        color = self.painter.theme.color(shown.color)
        own = shown.color not in (None, "text", "transparent")
        text, style = escape(shown.text), ""
        if look.config.get("links") and value is not None:
            text = f"<u>{text}</u>"
        if kind == "color-background" and own:
            style = f' style="background:{color};color:{readable_on(color)}"'
        elif kind == "color-text" and own:
            style = f' style="color:{color}"'
        elif kind == "gauge" and isinstance(value, float):
            least, greatest = span_of(look)
            share = max(0.0, min(1.0, (value - least) / ((greatest - least) or 1)))
            text = (
                f'<div class="cellbar"><div style="width:{share * 70:.0f}%;background:{color}">'
                f'</div><span style="color:{color}">{text}</span></div>'
            )
        return f"<td{_align(look)}{style}>{text}</td>"


def _width(look: Look) -> str:
    width = look.custom("width")
    return f' style="width:{width}px"' if width else ""


def _align(look: Look) -> str:
    align = look.custom("align") or "auto"
    right = align == "right" or (align == "auto" and look.field.kind is Kind.NUMBER)
    return ' align="right"' if right else ""
