"""Extraction from a real MLflow server into Postgres, beside paging through the same runs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.processes import Command
from tests.benchmarks.services import results_databases
from tests.benchmarks.tracking_store import TrackingStore
from tests.benchmarks.trials import Announce, Row, Trial, run_trials

FULL, INCREMENTAL = "extract, full", "extract, the last 1 %"
PAGING = "paging by MlflowClient, one thread"

_OLD, _LATE = "01d0", "1a7e"
_DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """So many runs of 20 metrics and 10 params on a server with one worker, SQLite behind it."""

    bench: Path
    runs: int = 10_000
    rounds: int = 3

    def measure(self, announce: Announce) -> list[Row]:
        """Return a full extraction, paging, and the extraction of the 1 % that ended after it."""
        from tests.fixtures.mlflow_server import running_server

        folder = self.bench / "data" / "mlflow"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            with running_server(folder):
                pass  # makes the tables
            store = TrackingStore(folder / "mlflow.db")
            store.add_experiments()
            store.add_runs(_OLD, self.runs, last_end=_now() - 2 * _DAY_MS)
            with running_server(folder) as uri, results_databases() as databases:
                return run_trials(self._trials(uri, store, databases), self.rounds, announce)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _trials(self, uri: str, store: TrackingStore, databases: Iterator[str]) -> list[Trial]:
        # Filled anew before every full extraction; commands read it when they start.
        environment = {"MLFLOW_TRACKING_URI": uri}
        late = self.runs // 100

        def forget() -> None:
            store.remove_runs(_LATE)
            environment["MONITORING_DATABASE_URL"] = next(databases)

        def train() -> None:
            store.add_runs(_LATE, late, last_end=_now() - 1)

        def trial(what: str, how: str, count: int, **more: object) -> Trial:
            command = Command(
                ["-m", "tests.benchmarks.jobs.read_runs", how, str(count)], environment
            )
            return Trial(what=what, stages=[[command]], rows=count, **more)  # type: ignore[arg-type]

        return [
            trial(FULL, "full", self.runs, ours=True, prepare=forget),
            trial(PAGING, "page", self.runs, note="reads only"),
            trial(INCREMENTAL, "incremental", late, prepare=train),
        ]


def _now() -> int:
    return int(time.time() * 1000)
