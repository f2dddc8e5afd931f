"""What `make up` runs over a demo's Postgres: each process, and how to tell that it is healthy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from monitoring_jobs.demo import airflow
from monitoring_jobs.demo.dag_runs import airflow_environment
from monitoring_jobs.demo.folder import DemoFolder
from monitoring_jobs.demo.ports import Ports
from monitoring_jobs.demo.postgres import Postgres
from monitoring_jobs.demo.processes import StepFailed, as_tail
from monitoring_jobs.demo.services import (
    Pushgateway,
    answers,
    environment,
    mlflow_command,
    mlflow_environment,
    pushgateway_command,
    pushgateway_program,
)
from monitoring_jobs.links import DAG_PREFIX
from monitoring_jobs.monitor_files import load_folder

_JOBS_DAGS = ("extract_mlflow_runs", "maintain_store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process of the stack.

    Attributes:
        name: Its name, and that of its log.
        command: The command line.
        env: Its environment.
        url: Where it answers, if it does by HTTP.
        healthy: Tells whether it is up.
    """

    name: str
    command: list[str]
    env: Mapping[str, str]
    url: str | None = None
    healthy: Callable[[], bool]


def plan(folder: DemoFolder, database: Postgres, ports: Ports, since: datetime) -> list[Part]:
    """Return what is to be started, slowest first.

    Args:
        folder: Where a demo has run.
        database: Its Postgres.
        ports: Free ports, each one named.
        since: When the start began: an older sign of life is that of an earlier stack.
    """
    known = airflow.keep_secrets(folder)
    mlflow, gateway = _url(ports.mlflow), _url(ports.pushgateway)
    program = pushgateway_program()
    env = {
        **airflow_environment(folder, database, Pushgateway(gateway) if program else None),
        **airflow.settings(folder, known, ports.airflow or 0),
        "MLFLOW_TRACKING_URI": mlflow,
        "MONITORING_MLFLOW_URL": mlflow,
        "MONITORING_READER_URL": database.url("monitoring", "monitoring_reader"),
    }
    parts = _airflow(ports.airflow or 0, env, known, folder.monitors, since)
    parts.append(
        Part(
            name="mlflow",
            command=mlflow_command(folder, database, ports.mlflow or 0),
            env=mlflow_environment(),
            url=mlflow,
            healthy=lambda: answers(f"{mlflow}/health"),
        )
    )
    if program:
        parts.append(
            Part(
                name="pushgateway",
                command=pushgateway_command(program, ports.pushgateway or 0, folder.gateway),
                env=environment(),
                url=gateway,
                healthy=lambda: answers(f"{gateway}/-/ready"),
            )
        )
    return parts


def _airflow(
    port: int, env: Mapping[str, str], known: airflow.Secrets, monitors: Path, since: datetime
) -> list[Part]:
    url = _url(port)
    api = airflow.Api(url, known.password)
    dags = {DAG_PREFIX + file.spec.name for file in load_folder(monitors) if file.spec}
    waiting = {*dags, *_JOBS_DAGS}

    def beats(job: str) -> bool:
        return api.heartbeats().get(job, since) > since

    def parsed() -> bool:
        if beats("dag_processor"):
            waiting.difference_update([dag for dag in waiting if api.parsed(dag, since)])
            for file, trace in api.import_errors(since).items() if waiting else ():
                last = trace.strip().splitlines()[-1]
                raise StepFailed(f"Dag file {file} cannot be imported: {last}", "", as_tail(trace))
        return not waiting

    checks: dict[str, Callable[[], bool]] = {
        airflow.API_SERVER: lambda: bool(api.heartbeats()),
        "airflow-scheduler": lambda: beats("scheduler"),
        "airflow-dag-processor": parsed,
        "airflow-triggerer": lambda: beats("triggerer"),
    }
    return [
        Part(
            name=name,
            command=command,
            env=env,
            url=url if name == airflow.API_SERVER else None,
            healthy=checks[name],
        )
        for name, command in airflow.commands(port).items()
    ]


def _url(port: int | None) -> str:
    return f"http://127.0.0.1:{port}"
