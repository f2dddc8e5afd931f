"""Cron schedules as periods: where each begins and ends, across changes of the clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from monitoring_jobs.windows import as_utc

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
# No zone has changed its clocks by more than this at once, save for jumps over the date line.
_CLOCK_CHANGE = timedelta(hours=26)
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def cron_expression(schedule: str) -> str:
    """Return the five-field cron of a schedule, with presets spelled out.

    Raises:
        ValueError: Neither a preset nor a five-field cron, or one that never comes.
    """
    from croniter import CroniterBadDateError, croniter  # costs a tenth of the import budget

    expression = PRESETS.get(schedule.strip(), schedule.strip())
    if len(expression.split()) != 5 or not croniter.is_valid(expression):
        known = ", ".join(PRESETS)
        raise ValueError(f"{schedule!r} is neither a cron of five fields nor one of {known}")
    try:
        croniter(expression, _ANY_DAY).get_next()
    except CroniterBadDateError:
        raise ValueError(f"{schedule!r} never comes; mend its day or month") from None
    return expression


@dataclass(frozen=True, slots=True)
class Schedule:
    """The periods of a cron in a time zone.

    A cron with a fixed time of day follows the wall clock: a local time that the clocks skip is
    moved to the moment of the change, one that they repeat counts once. Any other cron (hourly,
    every 15 minutes) follows real time: a skipped hour has no boundary, a repeated one has two.
    """

    cron: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, schedule: str, timezone: str = "UTC") -> Schedule:
        """Build from a monitor file's ``schedule`` and ``timezone``.

        Raises:
            ValueError: The schedule is no cron.
        """
        return cls(cron_expression(schedule), ZoneInfo(timezone))

    def at_or_before(self, instant: datetime) -> datetime:
        """Return the last boundary that is not after ``instant``, in UTC."""
        from croniter import croniter

        instant = as_utc(instant)
        local = instant.astimezone(self.zone).replace(tzinfo=None)
        walk = croniter(self.cron, local + _CLOCK_CHANGE)
        found: list[datetime] = []
        while True:
            naive = walk.get_prev(datetime)
            found += [b for b in self._instants(naive) if b <= instant]
            if found and naive < local - _CLOCK_CHANGE:
                return max(found)

    def following(self, instant: datetime) -> datetime:
        """Return the first boundary after ``instant``, in UTC."""
        from croniter import croniter

        instant = as_utc(instant)
        local = instant.astimezone(self.zone).replace(tzinfo=None)
        walk = croniter(self.cron, local - _CLOCK_CHANGE)
        found: list[datetime] = []
        while True:
            naive = walk.get_next(datetime)
            found += [b for b in self._instants(naive) if b > instant]
            if found and naive > local + _CLOCK_CHANGE:
                return min(found)

    @property
    def _fixed_time(self) -> bool:
        minute, hour = self.cron.split()[:2]
        return minute.isdigit() and hour.isdigit()

    def _instants(self, naive: datetime) -> list[datetime]:
        """Return the UTC instants at which the wall clock of the zone shows ``naive``."""
        first, second = (
            naive.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)
        )
        exists = first.astimezone(self.zone).replace(tzinfo=None) == naive
        if self._fixed_time:
            # fold=0 of a skipped time lies after the change by as much as the clocks skipped.
            return [first]
        if not exists:
            return []
        return [first] if first == second else [first, second]
