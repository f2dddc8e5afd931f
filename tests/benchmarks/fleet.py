"""A fleet of monitors on the compose stack with CeleryExecutor: one worker, then two.

The stack is docker/compose.yaml itself, run by tests/stack: SeaweedFS holds the data, Postgres the
results, Airflow's scheduler hands tasks to workers through Redis.
"""

from __future__ import annotations

import io
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.benchmarks.layout import names
from tests.benchmarks.processes import Cost
from tests.benchmarks.trials import Announce, Row, Trial
from tests.stack.assembly import Assembly
from tests.stack.looking import processor_seconds, resident
from tests.stack.project import fresh_project, variables
from tests.stack.rendered import render

_PROFILES = ("celery", "operations")
_TASKS_A_WORKER = 2
_PATIENCE_SECONDS = 3600.0
_NEEDED = ("airflow-scheduler", "airflow-dag-processor")


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """So many monitors, each with a log and a reference of its own in the object storage."""

    monitors: int = 50
    rows: int = 5_000
    columns: int = 10
    workers: tuple[int, ...] = (1, 2)

    def measure(self, announce: Announce) -> list[Row]:
        """Return a row for each number of workers; all runs wait before the first task starts."""
        rows = []
        with TemporaryDirectory() as folder:
            file = self._project(Path(folder) / "project")
            with _started(file, Path(folder) / "state", self) as stack:
                for number in self.workers:
                    what = f"{self.monitors} monitors, {_count(number)}"
                    announce(Trial(what=what, stages=[], rows=self.rows, columns=self.columns), 0)
                    cost = stack.round(number)
                    pace = self.monitors / cost.seconds * 60
                    slots = number * _TASKS_A_WORKER
                    note = f"{pace:.1f} monitors a minute, {slots} tasks at once"
                    sizes = {"rows": self.rows, "columns": self.columns}
                    rows.append(Row(what=what, **sizes, note=note, costs=[cost]))
        return rows

    def names(self) -> list[str]:
        """Return the monitors."""
        return [f"fleet_{number:03}" for number in range(self.monitors)]

    def _project(self, folder: Path) -> Path:
        """Lay out a project whose monitors are the fleet's."""
        concurrency = str(_TASKS_A_WORKER)
        settings = {
            "AIRFLOW_EXECUTOR": "CeleryExecutor",
            "AIRFLOW_WORKER_CONCURRENCY": concurrency,
            "AIRFLOW_PARALLELISM": str(_TASKS_A_WORKER * max(self.workers)),
            "MONITORS_FOLDER": "./fleet",
            # One process a core is at work already.
            "MONITORING_THREADS": "1",
        }
        file = fresh_project(folder, settings)
        monitors = file.parent / "fleet"
        monitors.mkdir()
        for name in self.names():
            text = yaml.safe_dump(self._monitor(name), sort_keys=False)
            (monitors / f"{name}.yaml").write_text(text, encoding="utf-8")
        return file

    def _monitor(self, name: str) -> dict[str, Any]:
        numerical, categorical = names(self.columns)
        place = f"s3://monitoring/fleet/{name}"
        return {
            "name": name,
            "data": {"source": "parquet", "path": f"{place}/log.parquet", "timestamp": "ts"},
            "reference": {"source": "parquet", "path": f"{place}/reference.parquet"},
            "columns": {"numerical": numerical, "categorical": categorical},
        }

    def upload(self, settings: dict[str, str]) -> None:
        """Put a log and a reference for every monitor into the bucket."""
        import boto3

        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{settings['STORAGE_PORT']}",
            aws_access_key_id=settings["STORAGE_MONITORING_ACCESS_KEY"],
            aws_secret_access_key=settings["STORAGE_MONITORING_SECRET_KEY"],
            region_name="us-east-1",
        )
        for seed, table in enumerate(("reference", "log")):
            content = _parquet(seed, self.rows, self.columns)
            for name in self.names():
                client.put_object(
                    Bucket="monitoring", Key=f"fleet/{name}/{table}.parquet", Body=content
                )


