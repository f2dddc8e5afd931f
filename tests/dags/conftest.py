"""A real Airflow with one metadata database for the session, driven from outside its process."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.fixtures.postgres import libpq

PROJECT = Path(__file__).resolve().parents[2]
DAGS = PROJECT / "dags"
FIRST_DAY = datetime(2026, 11, 1, tzinfo=UTC)

sys.path.append(str(DAGS))  # for those modules beside the Dags that do not import Airflow


class WorkerError(Exception):
    """A request failed inside Airflow's process; the message is its traceback."""


def airflow_environment(home: Path) -> dict[str, str]:
    """Return an environment in which nothing of the caller's services can be reached."""
    ours = (
        "AIRFLOW",
        "MONITORING_",
        "MLFLOW_",
        "PUSHGATEWAY_",
        "PROMETHEUS_",
        "PRAMATHUS_",
        "AWS_",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # A Dag of another test, written half a minute ago, is to be replaced all the same.
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "MONITORING_THREADS": "1",
        "PYTHONPATH": str(PROJECT),
        "PYTHONWARNINGS": "default",
    }


def migrated(home: Path, factory: pytest.TempPathFactory) -> Path:
    """Return a folder after it got an empty metadata database; all workers copy one."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made = shared / "airflow-metadata" / "airflow.db"
    with (shared / "airflow-metadata.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            _migrate(factory.mktemp("migration")).rename(made.parent)
    shutil.copy(made, home)
    return home


def _migrate(home: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=airflow_environment(home),
        cwd=home,
        check=True,
        capture_output=True,
        timeout=300,
    )
    return home


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a migrated metadata database."""
    return migrated(tmp_path_factory.mktemp("airflow"), tmp_path_factory)


@dataclass
class Answer:
    """What a request came to, and what was logged meanwhile."""

    result: Any
    log: str


@dataclass
class Airflow:
    """The worker process, as tests speak to it."""

    process: subprocess.Popen[str]
    env: dict[str, str] = field(default_factory=dict)

    def ask(self, call: str, **arguments: Any) -> Answer:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        request = {"call": call, "arguments": arguments, "env": self.env}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise WorkerError(f"{answer['error']}\n{answer['log']}")
        return Answer(answer["result"], answer["log"])

    def call(self, call: str, **arguments: Any) -> Any:
        return self.ask(call, **arguments).result

    def run(self, dag_id: str, end: datetime, **more: Any) -> Answer:
        """Run a Dag as a scheduler would after the period that ends at ``end``."""
        more.setdefault("logical_date", end.isoformat())
        return self.ask("run", dag_id=dag_id, run_after=end.isoformat(), **more)


@pytest.fixture(scope="session")
def _worker(airflow_home: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).with_name("worker.py")), airflow_home / "log"]
    with subprocess.Popen(
        command,
        env=airflow_environment(airflow_home),
        cwd=airflow_home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=60)


@pytest.fixture
def monitors(tmp_path: Path) -> Path:
    """An empty folder of monitor files."""
    folder = tmp_path / "monitors"
    folder.mkdir()
    return folder


@pytest.fixture
def airflow(_worker: subprocess.Popen[str], monitors: Path, tmp_path: Path) -> Airflow:
    """Airflow with the monitor files of the test, a report store, and no service configured."""
    return Airflow(
        _worker,
        {
            "MONITORING_MONITORS": str(monitors),
            "MONITORING_REPORT_STORE": str(tmp_path / "reports"),
            "MONITORING_CACHE_DIR": str(tmp_path / "cache"),
        },
    )


@pytest.fixture
def services(airflow: Airflow, database_url: str, pushgateway_url: str) -> Airflow:
    """Airflow with a results database and a Pushgateway."""
    airflow.env |= {"MONITORING_DATABASE_URL": database_url, "PUSHGATEWAY_URL": pushgateway_url}
    return airflow


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with closing(psycopg2.connect(libpq(url))) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def write_monitor(folder: Path, name: str, **keys: Any) -> Path:
    """Write a monitor file over ``data.parquet`` and ``reference.parquet`` beside it."""
    document: Mapping[str, Any] = {
        "name": name,
        "data": {"source": "parquet", "path": "data.parquet", "timestamp": "ts"},
        "reference": {"source": "parquet", "path": "reference.parquet"},
        "columns": {"numerical": ["alcohol"], "categorical": ["region"]},
        "report": {"when": "never"},
        **keys,
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    return path


def write_traffic(folder: Path, *, days: int = 3, rows: int = 2000) -> None:
    """Write days of predictions from FIRST_DAY on; the last one lies far from the reference."""
    chance = np.random.default_rng(7)

    def frame(shift: float, start: datetime | None) -> pa.Table:
        columns = {
            "alcohol": chance.normal(10 + shift, 1, rows),
            "region": chance.choice(["north", "south"] if shift == 0 else ["east"], rows),
        }
        if start is not None:
            step = timedelta(days=1) / rows
            columns["ts"] = pa.array([start + step * i for i in range(rows)])
        return pa.table(columns)

    parts = [
        frame(8.0 if day == days - 1 else 0.0, FIRST_DAY + timedelta(days=day))
        for day in range(days)
    ]
    pq.write_table(pa.concat_tables(parts), folder / "data.parquet")
    pq.write_table(frame(0.0, None), folder / "reference.parquet")


def end_of_day(day: int) -> datetime:
    """Return the end of a day of the traffic; day 0 is the first."""
    return cast("datetime", FIRST_DAY + timedelta(days=day + 1))
