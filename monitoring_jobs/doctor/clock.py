"""This machine's clock against those of the services, as their answers tell the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from monitoring_jobs.doctor.findings import Chart, Findings, listed

TOLERATED = timedelta(seconds=5)
"""A difference up to here is what networks and whole seconds make."""
LARGEST = timedelta(minutes=1)
"""Beyond it windows are cut at the wrong instant and object stores refuse signatures."""

_SYNCHRONIZE = "let chrony or systemd-timesyncd set the clock of"


@dataclass(frozen=True, slots=True)
class Skew:
    """How far a service's clock is ahead of this machine's; behind it where negative."""

    service: str
    ahead: timedelta

    @property
    def size(self) -> timedelta:
        """The difference without its direction."""
        return abs(self.ahead)


class Clock:
    """This machine's time: read once, then counted on.

    Somebody may set the clock while services are being asked; what is counted is not moved by it.
    """

    def __init__(self, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._wall = wall
        self._began, self._counter = wall(), time.monotonic()
        self._skews: dict[str, Skew] = {}

    def now(self) -> datetime:
        """Return the present."""
        return self._began + timedelta(seconds=time.monotonic() - self._counter)

    def note_header(self, service: str, date: str | None, asked: datetime) -> None:
        """Note the Date header of an answer that has just come; what is no date tells nothing.

        Args:
            service: Who answered.
            date: The header, in whole seconds.
            asked: When the question was sent.
        """
        try:
            told = parsedate_to_datetime(date or "")
        except ValueError:
            return
        self.note(service, told, asked, resolution=timedelta(seconds=1))

    def note(
        self, service: str, told: datetime, asked: datetime, resolution: timedelta = timedelta(0)
    ) -> None:
        """Note what time it is for a service that was asked then and has just answered.

        Whatever can be explained by the way of the answer or by rounding is no difference. Of
        several answers the smallest difference counts.
        """
        told = told if told.tzinfo else told.replace(tzinfo=UTC)
        if told > (answered := self.now()):
            ahead = told - answered
        else:
            ahead = min(told + resolution - asked, timedelta(0))
        known = self._skews.get(service)
        if known is None or abs(ahead) < known.size:
            self._skews[service] = Skew(service, ahead)

    def findings(self) -> Findings:
        """Yield what is wrong with the clocks, or that nothing is."""
        chart = Chart("clock")
        yield from self._jump(chart)
        skews = sorted(self._skews.values(), key=lambda skew: skew.service)
        if not skews:
            yield chart.skipped(
                "skew", "no service told the time", "configure a service, or mend those above"
            )
            return
        wrong = [skew for skew in skews if skew.size > TOLERATED]
        # When all others agree against this machine, it is this machine.
        blame = "this machine" if len(wrong) == len(skews) > 1 else ""
        for skew in wrong:
            report = chart.failed if skew.size > LARGEST else chart.warning
            yield report(
                "skew",
                f"the clock of {skew.service} is {_length(skew.size)} "
                f"{'ahead of' if skew.ahead > timedelta(0) else 'behind'} this machine's",
                f"{_SYNCHRONIZE} {blame or f'the machine of {skew.service}'}",
            )
        if not wrong:
            names = listed([skew.service for skew in skews], most=8)
            yield chart.ok("skew", f"agrees with {names} within {_length(TOLERATED)}")

    def _jump(self, chart: Chart) -> Findings:
        jump = self._wall() - self.now()
        if abs(jump) > TOLERATED:
            yield chart.warning(
                "steadiness",
                f"this machine's clock was moved by {_length(abs(jump))} during the examination",
                f"{_SYNCHRONIZE} this machine slowly, and run the doctor again",
            )


def _length(span: timedelta) -> str:
    seconds = span.total_seconds()
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
