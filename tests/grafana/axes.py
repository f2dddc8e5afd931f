"""Axes of charts: their ends, ticks and instants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from tests.grafana.execution import PanelResult
from tests.grafana.frames import Kind
from tests.grafana.looks import Look


def is_series(look: Look) -> bool:
    hidden = (look.custom("hideFrom") or {}).get("viz")
    return look.field.kind is Kind.NUMBER and look.frame.time is not None and not hidden


def extent(result: PanelResult, looks: Sequence[Look]) -> tuple[float, float]:
    """Return the ends of the axis: of the time range, or of all that there is if that is little."""
    start, end = result.span.start.timestamp(), result.span.end.timestamp()
    times = [at for look in looks for at in (look.frame.time.values if look.frame.time else [])]
    # Bars of days, as Postgres counts them: as wide as they are, they need their month.
    few = len(set(times)) < 3 and any(
        look.custom("drawStyle") == "bars" and look.field.legend is None for look in looks
    )
    if not times or few or max(times) - min(times) > (end - start) / 20:
        return start, end
    # A few minutes of a week would be a dot at its edge.
    margin = max(30.0, (max(times) - min(times)) * 0.05)
    return min(times) - margin, max(times) + margin


def bar_width(look: Look, result: PanelResult) -> float:
    """Return the width of bars in milliseconds: most of what lies between two of them."""
    assert look.frame.time is not None
    times = sorted(look.frame.time.values)
    gaps = [later - earlier for earlier, later in pairwise(times) if later > earlier]
    one = 15.0 if look.field.legend else result.span.seconds / 60
    return 1000 * 0.8 * min(gaps, default=one)


def stacks(looks: Sequence[Look]) -> bool:
    return any((look.custom("stacking") or {}).get("mode", "none") != "none" for look in looks)


def instants(look: Look) -> list[str]:
    assert look.frame.time is not None
    return [stamp(at) for at in look.frame.time.values]


def stamp(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def ticks(looks: Sequence[Look]) -> dict[str, Any]:
    """Return the format of an axis, from the unit of its first series."""
    config = looks[0].config if looks else {}
    ticks: dict[str, Any] = dict(_FORMATS.get(str(config.get("unit") or ""), {}))
    least, greatest = config.get("min"), config.get("max")
    if least is not None and greatest is not None:
        ticks["range"] = [least, greatest + (greatest - least) * 0.03]
    elif least is not None:
        ticks["rangemode"] = "tozero"
    return ticks


_FORMATS: Mapping[str, Mapping[str, str]] = {
    "percentunit": {"tickformat": ",.0%"},
    "percent": {"ticksuffix": "%"},
    "s": {"ticksuffix": " s"},
    "ms": {"ticksuffix": " ms"},
    "bytes": {"tickformat": "~s", "ticksuffix": "B"},
    "decbytes": {"tickformat": "~s", "ticksuffix": "B"},
    "short": {"tickformat": "~s"},
    "reqps": {"ticksuffix": " req/s"},
}


def faded(color: str, opacity: float) -> str:
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
