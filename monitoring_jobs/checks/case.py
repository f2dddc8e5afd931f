"""What a check is given, and the rule by which a number becomes a measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from monitoring_jobs.results import Detail, Measurement, Status
from monitoring_jobs.statistics import ColumnStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnCase:
    """One column of a window beside the same column of the reference.

    Attributes:
        name: The column.
        kind: As what it is judged.
        segment: ``column=value`` of a segment; empty for the whole window.
        current: The window's statistics.
        reference: The reference's; None where it has no such column or segment.
    """

    name: str
    kind: Literal["numerical", "categorical"]
    segment: str
    current: ColumnStatistics
    reference: ColumnStatistics | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scribe:
    """Writes the measurements of one check on one column and segment.

    Attributes:
        check: Family of the measurements.
        column: Column they are about; empty for the dataset.
        segment: Segment they are about; empty for the whole window.
        caveat: Why nothing can be judged, whatever the numbers say; empty where it can.
    """

    check: str
    column: str = ""
    segment: str = ""
    caveat: str = ""

    def write(
        self,
        metric: str,
        value: float | None,
        *,
        threshold: float | None = None,
        status: Status = Status.OK,
        detail: Detail | None = None,
    ) -> Measurement:
        """Return a measurement; a number that does not exist is never passed off as one.

        Args:
            metric: Name of the number.
            value: The number; None, NaN and infinity all mean that there is none.
            threshold: What it was compared with.
            status: The judgment, unless the data do not suffice for one.
            detail: What explains the number. Its ``reason`` says why there is none.
        """
        number = None if value is None or not math.isfinite(value) else float(value)
        explained = dict(detail or {})
        if number is None or self.caveat:
            status = Status.INSUFFICIENT_DATA
            absent = "there is no value" if value is None else "not a finite number"
            explained.setdefault("reason", self.caveat or absent)
        return self._measurement(metric, number, threshold, status, explained)

    def error(self, metric: str, reason: str) -> Measurement:
        """Return a measurement that could not be taken, and why."""
        return self._measurement(metric, None, None, Status.ERROR, {"reason": reason})

    def skip(self, metric: str, reason: str) -> Measurement:
        """Return a measurement that was not asked for or does not apply, and why."""
        return self._measurement(metric, None, None, Status.SKIPPED, {"reason": reason})

    def _measurement(
        self,
        metric: str,
        value: float | None,
        threshold: float | None,
        status: Status,
        detail: Detail,
    ) -> Measurement:
        return Measurement(
            check=self.check,
            metric=metric,
            column=self.column,
            segment=self.segment,
            value=value,
            threshold=threshold,
            status=status,
            detail=detail,
        )
