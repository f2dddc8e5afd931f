"""Cron schedules as periods: where each begins and ends, across changes of the clocks."""

from __future__ import annotations

import re
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
# croniter's R is another number whenever it is read, and its H needs a key that nobody gives.
_RANDOM = re.compile(r"(?:^|[\s,])[rh](?:$|[\s,(/])", re.IGNORECASE)
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def cron_expression(schedule: str) -> str:
    """Return the five-field cron of a schedule, with presets spelled out.

    Raises:
        ValueError: Neither a preset nor a five-field cron, a random one, or one that never comes.
    """
    from croniter import CroniterBadDateError, croniter  # costs a tenth of the import budget

    expression = PRESETS.get(schedule.strip(), schedule.strip())
    if _RANDOM.search(expression):
        raise ValueError(f"{schedule!r} is random; write numbers instead of R and H")
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

    Airflow's rules, for its intervals and these periods must be the same. A cron that names hours
    (``30 2,14 * * *``, ``0 */6 * * *``) follows the wall clock: of the local times that the clocks
    skip the first counts, moved on by as much as they skip; one that they repeat counts once, the
    second time. A cron of every hour follows real time: a skipped hour has no boundary, a repeated
    one has two.
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
        names_hours, found = self._names_hours, list[datetime]()
        while True:
            naive = walk.get_prev(datetime)
            found += [b for b in self._instants(naive, names_hours=names_hours) if b <= instant]
            if found and naive < local - _CLOCK_CHANGE:
                return max(found)

    def following(self, instant: datetime) -> datetime:
        """Return the first boundary after ``instant``, in UTC."""
        from croniter import croniter

        instant = as_utc(instant)
        local = instant.astimezone(self.zone).replace(tzinfo=None)
        walk = croniter(self.cron, local - _CLOCK_CHANGE)
        names_hours, found = self._names_hours, list[datetime]()
        while True:
            naive = walk.get_next(datetime)
            found += [b for b in self._instants(naive, names_hours=names_hours) if b > instant]
            if found and naive > local + _CLOCK_CHANGE:
                return min(found)

    @property
    def _names_hours(self) -> bool:
        from croniter import croniter

        return bool(croniter(self.cron, _ANY_DAY).expanded[1] != ["*"])

    def _instants(self, naive: datetime, *, names_hours: bool) -> list[datetime]:
        """Return the UTC instants at which the wall clock of the zone shows ``naive``."""
        first, second = self._readings(naive)
        if self._exists(naive):
            return [second] if names_hours or first == second else [first, second]
        # fold=0 of a skipped time lies after the change by as much as the clocks skipped.
        return [first] if names_hours and self._first_skipped(naive) else []

    def _first_skipped(self, naive: datetime) -> bool:
        from croniter import croniter

        before = croniter(self.cron, naive).get_prev(datetime)
        return naive - before > _CLOCK_CHANGE or self._exists(before)

    def _exists(self, naive: datetime) -> bool:
        first, _ = self._readings(naive)
        return first.astimezone(self.zone).replace(tzinfo=None) == naive

    def _readings(self, naive: datetime) -> tuple[datetime, datetime]:
        earlier, later = (naive.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        return earlier.astimezone(UTC), later.astimezone(UTC)
