"""An extraction that is killed at any moment and run again leaves what a clean one leaves."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from monitoring_jobs.extract import extract_runs
from monitoring_jobs.settings import Settings
from tests.fixtures.extraction import HOUR, NOON, add_run
from tests.fixtures.postgres import Server, libpq

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

NOW = NOON + 4 * HOUR
# Says when a page has been read, and then stays where it is.
CHILD = """
import datetime, signal, sys
from monitoring_jobs.extract import extract_runs
from monitoring_jobs.settings import Settings

def told(done, total):
    print(done, flush=True)
    if sys.argv[3] == "reading":
        signal.pause()

extract_runs(
    Settings(database_url=sys.argv[1], mlflow_tracking_uri=sys.argv[2]),
    now=datetime.datetime.fromisoformat(sys.argv[4]),
    full=True,
    progress=told,
)
print("done", flush=True)
"""
TABLES = (
    "mlflow_experiment",
    "mlflow_run",
    "mlflow_run_metric",
    "mlflow_run_param",
    "mlflow_run_tag",
    "mlflow_run_dataset",
    "mlflow_registered_model",
    "mlflow_model_version",
    "mlflow_alias_history",
)


@pytest.fixture
def clean_url(postgres_server: Server, _migrated_template: str) -> Iterator[str]:
    """A second fresh database, for the extraction that nobody disturbs."""
    name = postgres_server.create_database(template=_migrated_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


def _contents(url: str) -> dict[str, list[Any]]:
    connection = psycopg2.connect(libpq(url))
    try:
        with connection.cursor() as cursor:
            contents = {}
            for table in TABLES:
                cursor.execute(f"SELECT * FROM monitoring.{table}")
                contents[table] = sorted(cursor.fetchall(), key=repr)
            cursor.execute("SELECT watermark, full_scan_at FROM monitoring.mlflow_extraction")
            return {**contents, "mlflow_extraction": cursor.fetchall()}
    finally:
        connection.close()


def _start(database_url: str, mlflow_uri: str, moment: str) -> subprocess.Popen[str]:
    arguments = (database_url, mlflow_uri, moment, NOW.isoformat())
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def _kill(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=30)
    assert child.stdout is not None
    child.stdout.close()
    assert child.returncode == -signal.SIGKILL


def _wait_until_blocked(cursor: Any) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_class ON relation = pg_class.oid"
            " WHERE relname = 'mlflow_extraction' AND NOT granted"
        )
        if cursor.fetchone()[0]:
            return
        time.sleep(0.02)
    raise AssertionError("the extraction never came to its last statement")


@pytest.mark.parametrize("moment", ["reading", "before-commit"])
def test_f30_killed_extraction_leaves_nothing_and_the_next_one_everything(
    moment: str,
    mlflow_client: MlflowClient,
    mlflow_uri: str,
    database_url: str,
    clean_url: str,
    an_experiment: str,
    a_model: str,
) -> None:
    for number in range(3):
        add_run(mlflow_client, an_experiment, metrics={"n": number})
    mlflow_client.set_registered_model_alias(a_model, "champion", "1")
    empty = _contents(database_url)

    child = _start(database_url, mlflow_uri, moment)
    try:
        assert child.stdout is not None
        if moment == "reading":
            assert int(child.stdout.readline()) > 0
        else:
            _kill_before_commit(child, database_url)
    finally:
        _kill(child)

    assert _contents(database_url) == empty
    for url in (database_url, clean_url):
        settings = Settings(database_url=url, mlflow_tracking_uri=mlflow_uri)
        extract_runs(settings, now=NOW, full=True)
    assert _contents(database_url) == _contents(clean_url)
    assert _contents(database_url)["mlflow_alias_history"] != []


def _kill_before_commit(child: subprocess.Popen[str], database_url: str) -> None:
    """Hold the table that is written last, and kill the child while it waits for it."""
    holder = psycopg2.connect(libpq(database_url))
    try:
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE monitoring.mlflow_extraction IN SHARE MODE")
            _wait_until_blocked(cursor)
            child.send_signal(signal.SIGKILL)
            child.wait(timeout=30)
    finally:
        holder.close()
