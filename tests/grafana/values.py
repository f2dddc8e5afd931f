"""What a person sees of one value: its words and its color."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.grafana.colors import palette_by_name, step_color
from tests.grafana.frames import Kind, known
from tests.grafana.looks import Look
from tests.grafana.patterns import js_regex
from tests.grafana.units import ago, format_value, instant


@dataclass(frozen=True)
class Shown:
    """A value as it is shown.

    Attributes:
        text: The words.
        color: Name of the color; None where it has none of its own.
    """

    text: str
    color: str | None = None


def show(look: Look, value: Any, now: float) -> Shown:
    """Return what is shown of a value of a field.

    Args:
        look: The field.
        value: One of its values.
        now: The present, in seconds since 1970.
    """
    if found := _mapped(look.config.get("mappings") or [], value):
        text = found.get("text") or _text(look, value, now)
        return Shown(str(text), found.get("color") or _color(look, value))
    return Shown(_text(look, value, now), _color(look, value))


def _text(look: Look, value: Any, now: float) -> str:
    config = look.config
    if not known(value):
        return str(config.get("noValue") or "")
    unit = str(config.get("unit") or "")
    if look.field.kind is Kind.TIME:
        if unit.startswith(("dateTime", "time:")):
            return format_value(value * 1000, unit, now=now)
        return ago(now - value) if unit == "dateTimeFromNow" else instant(value)
    if look.field.kind is Kind.NUMBER:
        return format_value(float(value), unit, config.get("decimals"), now)
    return str(value)


def _color(look: Look, value: Any) -> str | None:
    color = look.config.get("color") or {}
    mode = str(color.get("mode") or "thresholds")
    if mode in ("fixed", "shades"):
        return str(color.get("fixedColor"))
    if look.field.kind is not Kind.NUMBER or value is None:
        return None
    if mode == "thresholds":
        return step_color(look.config.get("thresholds"), float(value), span_of(look))
    return palette_by_name(look.name) if mode.startswith("palette") else None


def span_of(look: Look) -> tuple[float, float]:
    """Return the least and the greatest value of a field: as configured, else as they are."""
    numbers = look.field.numbers or [0.0]
    least = look.config.get("min")
    greatest = look.config.get("max")
    return (
        min(numbers) if least is None else float(least),
        max(numbers) if greatest is None else float(greatest),
    )


def _mapped(mappings: list[Mapping[str, Any]], value: Any) -> Mapping[str, Any] | None:
    for mapping in mappings:
        options = mapping["options"]
        if mapping["type"] == "value":
            found = options.get(_key(value)) if value is not None else None
        else:
            found = options.get("result") if _MEETS[mapping["type"]](options, value) else None
        if found is not None:
            result: Mapping[str, Any] = found
            return result
    return None


def _key(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _in_range(options: Mapping[str, Any], value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    least, greatest = options.get("from"), options.get("to")
    return (least is None or value >= least) and (greatest is None or value <= greatest)


def _like(options: Mapping[str, Any], value: Any) -> bool:
    return value is not None and js_regex(str(options["pattern"])).search(str(value)) is not None


def _special(options: Mapping[str, Any], value: Any) -> bool:
    kinds: Mapping[str, bool] = {
        "null": value is None,
        "nan": value is not None and not known(value),
        "null+nan": not known(value),
        "true": value is True,
        "false": value is False,
        "empty": value == "",
    }
    return kinds[str(options["match"])]


_MEETS = {"range": _in_range, "regex": _like, "special": _special}
