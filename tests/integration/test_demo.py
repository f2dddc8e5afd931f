"""The whole demo, as a stranger runs it: after one that was killed and one that was interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from monitoring_jobs.database import transaction
from monitoring_jobs.demo.faults import (
    FAULTS,
    LATE_LABELS,
    MONITORS,
    WINDOWS,
    expected_verdict,
    faults_on,
)
from monitoring_jobs.demo.folder import DemoFolder
from monitoring_jobs.demo.postgres import Postgres, postgres
from monitoring_jobs.demo.verdicts import Verdict, read_extracted, read_verdicts
from monitoring_jobs.reports.store import ReportStore
from monitoring_jobs.results import Evaluation, Status
from monitoring_jobs.windows import Window
from tests.fixtures.processes import belonging_to, end, survivors
from tests.fixtures.prometheus import wait_until

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Finished:
    """A demo that ran to its end."""

    folder: Path
    output: str
    last_day: date
    survivors: tuple[str, ...]

    @property
    def windows(self) -> dict[int, Window]:
        """The judged windows by days ago."""
        midnight = datetime.combine(self.last_day, datetime.min.time(), UTC) + timedelta(days=1)
        ends = {ago: midnight - timedelta(days=ago - 1) for ago in range(1, WINDOWS + 1)}
        return {ago: Window(end - timedelta(days=1), end) for ago, end in ends.items()}

    def evaluation(self, monitor: str, days_ago: int) -> Evaluation:
        return ReportStore.open(str(self.folder / "reports")).get(monitor, self.windows[days_ago])


def start_demo(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "monitoring_jobs.demo", "--folder", str(folder)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(demo: subprocess.Popen[str], words: str) -> None:
    assert demo.stdout is not None
    lines = []
    for line in demo.stdout:
        lines.append(line)
        if words in line:
            return
    pytest.fail("".join(lines))


def registered(folder: Path) -> list[list[float]]:
    """Return the processes that a demo has noted; Postgres is not among them."""
    path = DemoFolder(folder).processes
    noted: list[list[float]] = json.loads(path.read_bytes())["processes"] if path.exists() else []
    return noted


@pytest.fixture(scope="module")
def demo_folder() -> Iterator[Path]:
    # Not below pytest's own folder: every pytest session of root closes that to other users, such
    # as the one that runs Postgres for root.
    with tempfile.TemporaryDirectory(prefix="monitoring-demo-test-") as folder:
        root = Path(folder).resolve() / ".demo"
        try:
            yield root
        finally:
            end(belonging_to(root))


@pytest.fixture(scope="module")
def interrupted(demo_folder: Path) -> tuple[int, list[str]]:
    """A demo that was killed, then one that was asked to end: exit code and survivors."""
    killed = start_demo(demo_folder)
    read_until(killed, "embedded Postgres")
    killed.kill()
    killed.communicate()
    assert survivors(demo_folder), "a killed demo leaves its services behind"
    asked = start_demo(demo_folder)
    read_until(asked, "embedded Postgres")
    # Gateway, MLflow and Airflow's migration: what they do next is of no interest.
    wait_until(lambda: len(registered(demo_folder)) == 3, "all services have been started", 120)
    asked.send_signal(signal.SIGTERM)
    output, _ = asked.communicate(timeout=120)
    assert "Interrupted" in output
    return asked.returncode, survivors(demo_folder)


@pytest.fixture(scope="module")
def finished(demo_folder: Path, interrupted: tuple[int, list[str]]) -> Finished:
    assert interrupted
    demo = start_demo(demo_folder)
    last_day = datetime.now(UTC).date() - timedelta(days=1)
    output, _ = demo.communicate(timeout=900)
    assert demo.returncode == 0, output
    return Finished(demo_folder, output, last_day, tuple(survivors(demo_folder)))


@pytest.fixture(scope="module")
def looked(finished: Finished) -> subprocess.CompletedProcess[str]:
    """What the command that the demo prints shows of the database."""
    command = [sys.executable, "-m", "monitoring_jobs.demo", "psql"]
    asked = [*command, "--folder", str(finished.folder), "-c", "SELECT count(*) FROM evaluations"]
    return subprocess.run(asked, cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def database(finished: Finished, looked: subprocess.CompletedProcess[str]) -> Iterator[Postgres]:
    # One server at a time on one data directory: only after the look has ended.
    assert looked.args
    with postgres(finished.folder / "postgres") as server:
        yield server


@pytest.fixture(scope="module")
def verdicts(finished: Finished, database: Postgres) -> dict[tuple[str, int], Verdict]:
    span = Window(finished.windows[WINDOWS].start, finished.windows[1].end)
    found = read_verdicts(database.url("monitoring", "monitoring_reader"), span)
    return {(v.monitor, (finished.last_day - v.day.date()).days + 1): v for v in found}


def test_sigterm_ends_everything_that_was_started(interrupted: tuple[int, list[str]]) -> None:
    assert interrupted == (128 + signal.SIGTERM, [])


def test_nothing_keeps_running(finished: Finished) -> None:
    assert finished.survivors == ()


def test_every_window_comes_out_as_its_faults_deserve(
    verdicts: dict[tuple[str, int], Verdict],
) -> None:
    days = [(monitor, ago) for monitor in MONITORS for ago in range(1, WINDOWS + 1)]
    found = {key: str(verdict.status) for key, verdict in verdicts.items()}
    assert found == {key: str(expected_verdict(*key)) for key in days}


def test_every_bad_day_is_blamed_on_what_was_put_into_it(
    verdicts: dict[tuple[str, int], Verdict],
) -> None:
    for fault in FAULTS:
        for days_ago, status in fault.verdicts.items():
            blamed = {finding.key for finding in verdicts[fault.monitor, days_ago].blamed}
            assert set(fault.evidence) <= blamed, fault.name
            assert (status is Status.OK) == (not blamed), fault.name


def test_the_printed_table_shows_each_day_with_its_verdict_and_reason(
    finished: Finished, verdicts: dict[tuple[str, int], Verdict]
) -> None:
    for (monitor, days_ago), verdict in verdicts.items():
        lines = [
            line
            for line in finished.output.splitlines()
            if f"{verdict.day:%a %Y-%m-%d}" in line and f" {verdict.status} " in line
        ]
        assert lines, (monitor, days_ago)
        for fault in faults_on(monitor, days_ago):
            assert fault.name in finished.output
        assert verdict.reason[:20] in finished.output


def test_days_without_labels_pass_and_their_performance_waits(finished: Finished) -> None:
    for days_ago in LATE_LABELS.verdicts:
        evaluation = finished.evaluation(LATE_LABELS.monitor, days_ago)
        assert evaluation.status is Status.OK
        mae = [m for m in evaluation.measurements if m.metric == "mae"]
        assert {m.status for m in mae} == {Status.INSUFFICIENT_DATA}


def test_clinics_are_judged_one_by_one(finished: Finished) -> None:
    segments = {m.segment for m in finished.evaluation("diabetes_progression", 1).measurements}
    assert segments == {"", "clinic=north", "clinic=south"}


def test_every_window_has_an_evaluation_and_a_report(finished: Finished) -> None:
    store = ReportStore.open(str(finished.folder / "reports"))
    assert sorted(store.monitors()) == sorted(MONITORS)
    for monitor in MONITORS:
        assert store.windows(monitor) == sorted(finished.windows.values())
        for window in store.windows(monitor):
            html = store.report_html(monitor, window)
            assert html is not None
            assert len(html) > 100_000


def test_results_and_the_registry_are_in_postgres(finished: Finished, database: Postgres) -> None:
    url = database.url("monitoring", "monitoring_reader")
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT monitor, count(*) FROM measurements GROUP BY monitor ORDER BY 1")
        stored = dict(cursor.fetchall())
        cursor.execute("SELECT outcome, count(*) FROM attempts GROUP BY outcome")
        assert cursor.fetchall() == [("written", WINDOWS * len(MONITORS))]
        cursor.execute("SELECT DISTINCT model_version, model_alias FROM evaluations")
        assert cursor.fetchall() == [("2", "champion")]
    for monitor in MONITORS:
        windows = range(1, WINDOWS + 1)
        assert stored[monitor] == sum(
            len(finished.evaluation(monitor, ago).measurements) for ago in windows
        )
    counts = read_extracted(url)
    assert counts["runs"] == 4
    assert counts["versions"] == 4
    assert counts["aliases"] >= 2
    assert counts["metrics"] == 2 * 3 + 2 * 2


def test_gauges_tell_of_the_newest_window(finished: Finished) -> None:
    text = "\n".join(path.read_text() for path in (finished.folder / "gauges").glob("*.prom"))
    ends = [
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("monitoring_window_end_timestamp_seconds{")
    ]
    assert ends == [finished.windows[1].end.timestamp()] * len(MONITORS)
    assert "\nmlflow_up" in text
    assert "model_mae{" not in text  # its labels are late
    assert "model_accuracy{" in text


def test_the_output_says_where_everything_is(finished: Finished) -> None:
    for name in ("reports", "postgres", "gauges", "monitors", "logs"):
        assert str(finished.folder / name) in finished.output.replace("\n", "")


def test_runs_are_those_that_a_scheduler_would_have_made(
    finished: Finished, database: Postgres
) -> None:
    with transaction(database.url("airflow")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT dag_id, run_id, logical_date, data_interval_end, state FROM public.dag_run"
            " WHERE run_type = 'scheduled' AND end_date - start_date < interval '1 hour'"
        )
        assert sorted(cursor.fetchall()) == sorted(
            (
                f"monitor__{monitor}",
                f"scheduled__{window.end.isoformat()}",
                window.start,
                window.end,
                "success",
            )
            for monitor in MONITORS
            for window in finished.windows.values()
        )


def test_evaluations_name_a_run_that_the_metadata_knows(
    finished: Finished, database: Postgres
) -> None:
    with transaction(database.url("monitoring")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT dag_id, dag_run_id FROM evaluations")
        named = set(cursor.fetchall())
    with transaction(database.url("airflow")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT dag_id, run_id FROM public.dag_run")
        assert len(named) == WINDOWS * len(MONITORS)
        assert named <= set(cursor.fetchall())


def test_logs_of_tasks_are_where_the_ui_looks_for_them(finished: Finished) -> None:
    logs = finished.folder / "airflow" / "logs"
    for monitor in MONITORS:
        for window in finished.windows.values():
            run = (
                logs / f"dag_id=monitor__{monitor}" / f"run_id=scheduled__{window.end.isoformat()}"
            )
            text = (run / "task_id=evaluate" / "attempt=1.log").read_text()
            assert str(json.loads(text.splitlines()[0])["event"]).startswith(f"window {window}")


def test_the_database_can_be_looked_at_again(looked: subprocess.CompletedProcess[str]) -> None:
    assert looked.returncode == 0, looked.stderr
    assert f"{WINDOWS * len(MONITORS)}\n" in looked.stdout
