"""Status histories and state timelines as SVG: a row of colored cells or bands for each series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from tests.grafana.charts import Painter
from tests.grafana.colors import palette_by_name, readable_on
from tests.grafana.execution import PanelResult
from tests.grafana.frames import Kind
from tests.grafana.looks import Look, looks_of
from tests.grafana.values import show


@dataclass(frozen=True)
class Matrix:
    """Draws series as rows of colors.

    Attributes:
        painter: Theme and present.
    """

    painter: Painter

    def draw(self, result: PanelResult, width: int, height: int, *, bands: bool) -> str:
        """Return a row of colored cells for each series; ``bands`` last until the next."""
        looks = looks_of(result.panel, result.frames)
        series = [look for look in looks if look.frame.time and look.field.kind is not Kind.TIME]
        times = sorted({at for look in series for at in look.frame.time.values})  # type: ignore[union-attr]
        if bands:
            times.append(max(times[-1], result.span.end.timestamp()))
        longest = max((len(look.name) for look in series), default=0)
        left, bottom = min(260, longest * 7 + 12), 22
        row = min(34.0, (height - bottom) / max(1, len(series)))
        parts = []
        for place, look in enumerate(series):
            y = place * row
            parts.append(
                f'<text x="{left - 8}" y="{y + row * 0.62:.0f}" text-anchor="end">'
                f"{escape(look.name[:36])}</text>"
            )
            boxes = self._bands if bands else self._cells
            parts += boxes(look, times, (left, y, width - left - 8, row))
        tall = row * len(series)
        parts += _ticks(times, left, width - left - 8, tall + 14, result, bands=bands)
        legend = self._states(series)
        svg = f'<svg width="{width}" height="{tall + bottom:.0f}">{"".join(parts)}</svg>'
        return f'{svg}<div class="keys">{legend}</div>'

    def _cells(
        self, look: Look, times: Sequence[float], box: tuple[float, float, float, float]
    ) -> Iterator[str]:
        x, y, width, height = box
        step = width / len(times)
        at = {time: place for place, time in enumerate(times)}
        assert look.frame.time is not None
        for time, value in zip(look.frame.time.values, look.field.values, strict=True):
            if value is not None:
                yield self._box(look, value, x + at[time] * step, y, step * 0.9, height)

    def _bands(
        self, look: Look, times: Sequence[float], box: tuple[float, float, float, float]
    ) -> Iterator[str]:
        x, y, width, height = box
        assert look.frame.time is not None
        known = [
            (time, value)
            for time, value in zip(look.frame.time.values, look.field.values, strict=True)
            if value is not None
        ]
        span = (times[-1] - times[0]) or 1
        ends = [time for time, _ in known[1:]] + [times[-1]]
        for (time, value), end in zip(known, ends, strict=True):
            start = x + (time - times[0]) / span * width
            wide = max(2, (end - time) / span * width)
            yield self._box(look, value, start, y, wide, height)
            text = show(look, value, self.painter.now).text
            if look.custom("showValue") != "never" and len(text) * 8 < wide:
                color = readable_on(self._fill(look, value))
                yield (
                    f'<text x="{start + wide / 2:.0f}" y="{y + height * 0.62:.0f}" '
                    f'text-anchor="middle" style="fill:{color}">{escape(text)}</text>'
                )

    def _fill(self, look: Look, value: Any) -> str:
        color = show(look, value, self.painter.now).color
        mode = str((look.config.get("color") or {}).get("mode") or "")
        if color is None and mode.startswith("palette"):
            color = palette_by_name(look.name)
        return self.painter.theme.color(color)

    def _box(self, look: Look, value: Any, x: float, y: float, width: float, height: float) -> str:
        color = self._fill(look, value)
        return (
            f'<rect x="{x:.1f}" y="{y + 2:.1f}" width="{width:.1f}" height="{height - 4:.1f}"'
            f' fill="{color}" rx="1"/>'
        )

    def _states(self, series: Sequence[Look]) -> str:
        """Return a legend of the mapped states that occur, else of the thresholds."""
        states: dict[str, str] = {}
        for look in series:
            for value in look.field.values:
                shown = show(look, value, self.painter.now) if value is not None else None
                if shown and (look.config.get("mappings") or look.field.kind is Kind.STRING):
                    states.setdefault(shown.text, self.painter.theme.color(shown.color))
        if not states or len(states) > 8:
            states = {}
            for step in ((series[0].config.get("thresholds") or {}) if series else {}).get(
                "steps", []
            ):
                bound = step.get("value")
                name = "below" if bound is None else f"{bound:g}+"
                states[name] = self.painter.theme.color(step["color"])
        return "".join(
            f'<span class="key"><i style="background:{color}"></i>{escape(name)}</span>'
            for name, color in states.items()
        )


def _ticks(
    times: Sequence[float], left: float, width: float, y: float, result: PanelResult, *, bands: bool
) -> Iterator[str]:
    if not times:
        return
    span = (times[-1] - times[0]) or 1
    form = "%m-%d" if span > 2 * 86400 else "%H:%M"
    if bands:
        times = [times[0] + span * place / 6 for place in range(6)]
    every = max(1, len(times) // 8)
    for place in range(0, len(times), every):
        share = (place + 0.05) / 6 if bands else (place + 0.45) / len(times)
        text = f"{datetime.fromtimestamp(times[place], UTC):{form}}"
        yield f'<text x="{left + share * width:.0f}" y="{y:.0f}" text-anchor="middle">{text}</text>'
