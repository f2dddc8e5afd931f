"""What one real evaluation of a regression model holds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from monitoring_jobs.evaluate import evaluate
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.results import Measurement
from monitoring_jobs.settings import Settings
from monitoring_jobs.windows import Window

DAY = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))


def measured(columns: int) -> Sequence[Measurement]:
    """Return what one real evaluation of a regression model with so many features holds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed, log in enumerate(("reference", "log")):
            _write_log(folder / f"{log}.parquet", seed, columns)
        numerical, categorical = _names(columns)
        monitor = {
            "name": "template",
            "task": "regression",
            "data": {"source": "parquet", "path": "log.parquet", "timestamp": "ts"},
            "reference": {"source": "parquet", "path": "reference.parquet"},
            "columns": {
                "numerical": numerical,
                "categorical": categorical,
                "prediction": "prediction",
                "target": "label",
            },
            "checks": {"performance": {"rmse": {"max": 2.0}, "label_coverage": {"min": 0.5}}},
        }
        (folder / "monitor.yaml").write_text(yaml.safe_dump(monitor), encoding="utf-8")
        return evaluate(
            load_monitor(folder / "monitor.yaml"),
            DAY,
            Settings(cache_dir=folder / "cache"),
            out=folder / "out",
            report=False,
        ).measurements


def _names(columns: int) -> tuple[list[str], list[str]]:
    numerical = columns * 2 // 5
    return (
        [f"number_{n:02}" for n in range(numerical)],
        [f"category_{n:02}" for n in range(columns - numerical)],
    )


def _write_log(path: Path, seed: int, columns: int, rows: int = 5000) -> None:
    random = np.random.default_rng(seed)
    numerical, categorical = _names(columns)
    began = int(DAY.start.timestamp())
    table = {"ts": pa.array(began + np.arange(rows)).cast(pa.timestamp("s", "UTC"))}
    for name in (*numerical, "prediction", "label"):
        table[name] = pa.array(random.normal(5, 1, rows), mask=random.random(rows) < 0.02)
    for name in categorical:
        table[name] = pa.array(random.integers(0, 20, rows).astype(str))
    pq.write_table(pa.table(table), path)
