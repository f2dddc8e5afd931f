"""How one column of a table, or one series of a chart, differs from the rest of its panel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    FieldColor,
    FieldColorModeId,
    MatcherConfig,
    ValueMapping,
)

from monitoring_dashboards.statuses import RED, Steps

# Where a table colors a value: its letters, its whole cell, or a bar of its length in the cell.
CellKind = Literal["color-text", "color-background", "gauge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column or series, and what is special about it.

    Attributes:
        name: Its exact name; None where a pattern or the type says which.
        pattern: A regular expression that is found in the names.
        type: The type of all the fields that are meant.
        title: What a person reads instead of the name.
        unit: Grafana's id of its unit.
        decimals: Digits after the point.
        width: Of a table's column, in pixels.
        mappings: Words and colors of its values; see :mod:`monitoring_dashboards.statuses`.
        steps: Colors by value.
        color: One color, whatever the value.
        cell: How a table colors it.
        links: Where a click on it leads.
        bounds: The least and the greatest value drawn.
        hidden: Whether links alone use it.
        limit: Whether it is a threshold: dashed, red and without points.
        extra: Further properties, by the names that Grafana has for them.
    """

    name: str | None = None
    pattern: str | None = None
    type: Literal["string"] | None = None
    title: str | None = None
    unit: str | None = None
    decimals: int | None = None
    width: int | None = None
    mappings: Sequence[ValueMapping] = ()
    steps: Steps | None = None
    color: str | None = None
    cell: CellKind | None = None
    links: Sequence[DashboardLink] = ()
    bounds: tuple[float, float] | None = None
    hidden: bool = False
    limit: bool = False
    extra: dict[str, object] = field(default_factory=dict)

    def matcher(self) -> MatcherConfig:
        """Return how Grafana finds it."""
        if self.name is not None:
            return MatcherConfig(id_val="byName", options=self.name)
        if self.type is not None:
            return MatcherConfig(id_val="byType", options=self.type)
        # Without slashes Grafana takes it for the whole of a name.
        return MatcherConfig(id_val="byRegexp", options=f"/{self.pattern}/")

    def properties(self) -> list[DynamicConfigValue]:
        """Return what Grafana is to override."""
        return [DynamicConfigValue(key, value) for key, value in self._properties()]

    def _properties(self) -> Iterator[tuple[str, object]]:
        plain = {
            "displayName": self.title,
            "unit": self.unit,
            "decimals": self.decimals,
            "custom.width": self.width,
            "custom.hidden": self.hidden or None,
        }
        yield from ((key, value) for key, value in plain.items() if value is not None)
        if self.bounds is not None:
            yield from zip(("min", "max"), self.bounds, strict=True)
        if self.mappings:
            yield "mappings", list(self.mappings)
        if self.steps is not None:
            yield "thresholds", self.steps.build()
        if self.cell is not None:
            yield "custom.cellOptions", {"type": self.cell, "mode": "basic"}
        if self.links:
            yield "links", [link.build() for link in self.links]
        yield from self._drawing().items()
        yield from self.extra.items()

    def _drawing(self) -> dict[str, object]:
        color = self.color or (RED if self.limit else None)
        drawing: dict[str, object] = {}
        if color is not None:
            drawing["color"] = FieldColor(mode=FieldColorModeId.FIXED, fixed_color=color)
        elif self.steps is not None or self.mappings:
            drawing["color"] = FieldColor(mode=FieldColorModeId.THRESHOLDS)
        if self.limit:
            drawing |= {
                "custom.lineStyle": {"fill": "dash", "dash": [8, 8]},
                "custom.lineWidth": 1,
                "custom.fillOpacity": 0,
                "custom.showPoints": "never",
                "custom.stacking": {"mode": "none", "group": "limits"},
            }
        return drawing


def limits(pattern: str = "^threshold") -> Field:
    """Return the look of thresholds that are queried together with what they limit."""
    return Field(pattern=pattern, limit=True)
