"""Runs written straight into an MLflow server's SQLite store.

Ten thousand runs through the REST API take minutes, and what is measured is reading them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

EXPERIMENTS = 10
_APART_MS = 100


@dataclass(frozen=True, slots=True)
class TrackingStore:
    """The store of a server that has been started once, and so has made its tables.

    Attributes:
        path: Its SQLite file.
        metrics, params: Of each run.
    """

    path: Path
    metrics: int = 20
    params: int = 10

    def add_experiments(self) -> None:
        """Add the experiments that the runs belong to."""
        with closing(sqlite3.connect(self.path)) as store, store:
            store.executemany(
                "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,"
                " creation_time, last_update_time) VALUES (?, ?, ?, 'active', 0, 0)",
                [
                    (n, f"experiment {n}", f"mlflow-artifacts:/{n}")
                    for n in range(1, EXPERIMENTS + 1)
                ],
            )

    def add_runs(self, kind: str, count: int, *, last_end: int) -> None:
        """Add finished runs, a tenth of a second apart, the last ended at ``last_end`` (ms)."""
        ends = [
            (f"{kind}{n:028x}", n, last_end - (count - 1 - n) * _APART_MS) for n in range(count)
        ]
        keys = [f"metric_{n}" for n in range(self.metrics)]
        with closing(sqlite3.connect(self.path, timeout=60)) as store, store:
            store.executemany(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name,"
                " user_id, status, start_time, end_time, source_version, lifecycle_stage,"
                " artifact_uri, experiment_id) VALUES (?, ?, 'LOCAL', 'train.py', '', 'bench',"
                " 'FINISHED', ?, ?, '', 'active', ?, ?)",
                (
                    (run, f"run {n}", end - 60_000, end, f"mlflow-artifacts:/{run}", _experiment(n))
                    for run, n, end in ends
                ),
            )
            values = [
                (key, n / 1000 + position, end, run)
                for run, n, end in ends
                for position, key in enumerate(keys)
            ]
            for table in ("metrics", "latest_metrics"):
                store.executemany(
                    f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid)"
                    " VALUES (?, ?, ?, 1, 0, ?)",
                    values,
                )
            store.executemany(
                "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
                (
                    (f"param_{p}", f"value {n}", run)
                    for run, n, _ in ends
                    for p in range(self.params)
                ),
            )
            store.executemany(
                "INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.runName', ?, ?)",
                ((f"run {n}", run) for run, n, _ in ends),
            )

    def remove_runs(self, kind: str) -> None:
        """Remove the runs of a kind, as if they had never been."""
        with closing(sqlite3.connect(self.path, timeout=60)) as store, store:
            for table in ("metrics", "latest_metrics", "params", "tags", "runs"):
                store.execute(f"DELETE FROM {table} WHERE run_uuid LIKE ?", (f"{kind}%",))


def _experiment(run: int) -> int:
    return run % EXPERIMENTS + 1
