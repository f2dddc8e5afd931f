"""What `make up` runs over a demo's Postgres: each process, and how to tell that it is healthy."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from monitoring_jobs.demo import airflow, alerting
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


def addresses(ports: Ports) -> dict[str, str | None]:
    """Return where a browser finds the user interfaces; None where nobody has said.

    Grafana is not ours: who runs one on the results says where.
    """
    return {
        "airflow": f"{_url(ports.airflow)}/",
        "mlflow": _url(ports.mlflow),
        "grafana": os.environ.get("MONITORING_GRAFANA_URL") or None,
    }


def plan(
    folder: DemoFolder,
    database: Postgres,
    ports: Ports,
    since: datetime,
    smarthost: str | None = None,
) -> list[Part]:
    """Return what is to be started, slowest first.

    Args:
        folder: Where a demo has run.
        database: Its Postgres.
        ports: Free ports, each one named.
        since: When the start began: an older sign of life is that of an earlier stack.
        smarthost: Where the Alertmanager's mails go, as ``host:port``; None is without one.
    """
    known = airflow.keep_secrets(folder)
    mlflow, gateway = _url(ports.mlflow), _url(ports.pushgateway)
    pushes = Pushgateway(gateway) if pushgateway_program() else None
    grafana = addresses(ports)["grafana"]
    env = {
        **airflow_environment(folder, database, pushes),
        **airflow.settings(folder, known, ports.airflow or 0),
        "MLFLOW_TRACKING_URI": mlflow,
        "MONITORING_MLFLOW_URL": mlflow,
        "MONITORING_READER_URL": database.url("monitoring", "monitoring_reader"),
        **({"MONITORING_GRAFANA_URL": grafana} if grafana else {}),
    }
    tracking = Part(
        name="mlflow",
        command=mlflow_command(folder, database, ports.mlflow or 0),
        env=mlflow_environment(),
        url=mlflow,
        healthy=lambda: answers(f"{mlflow}/health"),
    )
    scraped = [
        *_gateway(folder, ports.pushgateway or 0),
        *_alertmanager(folder, ports.alertmanager or 0, smarthost),
    ]
    return [
        *_airflow(ports.airflow or 0, env, known, folder.monitors, since),
        tracking,
        *scraped,
        *_prometheus(folder, ports, scraped),
    ]


def _gateway(folder: DemoFolder, port: int) -> list[Part]:
    program = pushgateway_program()
    if program is None:
        return []
    return [
        Part(
            name="pushgateway",
            command=pushgateway_command(program, port, folder.gateway),
            env=environment(),
            url=_url(port),
            healthy=lambda: answers(f"{_url(port)}/-/ready"),
        )
    ]


def _alertmanager(folder: DemoFolder, port: int, smarthost: str | None) -> list[Part]:
    program = alerting.alertmanager_program()
    if program is None or smarthost is None:
        return []
    alerting.prepare_alertmanager(folder.alertmanager, smarthost)
    return [
        Part(
            name="alertmanager",
            command=alerting.alertmanager_command(program, port, folder),
            env=environment(),
            url=_url(port),
            healthy=lambda: answers(f"{_url(port)}/-/ready"),
        )
    ]


def _prometheus(folder: DemoFolder, ports: Ports, scraped: Sequence[Part]) -> list[Part]:
    program = alerting.prometheus_program()
    if program is None:
        return []
    port = ports.prometheus or 0
    jobs = {part.name: urlsplit(part.url or "").port or 0 for part in scraped}
    jobs["prometheus"] = port
    alerting.prepare_prometheus(folder.prometheus, jobs)
    known = {f"MONITORING_{name.upper()}_URL": url or "" for name, url in addresses(ports).items()}
    return [
        Part(
            name="prometheus",
            command=alerting.prometheus_command(program, port, folder),
            env=environment(**known),
            url=_url(port),
            healthy=lambda: alerting.scrapes(_url(port), jobs),
        )
    ]


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
