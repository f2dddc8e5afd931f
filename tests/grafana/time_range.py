"""Time ranges and intervals, computed as Grafana does."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_UNITS = {
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "M": 2592000.0,
    "y": 31536000.0,
}
_DURATION = re.compile(r"(\d+)(ms|[smhdwMy])")
_RELATIVE = re.compile(r"now(?:([+-])(\d+[smhdwMy]))?(?:/([smhdwMy]))?")
# Below each limit the interval before it is taken; both in milliseconds.
_LIMITS = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1500, 1000),
    (3500, 2000), (7500, 5000), (12500, 10000), (17500, 15000), (25000, 20000), (45000, 30000),
    (90000, 60000), (210000, 120000), (450000, 300000), (750000, 600000), (1050000, 900000),
    (1500000, 1200000), (2700000, 1800000), (5400000, 3600000), (9000000, 7200000),
    (16200000, 10800000), (32400000, 21600000), (86400000, 43200000), (604800000, 86400000),
    (1814400000, 604800000), (3628800000, 2592000000),
)  # fmt: skip
_LONGEST = 31536000000


class BadTime(ValueError):
    """A time or a duration that Grafana would not read either."""


@dataclass(frozen=True)
class TimeRange:
    """What the time picker says.

    Attributes:
        start: Beginning.
        end: End.
    """

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    def interval(self, points: int, at_least: float = 0.0) -> float:
        """Return the seconds between points so that no more than ``points`` fit, rounded."""
        rough = round_interval(self.seconds / points)
        return max(rough, at_least)


def parse_duration(text: str) -> float:
    """Return the seconds of ``5m``, ``1h30m``; ``>10s`` and quotes are read as well."""
    bare = text.strip().strip("'\"").removeprefix(">")
    found = _DURATION.findall(bare)
    if not found or "".join(number + unit for number, unit in found) != bare:
        raise BadTime(f"{text!r} is no duration")
    return sum(int(number) * _UNITS[unit] for number, unit in found)


def format_duration(seconds: float) -> str:
    """Return a duration in the largest unit that divides it, as ``$__interval`` shows it."""
    milliseconds = round(seconds * 1000)
    for unit in ("y", "d", "h", "m", "s"):
        size = round(_UNITS[unit] * 1000)
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def round_interval(seconds: float) -> float:
    """Return the handy interval nearest to one that was computed."""
    place = bisect_right([limit for limit, _ in _LIMITS], seconds * 1000)
    return (_LIMITS[place][1] if place < len(_LIMITS) else _LONGEST) / 1000


def parse_range(start: str, end: str, now: datetime) -> TimeRange:
    """Read ``now-30d`` and ``now``, ``now/d`` and fixed instants."""
    return TimeRange(parse_time(start, now), parse_time(end, now, up=True))


def parse_time(text: str, now: datetime, *, up: bool = False) -> datetime:
    """Read one end of a range; ``up`` rounds ``/d`` to the end of the day."""
    if not text.startswith("now"):
        return datetime.fromisoformat(text).astimezone(UTC)
    found = _RELATIVE.fullmatch(text)
    if not found:
        raise BadTime(f"{text!r} is no time")
    sign, distance, rounding = found.groups()
    at = now
    if distance:
        step = timedelta(seconds=parse_duration(distance))
        at = at + step if sign == "+" else at - step
    return _rounded(at, rounding, up=up) if rounding else at


def _rounded(at: datetime, unit: str, *, up: bool) -> datetime:
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "d":
        return day + timedelta(days=1) if up else day
    if unit == "w":
        monday = day - timedelta(days=day.weekday())
        return monday + timedelta(weeks=1) if up else monday
    if unit == "h":
        hour = at.replace(minute=0, second=0, microsecond=0)
        return hour + timedelta(hours=1) if up else hour
    raise BadTime(f"the harness does not round to {unit}")