@dataclass
class _Stack:
    """The stack without workers, and what starts and counts a round of runs."""

    assembly: Assembly
    settings: dict[str, str]
    fleet: Fleet

    def round(self, workers: int) -> Cost:
        """Let a run of every monitor wait, then start workers; return what it took."""
        there = [c for c in self.assembly.containers() if c.service.name == "airflow-worker"]
        self.assembly.stop(there)
        # The first round is Airflow's own: each monitor's first run by schedule.
        runs = "scheduled%" if not there else self._triggered()
        self._await(f"{self.fleet.monitors} runs wait", lambda: len(self._states(runs)))
        self.assembly.scale = {"airflow-worker": workers}
        self.assembly.up(["airflow-worker"], seconds=600)
        self._await(f"{self.fleet.monitors} runs are done", lambda: self._done(runs))
        return self._cost(runs)

    def _triggered(self) -> str:
        end = yesterday() + timedelta(days=1)
        window = {"start": yesterday().isoformat(), "end": end.isoformat()}
        for name in self.fleet.names():
            body = {"dag_run_id": f"again__{name}", "logical_date": None, "conf": window}
            self._api(f"dags/monitor__{name}/dagRuns", body)
        return "again%"

    def _done(self, runs: str) -> int:
        states = self._states(runs)
        if bad := sorted(name for name, state in states.items() if state == "failed"):
            raise RuntimeError(f"these runs failed: {', '.join(bad)}")
        return list(states.values()).count("success")

    def _await(self, what: str, count: Callable[[], int]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while count() < self.fleet.monitors:
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited an hour in vain: {what}")
            time.sleep(1)

    def _states(self, runs: str) -> dict[str, str]:
        query = "SELECT dag_id, state FROM dag_run WHERE run_id LIKE %s AND dag_id LIKE 'monitor%%'"
        return {str(dag): str(state) for dag, state in self._ask(query, runs)}

    def _cost(self, runs: str) -> Cost:
        ((seconds,),) = self._ask(
            "SELECT extract(epoch FROM max(r.end_date) - min(t.start_date))"
            " FROM dag_run r JOIN task_instance t USING (dag_id, run_id)"
            " WHERE run_id LIKE %s AND dag_id LIKE 'monitor%%'",
            runs,
        )
        workers = [c for c in self.assembly.containers() if c.service.name == "airflow-worker"]
        memory = max(resident(container) for container in workers) / 1e6
        # Workers alone, from their start: the other services are not counted.
        return Cost(float(seconds), sum(map(processor_seconds, workers)), memory)

    def _ask(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        import psycopg2

        password = self.settings["POSTGRES_AIRFLOW_PASSWORD"]
        port = self.settings["POSTGRES_PORT"]
        url = f"postgresql://airflow:{password}@127.0.0.1:{port}/airflow"
        connection = psycopg2.connect(url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, values)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def _api(self, path: str, body: dict[str, Any]) -> Any:
        base = f"http://127.0.0.1:{self.settings['AIRFLOW_PORT']}"
        user = self.settings.get("AIRFLOW_ADMIN_USER") or "admin"
        login = {"username": user, "password": self.settings["AIRFLOW_ADMIN_PASSWORD"]}
        token = _post(f"{base}/auth/token", login)["access_token"]
        return _post(f"{base}/api/v2/{path}", body, token)


@contextmanager
def _started(file: Path, state: Path, fleet: Fleet) -> Iterator[_Stack]:
    assembly = Assembly(render(file, _PROFILES), state)
    try:
        assembly.up([*_NEEDED], seconds=600)
        stack = _Stack(assembly, variables(file.parent / ".env"), fleet)
        fleet.upload(stack.settings)
        yield stack
    finally:
        assembly.down(volumes=True)


def yesterday() -> datetime:
    """Return the start of the day that a monitor's first run judges."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=1)


def _parquet(seed: int, rows: int, columns: int) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tests.benchmarks.data import batches

    buffer = io.BytesIO()
    pq.write_table(pa.concat_tables(batches(seed, yesterday(), rows, columns)), buffer)
    return buffer.getvalue()


def _post(url: str, body: Any, token: str = "") -> Any:
    request = urllib.request.Request(url, data=json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _count(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


def main() -> None:
    """Print seconds and monitors a minute for each number of workers."""
    for row in Fleet().measure(lambda _trial, _number: None):
        print(f"{row.what:28} {row.seconds:8.1f} s  {row.note}")  # noqa: T201


if __name__ == "__main__":
    main()
