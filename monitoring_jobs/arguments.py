"""Windows, durations and parts out of what a person types on the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice

import typer

from monitoring_jobs.errors import EmptyWindow
from monitoring_jobs.parts import MOST_PARTS, ColumnGroup
from monitoring_jobs.spec import MonitorSpec
from monitoring_jobs.windows import Duration, Request, Window, resolve, windows_between

_MOST_WINDOWS = 100_000
# At the ends of Python's calendar, years 1 and 9999, any sum or change of time zone overflows.
_YEARS = range(1900, 2200)


def instant(option: str, text: str, zone: tzinfo) -> datetime:
    """Read an ISO date or time; one without an offset is meant in ``zone``.

    Raises:
        typer.BadParameter: The text is no ISO date or time, or one that nobody means.
    """
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        raise typer.BadParameter(
            f"{option}: {text!r} is no instant; write 2026-11-20 or 2026-11-20T06:00:00Z"
        ) from None
    if read.year not in _YEARS:
        raise typer.BadParameter(
            f"{option}: {text!r} is too far away; give a year from {_YEARS[0]} to {_YEARS[-1]}"
        )
    return read if read.tzinfo is not None else read.replace(tzinfo=zone)


def window(spec: MonitorSpec, start: str | None, end: str | None) -> Window:
    """Return the window between two instants, or the last complete one where both are None.

    Raises:
        EmptyWindow: Only one end is given, or they are not in order.
    """
    request = Request(
        start=None if start is None else instant("--start", start, spec.zone),
        end=None if end is None else instant("--end", end, spec.zone),
        run_after=datetime.now(UTC),
    )
    return resolve(request, spec.boundaries, length=spec.length, delay=spec.patience)


def windows(spec: MonitorSpec, start: str, end: str, every: str | None) -> list[Window]:
    """Return every window of a period that has ended by now, oldest first.

    Raises:
        EmptyWindow: No window has ended in the period.
        typer.BadParameter: More windows than anybody means.
    """
    first, last = instant("--start", start, spec.zone), instant("--end", end, spec.zone)
    step = _duration("--every", every)
    last = min(last, datetime.now(UTC))
    if step is not None and (last - first) / step.nominal > _MOST_WINDOWS:
        raise _too_many(start, end)
    between = windows_between(first, last, spec.boundaries, length=spec.length, every=step)
    found = list(islice(between, _MOST_WINDOWS + 1))
    if len(found) > _MOST_WINDOWS:
        raise _too_many(start, end)
    if not found:
        raise EmptyWindow(
            f"no window of monitor {spec.name!r} has ended between {start} and {end}",
            "give a longer period, or --every",
        )
    return found


def length(option: str, text: str | None) -> timedelta | None:
    """Read a duration, with days of 24 hours.

    Raises:
        typer.BadParameter: The text is no duration.
    """
    duration = _duration(option, text)
    return duration.nominal if duration else None


def group(option: str, text: str) -> ColumnGroup:
    """Read which part of an evaluation is meant: ``2/4`` is the second of four.

    Raises:
        typer.BadParameter: The text names no part.
    """
    number, slash, count = text.partition("/")
    try:
        if slash and number.isdecimal() and count.isdecimal():
            return ColumnGroup(int(number), int(count))
    except ValueError:  # no such group, or digits beyond counting
        pass
    raise typer.BadParameter(
        f"{option}: {text!r} is no part; write 1/4 to 4/4 for four parts, {MOST_PARTS} at most"
    )


def _too_many(start: str, end: str) -> typer.BadParameter:
    return typer.BadParameter(
        f"more than {_MOST_WINDOWS:,} windows between {start} and {end}; "
        "give a shorter period or a longer --every"
    )


def _duration(option: str, text: str | None) -> Duration | None:
    if text is None:
        return None
    try:
        duration = Duration.parse(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{option}: {exc}") from None
    if duration.count == 0:
        raise typer.BadParameter(f"{option}: must be longer than nothing")
    return duration
