"""Airflow: its parts alive, its Dags without errors, those of the monitors there and not paused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from monitoring_jobs.doctor.circumstances import Circumstances
from monitoring_jobs.doctor.expected import DAGS
from monitoring_jobs.doctor.findings import Chart, Finding, Findings, configured, listed
from monitoring_jobs.doctor.monitors import unknown_connections
from monitoring_jobs.doctor.web import WebService
from monitoring_jobs.links import DAG_PREFIX

_PARTS = {
    "metadatabase": "the metadata database",
    "scheduler": "the scheduler",
    "dag_processor": "the Dag processor",
    "triggerer": "the triggerer",
}
_CURES = {
    "metadatabase": "check that Postgres runs, and AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "scheduler": "start airflow scheduler, or look at its log",
    "dag_processor": "start airflow dag-processor, or look at its log",
    "triggerer": "start airflow triggerer, or look at its log",
}
_URL = "MONITORING_AIRFLOW_API_URL"
_LOGIN = "MONITORING_AIRFLOW_USER and MONITORING_AIRFLOW_PASSWORD"
_PAGE = 100  # what [api] maximum_page_limit allows by default


def examine_airflow(case: Circumstances) -> Findings:
    """Yield how Airflow is."""
    chart = Chart("airflow")
    settings = case.settings
    url = configured(settings.airflow_api, "Airflow", _URL)
    server = WebService("airflow", "Airflow", url, variable=_URL, clock=case.clock)
    health = server.fetch("/api/v2/monitor/health")
    if "metadatabase" not in health:
        raise server.stranger()
    yield chart.ok("reachable", f"{server.place} answers")
    yield from _parts(chart, health)
    user, password = settings.airflow_user, settings.airflow_password
    if user is None or password is None:
        yield chart.skipped("login", "no login is configured", f"set {_LOGIN}")
        return
    login = _log_in(chart, server, user, password.get_secret_value())
    yield login
    if not login.status.severity:
        yield _import_errors(chart, server)
        yield from _dags(chart, server, case)
        yield from _connections(chart, server, case)


def _parts(chart: Chart, health: Mapping[str, Any]) -> Findings:
    ill = 0
    for part, title in _PARTS.items():
        told = health.get(part) or {}
        if told.get("status") == "healthy":
            continue
        ill += 1
        beat = told.get(f"latest_{part}_heartbeat")
        last = f"; its last heartbeat was at {beat}" if beat else ""
        yield chart.failed(part.replace("_", " "), f"{title} is not alive{last}", _CURES[part])
    if not ill:
        yield chart.ok("parts", "scheduler, Dag processor, triggerer and metadata database live")


def _log_in(chart: Chart, server: WebService, user: str, password: str) -> Finding:
    answer = server.post("/auth/token", {"username": user, "password": password})
    content = answer.parsed()
    token = content.get("access_token") if isinstance(content, dict) else None
    if answer.code in (200, 201) and token:
        server.authorization = f"Bearer {token}"
        return chart.ok("login", "user and password are right")
    if answer.code in (401, 403):
        return chart.failed("login", f"{server.place} refuses user and password", f"check {_LOGIN}")
    raise server.odd(answer)


def _import_errors(chart: Chart, server: WebService) -> Finding:
    content = server.fetch("/api/v2/importErrors", {"limit": _PAGE})
    files = sorted({str(one.get("filename")) for one in content.get("import_errors") or []})
    if files:
        return chart.failed(
            "import errors",
            f"Dag files cannot be imported: {listed(files)}",
            "see Dag Import Errors on Airflow's first page",
        )
    return chart.ok("import errors", "none")


def _dags(chart: Chart, server: WebService, case: Circumstances) -> Findings:
    found = {str(dag["dag_id"]): bool(dag.get("is_paused")) for dag in _all_dags(server)}
    wanted = [*DAGS, *(f"{DAG_PREFIX}{spec.name}" for spec in case.monitors)]
    missing = [name for name in wanted if name not in found]
    if missing:
        yield chart.failed(
            "dags",
            f"there is no Dag {listed(missing)}",
            "see that the Dag processor has dags/ and reads the same MONITORING_MONITORS",
        )
    paused = [name for name in wanted if found.get(name)]
    if paused:
        yield chart.warning(
            "dags",
            f"paused: {listed(paused)}",
            "unpause what is to run: airflow dags unpause DAG, or the switch on its page",
        )
    if not missing and not paused:
        yield chart.ok("dags", f"all {len(wanted):,} are there, none is paused")


def _all_dags(server: WebService) -> Iterator[Mapping[str, Any]]:
    begun = 0
    while True:
        content = server.fetch(
            "/api/v2/dags", {"limit": _PAGE, "offset": begun, "order_by": "dag_id"}
        )
        page = content.get("dags") or []
        yield from page
        begun += len(page)
        if not page or begun >= int(content.get("total_entries") or 0):
            return


def _connections(chart: Chart, server: WebService, case: Circumstances) -> Findings:
    """Yield connections of monitors that neither the environment nor Airflow knows."""
    for name, monitors in unknown_connections(case).items():
        answer = server.get(f"/api/v2/connections/{name}")
        if answer.code == 404:
            yield chart.failed(
                "connections",
                f"connection {name!r} of {listed(monitors)} is not there",
                f"make the connection in Airflow, or set MONITORING_CONNECTION_{name.upper()}",
            )
