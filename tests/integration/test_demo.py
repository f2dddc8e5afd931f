"""The whole demo, as a stranger runs it: after one that was killed and one that was interrupted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from monitoring_jobs.database import transaction
from monitoring_jobs.demo.display import Display
from monitoring_jobs.demo.faults import (
    FAULTS,
    LATE_LABELS,
    MONITORS,
    WINDOWS,
    expected_verdict,
    faults_on,
)
from monitoring_jobs.demo.folder import ClaimedFolder
from monitoring_jobs.demo.postgres import Postgres, postgres
from monitoring_jobs.demo.run import _Demo
from monitoring_jobs.demo.verdicts import Verdict, read_extracted, read_verdicts
from monitoring_jobs.reports.store import ReportStore
from monitoring_jobs.results import Evaluation, Status
from monitoring_jobs.windows import Window
from tests.fixtures.demo_run import DemoRun

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Finished:
    """A demo that ran to its end, and a copy of what it left."""

    folder: Path
    output: str
    last_day: date

    @property
    def windows(self) -> dict[int, Window]:
        """The judged windows by days ago."""
        midnight = datetime.combine(self.last_day, datetime.min.time(), UTC) + timedelta(days=1)
        ends = {ago: midnight - timedelta(days=ago - 1) for ago in range(1, WINDOWS + 1)}
        return {ago: Window(end - timedelta(days=1), end) for ago, end in ends.items()}

    def evaluation(self, monitor: str, days_ago: int) -> Evaluation:
        return ReportStore.open(str(self.folder / "reports")).get(monitor, self.windows[days_ago])


@pytest.fixture(scope="module")
def finished(demo_run: DemoRun) -> Finished:
    assert demo_run.code == 0, demo_run.output
    return Finished(Path(demo_run.copy), demo_run.output, demo_run.day)


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


def test_make_up_runs_a_demo_first_where_there_is_none(demo_run: DemoRun) -> None:
    assert f"Monitoring demo in {demo_run.folder}" in demo_run.killed


def test_a_killed_one_leaves_its_services_to_the_next(demo_run: DemoRun) -> None:
    assert demo_run.orphans


def test_sigterm_ends_everything_that_was_started(demo_run: DemoRun) -> None:
    assert (demo_run.interrupted, demo_run.left) == (128 + signal.SIGTERM, [])
    assert "Interrupted" in demo_run.words


def test_nothing_keeps_running(demo_run: DemoRun) -> None:
    assert demo_run.survivors == []


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


def test_the_output_says_where_everything_is(demo_run: DemoRun) -> None:
    for name in ("reports", "postgres", "gauges", "monitors", "logs"):
        assert f"{demo_run.folder}/{name}" in demo_run.output.replace("\n", "")


def test_a_demo_that_make_up_goes_on_from_does_not_say_goodbye(
    finished: Finished, database: Postgres, verdicts: dict[tuple[str, int], Verdict]
) -> None:
    counts = read_extracted(database.url("monitoring", "monitoring_reader"))

    def told(*, ends_here: bool) -> str:
        output = StringIO()
        console = Console(file=output, width=200)
        home = ClaimedFolder(finished.folder, handle=-1)
        demo = _Demo(home, Display(console), finished.last_day, ends_here)
        demo._tell(list(verdicts.values()), counts, None)
        return output.getvalue()

    goodbye = ("nothing is left running", "(ended; this opens psql on it:)")
    assert all(words in finished.output for words in goodbye)
    assert all(words in told(ends_here=True) for words in goodbye)
    assert not any(words in told(ends_here=False) for words in goodbye)
    assert "Every fault was found" in told(ends_here=False)


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
