"""Half-open UTC windows, calendar durations, and the rule that picks a run's window."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count
from typing import Protocol

from monitoring_jobs.errors import EmptyWindow

_DURATION = re.compile(r"(\d{1,6})\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_DAYS = {"d": 1, "w": 7}
_LONGEST = timedelta(days=3653)  # ten years; a calendar ends, and sums beyond its end overflow


def as_utc(instant: datetime) -> datetime:
    """Return an aware datetime in UTC; subclasses, such as pendulum's, become a plain datetime.

    Raises:
        ValueError: The datetime is naive; whose noon would it be?
    """
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise ValueError(f"{instant.isoformat()} has no time zone; add Z or an offset")
    utc = instant.astimezone(UTC)
    return utc if type(utc) is datetime else datetime.fromisoformat(utc.isoformat())


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The half-open interval ``[start, end)`` whose rows are judged, always in UTC.

    Raises:
        EmptyWindow: ``start`` is not before ``end``.
        ValueError: One of them is naive.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", as_utc(self.start))
        object.__setattr__(self, "end", as_utc(self.end))
        if self.start >= self.end:
            raise EmptyWindow(
                f"window {self.start.isoformat()} .. {self.end.isoformat()} holds no time",
                "give a start before the end",
            )

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def __str__(self) -> str:
        return f"{utc_text(self.start)}/{utc_text(self.end)}"

    @property
    def hours(self) -> float:
        """Length in hours: 23 or 25 for a local day on which the clocks change."""
        return (self.end - self.start) / timedelta(hours=1)


def utc_text(instant: datetime) -> str:
    """Return ``2026-11-20T00:00:00Z``; fractions of a second only where there are any."""
    return as_utc(instant).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as a monitor file writes it: ``90m``, ``2h``, ``1d``, ``2w``.

    Days and weeks are calendar units, so that a day on which the clocks change has 23 or 25 hours;
    smaller units are exact.
    """

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read ``<number><s|m|h|d|w>``.

        Raises:
            ValueError: The text is not of that form, or means more than ten years.
        """
        match = _DURATION.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a duration; write 30m, 2h, 1d or 1w")
        duration = cls(int(match[1]), match[2])
        if duration.nominal > _LONGEST:
            raise ValueError(f"{text!r} is longer than ten years; write a shorter duration")
        return duration

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @property
    def nominal(self) -> timedelta:
        """The length with days of 24 hours."""
        if self.unit in _DAYS:
            return timedelta(days=self.count * _DAYS[self.unit])
        return timedelta(seconds=self.count * _SECONDS[self.unit])

    def before(self, instant: datetime, zone: tzinfo) -> datetime:
        """Return the instant that lies this much earlier on the wall clocks of ``zone``, in UTC."""
        return self._shift(instant, zone, -1)

    def after(self, instant: datetime, zone: tzinfo) -> datetime:
        """Return the instant that lies this much later on the wall clocks of ``zone``, in UTC."""
        return self._shift(instant, zone, 1)

    def _shift(self, instant: datetime, zone: tzinfo, sign: int) -> datetime:
        if self.unit in _SECONDS:
            return as_utc(instant) + sign * self.nominal
        local = as_utc(instant).astimezone(zone)
        return (local.replace(fold=0) + sign * self.nominal).astimezone(UTC)


class Boundaries(Protocol):
    """Where one period ends and the next begins."""

    @property
    def zone(self) -> tzinfo:
        """The time zone in which periods are cut."""

    def at_or_before(self, instant: datetime) -> datetime:
        """Return the last boundary that is not after ``instant``, in UTC."""

    def following(self, instant: datetime) -> datetime:
        """Return the first boundary after ``instant``, in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a run says about its window; all of it may be missing.

    Attributes:
        start: Start from the trigger form or the command line.
        end: End from the trigger form or the command line.
        partition: Start of the period, from a partitioned run.
        interval: The scheduler's data interval (start, end); equal ends mean there is none.
        run_after: The instant from which the run was allowed to start.
    """

    start: datetime | None = None
    end: datetime | None = None
    partition: datetime | None = None
    interval: tuple[datetime, datetime] | None = None
    run_after: datetime | None = None


def resolve(
    request: Request,
    boundaries: Boundaries,
    *,
    length: Duration | None = None,
    delay: Duration | None = None,
) -> Window:
    """Pick the window of a run: params, partition, data interval, last complete period.

    Args:
        request: What the run knows.
        boundaries: The monitor's periods.
        length: The monitor's ``window``; None means one period.
        delay: How long late rows are waited for before a period counts as complete.

    Raises:
        EmptyWindow: Only one end was given, the ends are not in order, or nothing was given at all.
    """
    if request.start is not None or request.end is not None:
        if request.start is None or request.end is None:
            raise EmptyWindow("only one end of the window was given", "give start and end")
        return Window(request.start, request.end)
    if request.partition is not None:
        end = boundaries.following(request.partition)
        return _ending(end, boundaries, length, start=as_utc(request.partition))
    if request.interval is not None and request.interval[0] < request.interval[1]:
        start, end = request.interval
        return _ending(as_utc(end), boundaries, length, start=as_utc(start))
    if request.run_after is not None:
        return last_complete(request.run_after, boundaries, length=length, delay=delay)
    raise EmptyWindow("the run names no window and no time", "give start and end")


def last_complete(
    instant: datetime,
    boundaries: Boundaries,
    *,
    length: Duration | None = None,
    delay: Duration | None = None,
) -> Window:
    """Return the last window that was complete, delay included, at ``instant``."""
    settled = as_utc(instant) - delay.nominal if delay else as_utc(instant)
    return _ending(boundaries.at_or_before(settled), boundaries, length)


def previous(window: Window, boundaries: Boundaries, length: Duration | None = None) -> Window:
    """Return the window that ends where ``window`` begins."""
    return _ending(window.start, boundaries, length)


def preceding(window: Window, boundaries: Boundaries, length: Duration | None = None) -> Window:
    """Return the window of the period before ``window``'s own; longer windows overlap it."""
    end = boundaries.at_or_before(window.end - timedelta(microseconds=1))
    return _ending(end, boundaries, length)


def windows_between(
    start: datetime,
    end: datetime,
    boundaries: Boundaries,
    *,
    length: Duration | None = None,
    every: Duration | None = None,
) -> Iterator[Window]:
    """Yield the windows whose ends lie in ``(start, end]``, oldest first, one per period.

    Args:
        start: Start of the first window, or an instant inside it.
        end: No window ends later.
        boundaries: The monitor's periods.
        length: The monitor's ``window``; None means one period.
        every: Cut by this step from ``start`` on instead of by the monitor's periods.
    """
    last = as_utc(end)
    if every is not None:
        first = left = as_utc(start)
        # Each step is counted from the start: one that falls into a skipped hour shifts no other.
        for number in count(1):
            right = Duration(every.count * number, every.unit).after(first, boundaries.zone)
            if right > last:
                return
            yield Window(left, right)
            left = right
    boundary = boundaries.following(start)
    while boundary <= last:
        yield _ending(boundary, boundaries, length)
        boundary = boundaries.following(boundary)


def _ending(
    end: datetime,
    boundaries: Boundaries,
    length: Duration | None,
    *,
    start: datetime | None = None,
) -> Window:
    if length is not None:
        return Window(length.before(end, boundaries.zone), end)
    if start is None:
        start = boundaries.at_or_before(end - timedelta(microseconds=1))
    return Window(start, end)
