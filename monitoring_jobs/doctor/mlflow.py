"""MLflow: reachable by this host name, its registry and its artifacts readable."""

from __future__ import annotations

import os

from monitoring_jobs.doctor.circumstances import Circumstances
from monitoring_jobs.doctor.findings import Chart, Finding, Findings, configured, first_line
from monitoring_jobs.doctor.web import Answer, WebService, basic
from monitoring_jobs.errors import MonitoringError
from monitoring_jobs.tracking.address import split_credentials

_URI = "MLFLOW_TRACKING_URI"
_API = "/api/2.0/mlflow"
# No such folder: a list of nothing costs nothing, and asks the storage all the same.
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_NOWHERE = "monitoring-jobs-doctor"


def examine_mlflow(case: Circumstances) -> Findings:
    """Yield how the tracking server is; nothing is written there."""
    chart = Chart("mlflow")
    server = _server(configured(case.settings.mlflow_tracking_uri, "MLflow", _URI), case)
    server.require("/health")
    yield chart.ok("reachable", f"{server.place} answers")
    for check, look in (("registry", _registry), ("artifacts", _artifacts)):
        try:
            finding = look(chart, server)
        except MonitoringError as exc:
            finding = chart.error(check, exc)
        yield finding
        if finding.check == "allowed hosts":
            return


def _server(uri: str, case: Circumstances) -> WebService:
    address, user, password = split_credentials(uri)
    user = user or os.environ.get("MLFLOW_TRACKING_USERNAME", "")
    password = password or os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return WebService(
        "mlflow",
        "MLflow",
        address,
        variable=_URI,
        clock=case.clock,
        authorization=basic(user, password) if user else f"Bearer {token}" if token else None,
        ca_file=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None,
    )


def _registry(chart: Chart, server: WebService) -> Finding:
    answer = server.get(f"{_API}/registered-models/search", {"max_results": 1})
    if answer.code == 403 and "Host header" in answer.text:
        return chart.failed(
            "allowed hosts",
            f"{server.place} does not accept the host name that it is called by",
            "start it with MLFLOW_SERVER_ALLOWED_HOSTS (or --allowed-hosts) naming that host",
        )
    if answer.code in (401, 403):
        return chart.failed(
            "registry",
            f"{server.place} refuses the credentials ({answer.code})",
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
        )
    if answer.code >= 500:
        return chart.failed(
            "registry",
            f"{server.place} cannot read its registry ({answer.code})",
            "look at its log: is its database up, and upgraded by mlflow db upgrade?",
        )
    content = answer.parsed()
    if answer.code != 200 or not isinstance(content, dict):
        raise server.odd(answer)
    found = bool(content.get("registered_models"))
    return chart.ok("registry", "readable" if found else "readable; no model is registered yet")


def _artifacts(chart: Chart, server: WebService) -> Finding:
    answer = server.get(_ARTIFACTS, {"path": _NOWHERE})
    if answer.code == 503 and not _has_list(answer):
        return chart.skipped(
            "artifacts",
            f"{server.place} hands on no artifacts: clients fetch them from the storage",
            "start it with --serve-artifacts to have it checked here",
        )
    told = _told(answer)
    if told or answer.code >= 500:
        return chart.failed(
            "artifacts",
            f"{server.place} cannot read its artifact storage: {told or answer.code}",
            "make the bucket or folder of --artifacts-destination"
            if answer.code == 404
            else "see that the storage is up, and that the server's own keys may read it",
        )
    if not _has_list(answer):
        raise server.odd(answer)
    return chart.ok("artifacts", "the artifact storage is readable through the server")


def _has_list(answer: Answer) -> bool:
    return answer.code == 200 and isinstance(answer.parsed(), dict)


def _told(answer: Answer) -> str:
    """Return what MLflow says of an error of its storage, on one line; empty where it does not."""
    content = answer.parsed()
    if answer.code == 200 or not isinstance(content, dict) or "error_code" not in content:
        return ""
    return first_line(str(content.get("message", ""))) or str(content["error_code"])
