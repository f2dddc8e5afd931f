"""Write a window and a reference of ROWS x COLUMNS: ``python -m tests.benchmarks.data``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

START = datetime(2026, 11, 20, tzinfo=UTC)
_CATEGORIES = np.array([f"region {n}" for n in range(20)])


def names(columns: int) -> tuple[list[str], list[str]]:
    """Return the numerical and the categorical columns; one in five is categorical."""
    categorical = columns // 5
    return (
        [f"number_{n}" for n in range(columns - categorical)],
        [f"category_{n}" for n in range(categorical)],
    )


def write(folder: Path, rows: int, columns: int) -> None:
    """Write ``log.parquet``, ``reference.parquet`` and ``monitor.yaml``."""
    numerical, categorical = names(columns)
    for seed, name in enumerate(("reference", "log")):
        random = np.random.default_rng(seed)
        microseconds = np.linspace(0, 86_399_000_000, rows).astype("int64")
        microseconds += int(START.timestamp()) * 1_000_000
        table = {"ts": pa.array(microseconds).cast(pa.timestamp("us", "UTC"))}
        for position, column in enumerate(numerical):
            values = random.normal(seed * 0.05 * (position % 3), 1 + position / 10, rows)
            values[random.random(rows) < 0.02] = np.nan
            table[column] = pa.array(values, from_pandas=True)
        for column in categorical:
            picked = random.integers(0, 20, rows)
            table[column] = pa.DictionaryArray.from_arrays(
                pa.array(picked, pa.int32()), pa.array(_CATEGORIES.tolist())
            ).cast(pa.string())
        pq.write_table(pa.table(table), folder / f"{name}.parquet")
    monitor = {
        "name": "bench",
        "data": {"source": "parquet", "path": "log.parquet", "timestamp": "ts"},
        "reference": {"source": "parquet", "path": "reference.parquet"},
        "columns": {"numerical": numerical, "categorical": categorical},
    }
    (folder / "monitor.yaml").write_text(yaml.safe_dump(monitor), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
