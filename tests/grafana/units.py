"""Numbers and times as a person reads them, by Grafana's ids of units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

_THOUSANDS = ("", " K", " Mil", " Bil", " Tri")
_BINARY = (" B", " KiB", " MiB", " GiB", " TiB")
_DECIMAL = (" B", " kB", " MB", " GB", " TB")
_TIMES = ((1e-6, 1e-9, "ns"), (1e-3, 1e-6, "µs"), (1.0, 1e-3, "ms"), (60.0, 1.0, "s"),
          (3600.0, 60.0, "min"), (86400.0, 3600.0, "hours"), (604800.0, 86400.0, "days"),
          (31536000.0, 604800.0, "weeks"), (float("inf"), 31536000.0, "years"))  # fmt: skip
_SUFFIXES = {"reqps": " req/s", "ops": " ops/s", "cps": " c/s", "rps": " r/s", "wps": " w/s"}
_SECONDS = {"s": 1.0, "dtdurations": 1.0, "ms": 1e-3, "dtdurationms": 1e-3, "µs": 1e-6, "ns": 1e-9,
            "m": 60.0, "h": 3600.0, "d": 86400.0}  # fmt: skip


def format_value(value: float, unit: str, decimals: int | None = None, now: float = 0.0) -> str:
    """Return a number with its unit.

    Args:
        value: The number; instants in milliseconds since 1970.
        unit: Grafana's id.
        decimals: Digits after the point; None shows three significant ones.
        now: The present, in seconds since 1970.
    """
    if unit.startswith("suffix:"):
        return f"{plain(value, decimals)} {unit.removeprefix('suffix:').strip()}"
    if unit.startswith(("dateTime", "time:")):
        return _instant(value / 1000, unit, now)
    if unit in _SECONDS:
        return _duration(value * _SECONDS[unit], decimals)
    return _PLAIN.get(unit, _number)(value, decimals) + _SUFFIXES.get(unit, "")


def plain(value: float, decimals: int | None) -> str:
    """Return digits: those asked for, or about three that matter."""
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if digits else text
    return f"{value:.2g}" if text in ("0", "-0") else text


def instant(seconds: float) -> str:
    """Return a time as a table shows it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def ago(seconds: float) -> str:
    """Return how long ago something was, or in what time it will be."""
    text = _duration(abs(seconds), 0)
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def _number(value: float, decimals: int | None) -> str:
    return plain(value, decimals)


def _scaled(base: float, names: Sequence[str]) -> Callable[[float, int | None], str]:
    def scaled(value: float, decimals: int | None) -> str:
        place = 0
        while abs(value) >= base and place < len(names) - 1:
            value, place = value / base, place + 1
        return plain(value, decimals) + names[place]

    return scaled


def _share(value: float, decimals: int | None) -> str:
    return plain(value * 100, decimals) + "%"


def _percent(value: float, decimals: int | None) -> str:
    return plain(value, decimals) + "%"


def _truth(value: float, decimals: int | None) -> str:
    return "True" if value else "False"


def _up(value: float, decimals: int | None) -> str:
    return "On" if value else "Off"


_PLAIN: dict[str, Callable[[float, int | None], str]] = {
    "short": _scaled(1000, _THOUSANDS),
    "bytes": _scaled(1024, _BINARY),
    "decbytes": _scaled(1000, _DECIMAL),
    "mbytes": lambda value, decimals: _scaled(1024, _BINARY)(value * 1024**2, decimals),
    "decmbytes": lambda value, decimals: _scaled(1000, _DECIMAL)(value * 1e6, decimals),
    "percentunit": _share,
    "percent": _percent,
    "bool": _truth,
    "bool_on_off": _up,
}


def _duration(seconds: float, decimals: int | None) -> str:
    size = abs(seconds)
    if size == 0:
        return "0 s"
    scale, name = next((scale, name) for limit, scale, name in _TIMES if size < limit)
    if decimals is None:
        value = seconds / scale
        decimals = 0 if value == int(value) or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{seconds / scale:,.{decimals}f} {name}"


def _instant(seconds: float, unit: str, now: float) -> str:
    if unit == "dateTimeFromNow":
        return ago(now - seconds)
    if unit == "time:YYYY-MM-DD":
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
    if unit == "time:YYYY-MM-DD HH:mm":
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    return instant(seconds)
