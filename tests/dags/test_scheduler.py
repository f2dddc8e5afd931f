"""What only a real scheduler shows: first runs, missed deadlines, backfills by CLI and REST.

One Airflow on Postgres for the whole file: api-server, scheduler, dag-processor, triggerer,
LocalExecutor, connections in its database. Its Dags are created, scheduled and run as in
production; the tests look on.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_jobs.demo.ports import free_port
from monitoring_jobs.demo.processes import Processes
from tests.dags.conftest import PROJECT, airflow_environment, rows, write_monitor
from tests.fixtures.mail_server import MailServer, mail_server
from tests.fixtures.postgres import Server
from tests.fixtures.pushgateway import Series, running_pushgateway, scrape

AIRFLOW = [sys.executable, "-m", "airflow"]
PATIENCE = 600.0  # seconds; two cores may have much else to do
DAY = timedelta(days=1)


@dataclass
class Stack:
    """A running Airflow and its services.

    Attributes:
        today: End of the window that scheduled runs judge.
    """

    home: Path
    env: Mapping[str, str]
    url: str
    metadata: str
    results: str
    gateway: str
    mail: MailServer
    today: datetime
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def until(self, met: Callable[[], Any], what: str) -> Any:
        """Wait for a condition and return what it returned."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := met():
                return found
            assert all(p.poll() is None for p in self.processes), f"a process ended: {self.home}"
            time.sleep(0.3)
        pytest.fail(f"{what} did not come within {PATIENCE:.0f} s; runs: {self.runs()}")

    def runs(self, monitor: str = "%", run_type: str = "%") -> list[tuple[str, str]]:
        """Return id and state of the runs of a monitor."""
        return rows(
            self.metadata,
            f"SELECT run_id, state FROM dag_run WHERE dag_id LIKE 'monitor__{monitor}' "
            f"AND run_type LIKE '{run_type}' ORDER BY run_after, run_id",
        )

    def finished(self, monitor: str, run_type: str, count: int) -> list[tuple[str, str]]:
        """Wait until so many runs are done and return them; the time of none matters."""

        def done() -> list[tuple[str, str]] | None:
            found = self.runs(monitor, run_type)
            ended = [run for run in found if run[1] in ("success", "failed")]
            return found if len(found) == len(ended) == count else None

        found: list[tuple[str, str]] = self.until(done, f"{count} {run_type} runs of {monitor}")
        return found

    def attempts(self, monitor: str) -> dict[datetime, int]:
        """Return how often each window was evaluated, by its start."""
        return dict(
            rows(
                self.results,
                "SELECT window_start, count(*) FROM monitoring.evaluation_attempt "
                f"WHERE monitor = '{monitor}' GROUP BY 1 ORDER BY 1",
            )
        )

    def gauges(self, monitor: str) -> Series:
        """Return what the Pushgateway holds of a monitor."""
        return {
            key: value
            for key, value in scrape(self.gateway).items()
            if ("monitor", monitor) in key[1] and not key[0].startswith("push_")
        }

    def airflow(self, *arguments: str) -> str:
        """Run a command line of Airflow and return its output."""
        done = subprocess.run(
            [*AIRFLOW, *arguments],
            env=dict(self.env),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def answers(self) -> bool:
        """Say whether the API server is there: Dags can have runs before it is."""
        try:
            return bool(_json(urllib.request.Request(f"{self.url}/api/v2/version")))
        except urllib.error.URLError:
            return False

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Ask the REST API."""
        token = _json(urllib.request.Request(f"{self.url}/auth/token"))["access_token"]
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}", data=json.dumps(body).encode(), headers=headers
        )
        return _json(request)


def _json(request: urllib.request.Request) -> Any:
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: Server, _migrated_template: str
) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("scheduler")
    with mail_server() as mail, running_pushgateway(home / "pushgateway.log") as gateway:
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        metadata = postgres_server.url(postgres_server.create_database())
        results = postgres_server.url(postgres_server.create_database(template=_migrated_template))
        port = free_port()
        env = environment(home, metadata, port) | {
            "MONITORING_DATABASE_URL": results,
            "MONITORING_NOTIFY_EMAIL": "ops@example.com",
        }
        write_monitors(home / "monitors", today)
        url = f"http://127.0.0.1:{port}"
        running = Stack(home, env, url, metadata, results, gateway, mail, today)
        running.airflow("db", "migrate")
        connections = {
            "smtp_default": json.loads(mail.connection),
            "monitoring_pushgateway": gateway,
        }
        (home / "connections.json").write_text(json.dumps(connections))
        running.airflow("connections", "import", str(home / "connections.json"))
        with Processes(home / "processes.json", home) as processes:
            commands = {
                "api": ["api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
                "scheduler": ["scheduler"],
                "dag-processor": ["dag-processor"],
                "triggerer": ["triggerer"],
            }
            running.processes += [
                processes.start(name, [*AIRFLOW, *arguments], env=env, cwd=home)
                for name, arguments in commands.items()
            ]
            running.until(running.answers, "the API server")
            yield running


def environment(home: Path, metadata: str, port: int) -> dict[str, str]:
    """Return the environment of Airflow's processes, without the services of the jobs."""
    settings = {
        "DATABASE__SQL_ALCHEMY_CONN": metadata,
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": "",  # the asynchronous driver is not installed
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__SECRET_KEY": secrets.token_hex(32),
        "API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    }
    return airflow_environment(home) | {
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        "MONITORING_MONITORS": str(home / "monitors"),
        "MONITORING_REPORT_STORE": str(home / "reports"),
        "MONITORING_CACHE_DIR": str(home / "cache"),
        "MONITORING_CONNECTION_NOWHERE": "postgresql://u@127.0.0.1:1/x",
        "PYTHONWARNINGS": "ignore",
    }


def write_monitors(folder: Path, today: datetime) -> None:
    """Write a monitor that fills past windows, one that can never be in time, and a broken one."""
    folder.mkdir()
    chance = np.random.default_rng(7)

    def table(count: int) -> dict[str, Any]:
        columns = {"alcohol": chance.normal(10, 1, count)}
        return columns | {"region": chance.choice(["north", "south"], count)}

    hours = [today - timedelta(days=8) + timedelta(hours=hour) for hour in range(8 * 24)]
    times = pa.array([hour for hour in hours for _ in range(20)])
    pq.write_table(pa.table(table(len(times)) | {"ts": times}), folder / "data.parquet")
    pq.write_table(pa.table(table(500)), folder / "reference.parquet")
    write_monitor(folder, "filling", backfill_on_first_run=2, deadline="1s")
    # A database that is down is asked again after a minute: this run stays at work.
    down = {"source": "sql", "connection": "nowhere", "table": "log", "timestamp": "ts"}
    write_monitor(folder, "late", data=down, deadline="2s", owner="owner@example.com")
    (folder / "sour.yaml").write_text("name: sour\nschedul: x\n", encoding="utf-8")
    # Postgres stores neither; Airflow stores the Dags of one file all at once, or none of them.
    write_monitor(folder, "unseen", owner="a\0b", description="a\ud800b")
    (folder / os.fsdecode(b"nameless\xff.yaml")).write_text("name: nameless\n")


def subjects(stack: Stack, word: str) -> list[str]:
    return [str(m["Subject"]) for m in stack.mail.messages if word in str(m["Subject"])]


def day_of(stack: Stack, days_before: int) -> str:
    """Return the words for the window that starts so many days before today."""
    start = stack.today - days_before * DAY
    return f"{start:%Y-%m-%d} 00:00 to {start + DAY:%Y-%m-%d} 00:00 UTC"


def test_first_run_is_followed_by_those_of_past_windows_the_last_first(stack: Stack) -> None:
    ((_, state),) = stack.finished("filling", "scheduled", 1)
    assert state == "success"
    runs = stack.finished("filling", "operator_triggered", 2)
    ids = [(stack.today - days * DAY).strftime("%Y%m%dT000000Z") for days in (3, 2, 1)]
    assert runs == [
        (f"first_run__{ids[0]}--{ids[1]}__0_more", "success"),
        (f"first_run__{ids[1]}--{ids[2]}__1_more", "success"),
    ]
    # The backfill of another test may have been first; it judges the third day again.
    attempts = stack.attempts("filling")
    assert {days: attempts[stack.today - days * DAY] for days in (2, 1)} == {2: 1, 1: 1}
    assert attempts[stack.today - 3 * DAY] >= 1
    ends = [v for (name, _), v in stack.gauges("filling").items() if "window_end" in name]
    assert ends == [stack.today.timestamp()], "the gauges are those of the newest window"


def test_f62_file_that_airflow_could_not_store_costs_no_other_its_dag(stack: Stack) -> None:
    query = "SELECT dag_id FROM dag WHERE dag_id LIKE 'monitor__%' ORDER BY dag_id"
    stored = stack.until(lambda: rows(stack.metadata, query), "the Dags")
    names = ["filling", "late", "nameless_", "sour", "unseen"]
    assert [dag_id for (dag_id,) in stored] == [f"monitor__{name}" for name in names]


def test_missed_deadline_is_seen_at_the_gateway_and_heard_by_mail(stack: Stack) -> None:
    stack.until(lambda: subjects(stack, "late: evaluation is late"), "the notice")
    (subject,) = subjects(stack, "late: evaluation is late")
    assert subject == f"[monitoring] late: evaluation is late, {day_of(stack, 1)}"
    (message,) = [m for m in stack.mail.messages if str(m["Subject"]) == subject]
    text = " ".join(message.get_content().split())
    assert "not done 2s after the end of its window; its run is running" in text
    assert f"Run {stack.url}/dags/monitor__late/runs/scheduled__" in text
    assert "Owner owner@example.com" in text
    names = {name for name, _ in stack.gauges("late")}
    assert names == {"monitoring_last_failure_timestamp_seconds"}
    done = "SELECT c.state FROM callback c JOIN deadline d ON d.callback_id = c.id JOIN dag_run r "
    done += "ON r.id = d.dagrun_id WHERE r.dag_id = 'monitor__late' AND d.missed"
    assert stack.until(lambda: rows(stack.metadata, done) == [("success",)], "the callback's end")
    assert stack.runs("late") == [(stack.runs("late")[0][0], "running")]


def test_task_that_fails_on_a_worker_is_heard_of(stack: Stack) -> None:
    stack.until(lambda: subjects(stack, "sour"), "the notice")
    assert subjects(stack, "sour") == ["[monitoring] monitor__sour: read_monitor_file failed"]


def test_backfills_replace_windows_leave_the_gauges_alone_and_are_never_late(stack: Stack) -> None:
    stack.finished("filling", "operator_triggered", 2)
    before = stack.gauges("filling")
    chosen = ["--dag-id", "monitor__filling", "--reprocess-behavior", "completed"]
    dates = [f"{stack.today - days * DAY:%Y-%m-%d}" for days in (4, 3)]
    chosen += ["--from-date", dates[0], "--to-date", dates[1]]
    planned = stack.airflow("backfill", "create", *chosen, "--dry-run")
    assert all(f"| {date} 00:00:00+00:00" in planned for date in dates)
    assert stack.runs("filling", "backfill") == []
    stack.airflow("backfill", "create", *chosen)
    assert {state for _, state in stack.finished("filling", "backfill", 2)} == {"success"}
    day = f"{dates[0]}T00:00:00Z"
    body = {"from_date": day, "to_date": day, "reprocess_behavior": "completed"}
    # A Dag has one backfill at a time; the scheduler looks every 30 s whether it is done.
    done = "SELECT 1 FROM backfill WHERE completed_at IS NOT NULL"
    stack.until(lambda: rows(stack.metadata, done), "the end of the first backfill")
    stack.post("backfills", {"dag_id": "monitor__filling", **body})
    counts = {1: 1, 2: 1, 3: 2, 4: 2}
    expected = {stack.today - days * DAY: count for days, count in counts.items()}
    assert stack.until(lambda: stack.attempts("filling") == expected, "every window")
    assert {state for _, state in stack.finished("filling", "backfill", 2)} == {"success"}
    evaluations = "SELECT count(*) FROM monitoring.evaluation WHERE monitor = 'filling'"
    assert rows(stack.results, evaluations) == [(4,)]
    assert stack.gauges("filling") == before
    # All these runs have taken longer than the second that the monitor allows.
    late = "SELECT count(*) FROM deadline d JOIN dag_run r ON r.id = d.dagrun_id "
    late += "WHERE r.dag_id = 'monitor__filling' AND r.run_type <> 'scheduled' AND d.missed"
    assert rows(stack.metadata, late)[0][0] > 0
    assert subjects(stack, "filling") == [
        f"[monitoring] filling: evaluation is late, {day_of(stack, 1)}"
    ]


def test_backfill_that_cannot_be_is_refused_by_rest(stack: Stack) -> None:
    body = {"dag_id": "monitor__filling", "from_date": "2026-11-03T00:00:00Z"}
    stack.until(lambda: stack.runs("filling"), "the Dag")
    with pytest.raises(urllib.error.HTTPError, match="422"):
        stack.post("backfills", body | {"to_date": "2026-11-01T00:00:00Z", "windows": 3})
