"""The three jobs through their real Airflow Dags, in processes beside each other."""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from monitoring_jobs.demo.folder import DemoFolder
from monitoring_jobs.demo.postgres import Postgres
from monitoring_jobs.demo.processes import Processes
from monitoring_jobs.demo.services import PROJECT, Pushgateway, environment
from monitoring_jobs.errors import TerminalError
from monitoring_jobs.windows import Window, utc_text

DAGS = PROJECT / "dags"
TEXTFILE = "monitoring.prom"

OnResult = Callable[[str, Mapping[str, object]], None]


@dataclass(frozen=True, slots=True, eq=False)
class DagProcess:
    """Dags that one process runs one after another.

    Attributes:
        name: Name of its log.
        dags: Ids of the Dags.
        span: From the start of the first window to the end of the last.
        env: Environment of the process.
    """

    name: str
    dags: tuple[str, ...]
    span: Window
    env: Mapping[str, str]

    @property
    def command(self) -> list[str]:
        """The command line."""
        chosen = [part for dag in self.dags for part in ("--dag", dag)]
        ends = ("--start", utc_text(self.span.start), "--end", utc_text(self.span.end))
        return [sys.executable, str(DAGS / "_run_windows.py"), *chosen, *ends]


def require_dags() -> None:
    """Refuse to start where the Dags are not at hand.

    Raises:
        TerminalError: The package was installed without the project around it.
    """
    if not (DAGS / "_run_windows.py").is_file():
        raise TerminalError(
            f"the demo needs the project's Dags, and {DAGS} holds none",
            "run it from a clone of the project",
        )


def airflow_environment(
    folder: DemoFolder, database: Postgres, gateway: Pushgateway | None
) -> dict[str, str]:
    """Return the environment in which Airflow and the jobs find the demo's services."""
    gauges = (
        {"PUSHGATEWAY_URL": gateway.url}
        if gateway
        else {"MONITORING_TEXTFILE": str(folder.gauges / TEXTFILE)}
    )
    return environment(
        **gauges,
        AIRFLOW_HOME=str(folder.airflow),
        AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=database.url("airflow"),
        # Left empty, Airflow does without the asynchronous driver that only its API server needs.
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC="",
        MONITORING_DATABASE_URL=database.url("monitoring", "monitoring_writer"),
        MONITORING_REPORT_STORE=str(folder.reports),
        MONITORING_CACHE_DIR=str(folder.cache),
        MONITORING_MONITORS=str(folder.monitors),
        MONITORING_THREADS="1",  # one process per core is at work already
    )


def start_airflow_migration(processes: Processes, env: Mapping[str, str], cwd: Path) -> Popen[str]:
    """Start to build Airflow's metadata database; it takes a while and needs nobody."""
    command = [sys.executable, "-m", "airflow", "db", "migrate"]
    return processes.start("airflow-migrate", command, env=env, cwd=cwd)


def run_dags(
    chains: Sequence[DagProcess],
    *,
    processes: Processes,
    cwd: Path,
    on_result: OnResult,
) -> None:
    """Run all chains at once and hand on each finished Dag run as it is reported.

    Raises:
        StepFailed: A Dag run failed or a process broke off.
    """
    lines: queue.Queue[tuple[DagProcess, str | None]] = queue.Queue()
    running: dict[DagProcess, Popen[str]] = {}
    try:
        for chain in chains:
            process = processes.start(
                chain.name, chain.command, env=chain.env, cwd=cwd, pipe_stdout=True
            )
            running[chain] = process
            threading.Thread(target=_read, args=(chain, process, lines), daemon=True).start()
        open_chains = set(running)
        while open_chains:
            chain, line = lines.get()
            if line is not None:
                _judge(chain, line, processes, on_result)
                continue
            open_chains.discard(chain)
            if code := running[chain].wait():
                raise processes.failure(chain.name, f"ended with exit code {code}")
    finally:
        processes.end(*running.values())


def _read(
    chain: DagProcess,
    process: Popen[str],
    lines: queue.Queue[tuple[DagProcess, str | None]],
) -> None:
    if process.stdout is not None:
        try:
            for line in process.stdout:
                lines.put((chain, line))
        except ValueError:
            pass  # the pipe was closed because the demo is ending
    lines.put((chain, None))


def _judge(chain: DagProcess, line: str, processes: Processes, on_result: OnResult) -> None:
    try:
        result = json.loads(line)
        dag_id, state = result["dag_id"], result["state"]
    except (ValueError, KeyError, TypeError) as exc:
        raise processes.failure(
            chain.name, f"printed {line.strip()!r}, which is no result"
        ) from exc
    if state != "success":
        tasks = ", ".join(result.get("failed_tasks", [])) or "no task"
        raise processes.failure(chain.name, f"Dag {dag_id} ended {state}; failed: {tasks}")
    on_result(dag_id, result)
