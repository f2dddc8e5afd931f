"""How each field of a panel looks: the panel's defaults, and the overrides that match it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.grafana.frames import Field, Frame, display_name, fill_pattern
from tests.grafana.loading import Panel
from tests.grafana.patterns import js_regex


class UnknownMatcher(ValueError):
    """A matcher of an override that the harness cannot follow."""


@dataclass(frozen=True)
class Look:
    """A field as the panel shows it.

    Attributes:
        field: The field.
        frame: Where it comes from.
        name: What it is called.
        config: Unit, decimals, mappings, thresholds, links, ``custom.*``.
    """

    field: Field
    frame: Frame
    name: str
    config: Mapping[str, Any]

    def custom(self, name: str, default: Any = None) -> Any:
        return self.config.get(f"custom.{name}", default)

    @property
    def hidden(self) -> bool:
        """Whether only links and tooltips use it."""
        return bool(self.custom("hidden")) or bool((self.custom("hideFrom") or {}).get("viz"))


def looks_of(panel: Panel, frames: Sequence[Frame]) -> list[Look]:
    """Return all fields of a panel as it shows them."""
    return [_look(panel, one, frame, frames) for frame in frames for one in frame.fields]


def matches(matcher: Mapping[str, Any], one: Field, frame: Frame, frames: Sequence[Frame]) -> bool:
    """Tell whether an override is meant for a field."""
    kind, options = matcher["id"], matcher.get("options")
    shown = display_name(one, frames)
    if kind == "byName":
        return options in (one.name, shown)
    if kind == "byRegexp":
        return js_regex(str(options)).search(shown) is not None
    if kind == "byFrameRefID":
        return bool(frame.ref_id == options)
    if kind == "byType":
        return bool(one.kind == options)
    raise UnknownMatcher(f"the harness does not know the matcher {kind}")


def _look(panel: Panel, one: Field, frame: Frame, frames: Sequence[Frame]) -> Look:
    config: dict[str, Any] = dict(panel.defaults)
    for name, value in (config.pop("custom", None) or {}).items():
        config[f"custom.{name}"] = value
    for override in panel.overrides:
        if matches(override["matcher"], one, frame, frames):
            config.update({each["id"]: each.get("value") for each in override["properties"]})
    named = config.get("displayName")
    name = fill_pattern(str(named), one, frames) if named else display_name(one, frames)
    return Look(one, frame, name, config)
