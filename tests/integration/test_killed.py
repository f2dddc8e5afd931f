"""Evaluate and publish, killed at any moment or run twice at once, end as one clean run would."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from monitoring_jobs.reports.store import ReportStore
from tests.fixtures.monitors import DAY, MonitorFactory
from tests.fixtures.postgres import Server, libpq

COMMAND = [sys.executable, "-m", "monitoring_jobs", "run"]
WINDOW = ["--start", DAY.start.isoformat(), "--end", DAY.end.isoformat()]
# What an attempt does not share with another attempt at the same window.
EVALUATION = """
SELECT monitor, window_start, window_end, status, rows_current, rows_reference, rows_sampled,
       reference_id, spec_hash, code_version
FROM monitoring.evaluation
"""
MEASUREMENTS = "SELECT * FROM monitoring.measurement ORDER BY 1, 2, 3, 4, 5, 6, 7"


@pytest.fixture
def clean_url(postgres_server: Server, _migrated_template: str) -> Iterator[str]:
    """A second fresh database, for the run that nobody disturbs."""
    name = postgres_server.create_database(template=_migrated_template)
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


def contents(url: str) -> tuple[list[tuple], list[tuple]]:
    connection = psycopg2.connect(libpq(url))
    try:
        with connection.cursor() as cursor:
            cursor.execute(EVALUATION)
            evaluations = cursor.fetchall()
            cursor.execute(MEASUREMENTS)
            return evaluations, cursor.fetchall()
    finally:
        connection.close()


def start(monitor: Path, folder: Path, database_url: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "MONITORING_DATABASE_URL": database_url,
        "MONITORING_REPORT_STORE": str(folder / "store"),
        "MONITORING_CACHE_DIR": str(folder / "cache"),
        "MONITORING_TEXTFILE": str(folder / "gauges.prom"),
    }
    return subprocess.Popen(
        [*COMMAND, str(monitor), *WINDOW, "--no-report"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


def leftovers(folder: Path) -> list[Path]:
    """Return the files of the store that belong to no finished evaluation."""
    store = ReportStore.open(str(folder / "store"))
    known = {
        Path(store.location(monitor, window)) / "evaluation.json"
        for monitor in store.monitors()
        for window in store.windows(monitor)
    }
    found = {path for path in (folder / "store").rglob("*.json") if path.is_file()}
    return sorted(found - known)


def test_f30_f31_killed_at_any_moment_and_run_again(
    make_monitor: MonitorFactory, tmp_path: Path, database_url: str, clean_url: str
):
    monitor = make_monitor(segments=["region"])
    began = time.monotonic()
    finish(start(monitor, tmp_path / "clean", clean_url))
    whole = time.monotonic() - began
    expected = contents(clean_url)

    killed = 0
    shares = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
    for share in shares * 3:
        if killed == len(shares):
            break
        began = time.monotonic()
        process = start(monitor, tmp_path / "torn", database_url)
        try:
            process.communicate(timeout=whole * share)
            whole = time.monotonic() - began  # the machine has less to do than before
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
        # Whatever stands there now is either nothing or a whole evaluation.
        assert contents(database_url) in (([], []), expected)
    assert killed >= 3
    finish(start(monitor, tmp_path / "torn", database_url))
    assert contents(database_url) == expected
    assert leftovers(tmp_path / "torn") == []


def test_f27_two_at_once_end_as_one(
    make_monitor: MonitorFactory, tmp_path: Path, database_url: str, clean_url: str
):
    monitor = make_monitor()
    finish(start(monitor, tmp_path / "clean", clean_url))
    both = [start(monitor, tmp_path / "both", database_url) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=120)
        # The older attempt may be refused by the later one, and by nothing else.
        assert process.returncode == 0 or b"later" in errors, errors.decode()
    assert any(process.returncode == 0 for process in both)
    assert contents(database_url) == contents(clean_url)


def test_f32_a_terminated_run_ends_non_zero_and_leaves_nothing_half_written(
    make_monitor: MonitorFactory, tmp_path: Path, database_url: str, clean_url: str
):
    monitor = make_monitor()
    finish(start(monitor, tmp_path / "clean", clean_url))
    whole = contents(clean_url)
    codes = []
    for seconds in (0.1, 0.3, 0.5):
        process = start(monitor, tmp_path / "torn", database_url)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=seconds)
        process.terminate()
        process.communicate(timeout=60)
        codes.append(process.returncode)
        # Only a run that was done before the signal may call itself a success.
        assert contents(database_url) == whole or process.returncode != 0
        assert contents(database_url) in (([], []), whole)
    assert codes[0] != 0
