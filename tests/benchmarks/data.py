"""Windows and references of any size, the same everywhere: ``python -m tests.benchmarks.data``.

A third of the columns is categorical, 2 % of the numbers are missing, ``segment`` has 20 values.
Written one row group at a time, so that ten million rows need no more memory than a few.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from tests.benchmarks.layout import FIRST_DAY, ROW_GROUP, SEGMENTS, START, names

_LABELS = pa.array([f"region {n}" for n in range(20)])
_SEGMENTS = pa.array([f"segment {n}" for n in range(SEGMENTS)])


def write(folder: Path, rows: int, columns: int) -> None:
    """Write ``log.parquet`` (one day), ``reference.parquet`` and the monitor files."""
    for seed, name in enumerate(("reference", "log")):
        _write_table(folder / f"{name}.parquet", seed, START, rows, columns)
    data = {"source": "parquet", "path": "log.parquet", "timestamp": "ts"}
    write_monitor(folder / "monitor.yaml", data, columns)
    write_monitor(folder / "segments.yaml", data, columns, segments=["segment"])


def write_days(folder: Path, rows: int, columns: int, days: int, rows_a_day: int) -> None:
    """Write a reference of so many rows and a log of so many days, a hive partition for each."""
    _write_table(folder / "reference.parquet", 0, START, rows, columns)
    for day in range(days):
        start = FIRST_DAY + timedelta(days=day)
        partition = folder / "log" / f"day={start:%Y-%m-%d}"
        partition.mkdir(parents=True, exist_ok=True)
        _write_table(partition / "rows.parquet", day + 1, start, rows_a_day, columns)
    data = {"source": "parquet", "path": "log/**/*.parquet", "timestamp": "ts"}
    write_monitor(folder / "monitor.yaml", data, columns)


def write_monitor(path: Path, data: dict[str, Any], columns: int, **more: Any) -> None:
    """Write a monitor file over such columns, with every key but the data's at its default."""
    numerical, categorical = names(columns)
    monitor = {
        "name": f"bench_{path.stem}",
        "data": data,
        "reference": {"source": "parquet", "path": "reference.parquet"},
        "columns": {"numerical": numerical, "categorical": categorical},
        "publish": {"pushgateway": False},
        **more,
    }
    path.write_text(yaml.safe_dump(monitor, sort_keys=False), encoding="utf-8")


def batches(seed: int, start: datetime, rows: int, columns: int) -> Iterator[pa.Table]:
    """Yield a day's rows, one row group's worth at a time, in the order of their timestamps."""
    random = np.random.default_rng(seed)
    began = int(start.timestamp()) * 1_000_000
    for first in range(0, rows, ROW_GROUP):
        count = min(ROW_GROUP, rows - first)
        microseconds = began + (np.arange(first, first + count) * 86_399_000_000) // max(rows, 1)
        table = {"ts": pa.array(microseconds).cast(pa.timestamp("us", "UTC"))}
        numerical, categorical = names(columns)
        for position, column in enumerate(numerical):
            # The reference is seed 0; a third of the columns moves a little, a third more.
            values = random.normal(0.05 * (position % 3) * bool(seed), 1 + position / 10, count)
            table[column] = pa.array(values, mask=random.random(count) < 0.02)
        for column in categorical:
            table[column] = _picked(random, _LABELS, count)
        table["segment"] = _picked(random, _SEGMENTS, count)
        yield pa.table(table)


def _picked(random: np.random.Generator, labels: pa.Array, count: int) -> pa.Array:
    picked = pa.array(random.integers(0, len(labels), count, dtype=np.int32))
    return pa.DictionaryArray.from_arrays(picked, labels).cast(pa.string())


def _write_table(path: Path, seed: int, start: datetime, rows: int, columns: int) -> None:
    pieces = batches(seed, start, rows, columns)
    piece = next(pieces)
    with pq.ParquetWriter(path, piece.schema) as writer:
        writer.write_table(piece)
        for piece in pieces:
            writer.write_table(piece)


if __name__ == "__main__":
    numbers = [int(number) for number in sys.argv[2:]]
    (write if len(numbers) == 2 else write_days)(Path(sys.argv[1]), *numbers)
