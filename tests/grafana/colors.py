"""Grafana's color names as it draws them, and the two themes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

_HUES = ("red", "orange", "yellow", "green", "blue", "purple")
_SHADES: Mapping[str, Sequence[str]] = {
    "dark-": ("#C4162A", "#FA6400", "#E0B400", "#37872D", "#1F60C4", "#8F3BB8"),
    "semi-dark-": ("#E02F44", "#FF780A", "#F2CC0C", "#56A64B", "#3274D9", "#A352CC"),
    "": ("#F2495C", "#FF9830", "#FADE2A", "#73BF69", "#5794F2", "#B877D9"),
    "light-": ("#FF7383", "#FFB357", "#FFEE52", "#96D98D", "#8AB8FF", "#CA95E5"),
    "super-light-": ("#FFA6B0", "#FFCB7D", "#FFF899", "#C8F2C2", "#C0D8FF", "#DEB6F2"),
}
_NAMED = {
    shade + hue: color
    for shade, colors in _SHADES.items()
    for hue, color in zip(_HUES, colors, strict=True)
}
_GREYS = {"gray": "#808080", "grey": "#808080", "white": "#ffffff", "black": "#000000"}
_PALETTE = (
    "green", "semi-dark-yellow", "light-blue", "semi-dark-orange", "red", "blue", "purple",
    "light-purple", "dark-green", "dark-yellow", "semi-dark-blue", "dark-orange", "dark-red",
    "dark-blue", "semi-dark-purple", "#508642", "#CCA300", "#447EBC", "#C15C17",
    "#629E51", "#E5AC0E", "#64B0C8", "#E0752D",
    "#962D82", "#614D93", "#65C5DB", "#F9934E", "#EA6460", "#5195CE", "#D683CE", "#806EB7",
)  # fmt: skip


@dataclass(frozen=True)
class Theme:
    """Colors of a page."""

    name: str
    canvas: str
    panel: str
    border: str
    text: str
    faint: str
    grid: str

    def color(self, name: str | None) -> str:
        """Return a color that CSS knows."""
        if not name or name == "text":
            return self.text
        return _NAMED.get(name) or _GREYS.get(name) or name


LIGHT = Theme("light", "#f4f5f5", "#ffffff", "#e4e5e7", "#24292e", "#6b7078", "#e7e8ea")
DARK = Theme("dark", "#111217", "#181b1f", "#2a2d33", "#ccccdc", "#8e8e99", "#2a2d33")


def palette(place: int) -> str:
    """Return the name of the color of the n-th series."""
    return _PALETTE[place % len(_PALETTE)]


def palette_by_name(name: str) -> str:
    """Return the name of a color that a series keeps whatever else is shown."""
    return _PALETTE[crc32(name.encode()) % len(_PALETTE)]


def step_color(
    thresholds: Mapping[str, Any] | None, value: float, span: tuple[float, float]
) -> str:
    """Return the name of the color that thresholds give to a value.

    Args:
        thresholds: As a field has them.
        value: The value.
        span: The least and the greatest value, which percentages are of.
    """
    color = "text"
    relative = (thresholds or {}).get("mode") == "percentage"
    least, greatest = span
    for step in (thresholds or {}).get("steps") or []:
        bound = step.get("value")
        if bound is not None and relative:
            bound = least + (greatest - least) * bound / 100
        if bound is None or value >= bound:
            color = str(step["color"])
    return color


def readable_on(color: str) -> str:
    """Return black or white, whichever can be read on a color."""
    if not color.startswith("#") or len(color) != 7:
        return "#ffffff"
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return "#111217" if 0.299 * red + 0.587 * green + 0.114 * blue > 150 else "#ffffff"
