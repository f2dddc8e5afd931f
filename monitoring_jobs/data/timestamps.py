"""Which rows lie in a window, whatever way their time is written.

A window is turned into thresholds ``low <= value < high`` in the column's own representation. The
threshold depends on the instant alone, so windows that meet share it, and no row falls between
two windows or into both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as pat

from monitoring_jobs.data.normalisation import Values
from monitoring_jobs.errors import UnreadableDataset
from monitoring_jobs.statistics.buffers import to_mask, to_numpy
from monitoring_jobs.windows import Window

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - arithmetic on wall clocks
_MICROSECOND = timedelta(microseconds=1)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_MINUTE = timedelta(minutes=1)

Selection: TypeAlias = slice | pa.BooleanArray


@dataclass(frozen=True, slots=True)
class Clock:
    """How a source writes time.

    Attributes:
        column: Name of the timestamp column.
        timezone: Zone of naive timestamps and of dates; None where none is configured.
        unit: ``s`` or ``ms`` of timestamps that are numbers; None where none is configured.
    """

    column: str
    timezone: str | None = None
    unit: str | None = None

    def thresholds(self, data_type: pa.DataType, window: Window) -> tuple[float, float]:
        """Return ``low`` and ``high`` in units of the column's type.

        Raises:
            UnreadableDataset: Such a column does not say when its rows happened.
        """
        return self._threshold(data_type, window.start), self._threshold(data_type, window.end)

    def _threshold(self, data_type: pa.DataType, instant: datetime) -> float:
        if pat.is_timestamp(data_type):
            wall = instant if data_type.tz else self.wall_clock(instant)
            return whole_units(wall, data_type.unit)
        if pat.is_date(data_type):
            days = math.ceil(whole_units(self.wall_clock(instant), "us") / (86_400 * 10**6))
            return days if pat.is_date32(data_type) else days * 86_400_000
        if _is_number(data_type):
            if self.unit is None:
                raise UnreadableDataset(
                    f"timestamp column {self.column!r} holds numbers",
                    "say 'unit: s' or 'unit: ms' beside data.timestamp",
                )
            if pat.is_integer(data_type):
                return whole_units(instant, self.unit)
            return whole_units(instant, "us") * _PER_SECOND[self.unit] / 10**6
        raise UnreadableDataset(
            f"timestamp column {self.column!r} holds {data_type}, which is no time",
            "name a column of timestamps, dates, epoch numbers or ISO 8601 text",
        )

    def wall_clock(self, instant: datetime) -> datetime:
        """Return the naive timestamp from which on rows lie at or after ``instant``.

        A wall clock time that occurs twice means its first occurrence. Inside the second pass all
        ambiguous times are therefore past, and the first time at or after it is the end of the
        repetition.

        Raises:
            UnreadableDataset: No time zone is configured.
        """
        if self.timezone is None:
            raise UnreadableDataset(
                f"timestamp column {self.column!r} has no time zone",
                "say 'timezone: UTC' or the zone its clock shows beside data.timestamp",
            )
        local = instant.astimezone(ZoneInfo(self.timezone))
        wall = local.replace(tzinfo=None, fold=0)
        if local.fold == 0:
            return wall
        wall = wall.replace(second=0, microsecond=0)
        while _is_ambiguous(wall, local.tzinfo):
            wall += _MINUTE
        return wall

    def comparable(self, values: Values) -> Values:
        """Return the values as timestamps, dates or numbers; text is parsed as ISO 8601.

        Raises:
            UnreadableDataset: Text that is no time.
        """
        if isinstance(values.type, pa.DictionaryType):
            values = values.cast(values.type.value_type)
        if not (pat.is_string(values.type) or pat.is_large_string(values.type)):
            return values
        values = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values)
        for unit in ("us", "ns"):
            for zone in ("UTC", None):
                try:
                    return values.cast(pa.timestamp(unit, zone))
                except pa.ArrowInvalid:
                    continue
        raise UnreadableDataset(
            f"timestamp column {self.column!r} holds text that is not ISO 8601, or that names a "
            "zone in some rows only",
            "write times like 2026-11-20T09:30:00Z",
        )


def whole_units(instant: datetime, unit: str) -> int:
    """Return the smallest whole number of units that is not before ``instant``."""
    wall = instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant
    microseconds = (wall - _EPOCH) // _MICROSECOND
    return -(-microseconds * _PER_SECOND[unit] // 10**6)


def _is_ambiguous(wall: datetime, zone: object) -> bool:
    assert isinstance(zone, ZoneInfo)  # noqa: S101 - astimezone() above put it there
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    return first.utcoffset() != second.utcoffset()


def _is_number(data_type: pa.DataType) -> bool:
    return bool(
        pat.is_integer(data_type) or pat.is_floating(data_type) or pat.is_decimal(data_type)
    )


# --- rows ---------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Split:
    """Rows of one piece of data held against a window.

    Attributes:
        selection: The rows inside: a slice where they are adjacent, else a mask.
        rows: How many they are.
        before: Rows before the window.
        after: Rows at or after its end.
        no_timestamp: Rows that have no time.
    """

    selection: Selection
    rows: int
    before: int = 0
    after: int = 0
    no_timestamp: int = 0


def split(values: Values, clock: Clock, window: Window) -> Split:
    """Hold a timestamp column against a window.

    Raises:
        UnreadableDataset: The column does not say when its rows happened.
    """
    values = clock.comparable(values)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    total = len(values)
    if pat.is_null(values.type):
        return Split(slice(0, 0), 0, no_timestamp=total)
    low, high = clock.thresholds(values.type, window)
    numbers, valid = _numbers(values)
    before, after = numbers < low, numbers >= high
    inside = ~(before | after)
    if valid is not None:
        before, after, inside = before & valid, after & valid, inside & valid
    rows = int(np.count_nonzero(inside))
    return Split(
        _selection(inside, rows),
        rows,
        before=int(np.count_nonzero(before)),
        after=int(np.count_nonzero(after)),
        no_timestamp=0 if valid is None else total - int(np.count_nonzero(valid)),
    )


def _numbers(values: pa.Array) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the values as numbers, and which of them are there (None: all)."""
    valid = None
    if values.null_count:
        valid = to_numpy(pc.is_valid(values).cast(pa.uint8()), null=0).astype(np.bool_)
    if pat.is_timestamp(values.type) or pat.is_date64(values.type):
        values = values.cast(pa.int64())
    elif pat.is_date32(values.type):
        values = values.cast(pa.int32())
    elif pat.is_decimal(values.type) or pat.is_float16(values.type):
        values = values.cast(pa.float64(), safe=False)
    numbers = to_numpy(values, null=0)
    if numbers.dtype.kind == "f":
        there = ~np.isnan(numbers)
        if not there.all():
            valid = there if valid is None else valid & there
    return numbers, valid


def _selection(inside: np.ndarray, rows: int) -> Selection:
    """Return a slice where the rows are adjacent: it costs no copy, and most logs are sorted."""
    if rows == 0:
        return slice(0, 0)
    first = int(inside.argmax())
    if rows == len(inside) - first or inside[first : first + rows].all():
        return slice(first, first + rows)
    return to_mask(inside)


def select(values: Values, selection: Selection) -> Values:
    """Return the selected rows of a column."""
    if isinstance(selection, slice):
        return values.slice(selection.start, selection.stop - selection.start)
    return values.filter(selection)


def extremes(found: pq.Statistics, data_type: pa.DataType) -> tuple[int, int] | None:
    """Return a parquet column's least and greatest value in the units of ``Clock.thresholds``.

    None where there are none, and for floats too: their statistics leave out NaN, which is no
    timestamp.
    """
    if pat.is_timestamp(data_type) or pat.is_date32(data_type):
        # As they are stored; pyarrow would make them pandas objects, and import pandas for it.
        least, greatest = found.min_raw, found.max_raw
    elif pat.is_integer(data_type):
        least, greatest = found.min, found.max
    else:
        return None
    return (least, greatest) if isinstance(least, int) and isinstance(greatest, int) else None
