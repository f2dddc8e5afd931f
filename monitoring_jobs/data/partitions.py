"""Hive partitions: columns that folder names hold, and folders that a window cannot touch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pyarrow as pa

from monitoring_jobs.windows import Window

_NULL = "__HIVE_DEFAULT_PARTITION__"
_DATES = frozenset({"date", "dt", "ds", "day", "event_date", "partition_date"})
_PARTS = ("year", "month", "day", "hour")
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})|0\d{1,3}")
_ISO_DATE = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
# A folder's name does not say in whose midnight its day begins: no zone is further off than this.
_SLACK = timedelta(hours=26)

Partition = Mapping[str, str | None]


def partition_of(folders: Iterable[str]) -> dict[str, str | None]:
    """Return the ``key=value`` pairs among folder names; hive's word for null becomes None."""
    pairs: dict[str, str | None] = {}
    for folder in folders:
        key, equals, value = folder.partition("=")
        if equals and key:
            text = unquote(value)
            pairs[unquote(key)] = None if text == _NULL else text
    return pairs


def partition_types(partitions: Sequence[Partition]) -> dict[str, pa.DataType]:
    """Return the type of each partition column: whole numbers, dates, else text.

    It is told from all folders there are, so that it does not change from window to window.
    """
    values: dict[str, list[str]] = {}
    for partition in partitions:
        for key, value in partition.items():
            values.setdefault(key, [])
            if value is not None:
                values[key].append(value)
    return {key: _type_of(texts) for key, texts in values.items()}


def _type_of(texts: list[str]) -> pa.DataType:
    if not texts:
        return pa.null()
    if all(_INTEGER.fullmatch(text) for text in texts):
        return pa.int64()
    if all("-" in text and _day(text) is not None for text in texts):
        return pa.date32()
    return pa.string()


def constant(value: str | None, data_type: pa.DataType, rows: int) -> pa.Array:
    """Return a partition's value as a column."""
    if value is None or pa.types.is_null(data_type):
        return pa.nulls(rows, data_type)
    return pa.repeat(pa.scalar(value, pa.string()).cast(data_type), rows)


def may_touch(partition: Partition, window: Window, timestamp: str | None) -> bool:
    """Whether rows of a partition may lie in a window.

    Only the usual names count: ``date=2026-11-20`` (or dt, ds, day, event_date, partition_date, or
    the timestamp column's own name) and ``year=/month=/day=/hour=``. Any other key says nothing
    about time, however much its values look like dates.
    """
    lowered = {key.lower(): value for key, value in partition.items()}
    dates = _DATES | ({timestamp.lower()} if timestamp else set())
    for key in dates & set(lowered):
        start = _day(lowered[key] or "")
        if start is not None and not _near(start, start + timedelta(days=1), window):
            return False
    period = _period([lowered.get(part) for part in _PARTS])
    return period is None or _near(*period, window)


def _near(start: datetime, end: datetime, window: Window) -> bool:
    return start - _SLACK < window.end and window.start < end + _SLACK


def _day(text: str) -> datetime | None:
    match = _ISO_DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
    except ValueError:
        return None


def _period(parts: Sequence[str | None]) -> tuple[datetime, datetime] | None:
    """Return the time that year, month, day and hour name, as far down as they are given."""
    numbers: list[int] = []
    for part in parts:
        if part is None or not part.isdigit():
            break
        numbers.append(int(part))
    try:
        match numbers:
            case [year]:
                return _date(year), _date(year + 1)
            case [year, month]:
                return _date(year, month), _date(year + month // 12, month % 12 + 1)
            case [year, month, day]:
                return _date(year, month, day), _date(year, month, day) + timedelta(days=1)
            case [year, month, day, hour]:
                start = _date(year, month, day) + timedelta(hours=hour)
                return start, start + timedelta(hours=1)
    except (ValueError, OverflowError):
        return None
    return None


def _date(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)
