"""Grafana: the login, the datasources by their fixed uids, the dashboards."""

from __future__ import annotations

from monitoring_jobs.doctor.circumstances import Circumstances
from monitoring_jobs.doctor.expected import DASHBOARDS, DATASOURCES
from monitoring_jobs.doctor.findings import Chart, Finding, Findings, configured, first_line, listed
from monitoring_jobs.doctor.web import Answer, WebService, basic

_ALERTMANAGER = "alertmanager-datasource"
_URL = "MONITORING_GRAFANA_API_URL"
_LOGIN = ("GRAFANA_ADMIN_USER", "GRAFANA_ADMIN_PASSWORD")


def examine_grafana(case: Circumstances) -> Findings:
    """Yield how Grafana is."""
    chart = Chart("grafana")
    settings = case.settings
    url = configured(settings.grafana_api, "Grafana", _URL)
    user, password = settings.grafana_admin_user, settings.grafana_admin_password
    server = WebService(
        "grafana",
        "Grafana",
        url,
        variable=_URL,
        clock=case.clock,
        authorization=basic(user, password.get_secret_value()) if user and password else None,
    )
    yield _health(chart, server)
    if server.authorization is None:
        yield chart.skipped("login", "no login is configured", f"set {' and '.join(_LOGIN)}")
        return
    login = _login(chart, server)
    yield login
    if login.status.severity:
        return
    yield from _datasources(chart, server)
    yield _dashboards(chart, server)


def _health(chart: Chart, server: WebService) -> Finding:
    answer = server.get("/api/health")
    content = answer.parsed()
    if not isinstance(content, dict) or "database" not in content:
        raise server.odd(answer)
    if content["database"] != "ok":
        return chart.failed(
            "reachable",
            f"{server.place} does not reach its own database",
            "look at its log, and at the volume or database that it keeps its state in",
        )
    return chart.ok("reachable", f"{server.place} answers, version {content.get('version', '?')}")


def _login(chart: Chart, server: WebService) -> Finding:
    answer = server.get("/api/org")
    if answer.code in (401, 403):
        return chart.failed(
            "login",
            f"{server.place} refuses user and password",
            f"check {' and '.join(_LOGIN)}: Grafana reads its own only at its first start, "
            "later its page or monitoring-jobs stack rotate changes them",
        )
    if answer.code != 200:
        raise server.odd(answer)
    return chart.ok("login", "user and password are right")


def _datasources(chart: Chart, server: WebService) -> Findings:
    found = {source.get("uid") for source in server.fetch_list("/api/datasources")}
    missing = sorted(DATASOURCES.keys() - found)
    if missing:
        yield chart.failed(
            "datasources",
            f"there is no datasource {listed(missing)}",
            "mount grafana/provisioning at /etc/grafana/provisioning",
        )
    ill = 0
    for uid, variables in DATASOURCES.items():
        if uid not in missing and (problem := _illness(server, uid)):
            ill += 1
            yield chart.failed(
                "datasources",
                f"datasource {uid} does not work: {problem}",
                f"check {variables} of Grafana's environment",
            )
    if not missing and not ill:
        yield chart.ok("datasources", f"all {len(DATASOURCES)} are there and work")


def _illness(server: WebService, uid: str) -> str:
    """Return what Grafana says is wrong with a datasource; empty where it works."""
    if uid == _ALERTMANAGER:
        # This plugin lives in the browser: asked for its health Grafana says that it has none.
        answer = server.get(f"/api/datasources/proxy/uid/{uid}/api/v2/status")
        return "" if answer.code == 200 else f"it is answered {answer.code}"
    answer = server.get(f"/api/datasources/uid/{uid}/health")
    return "" if _says_ok(answer) else _reason(answer)


def _says_ok(answer: Answer) -> bool:
    content = answer.parsed()
    return answer.code == 200 and isinstance(content, dict) and content.get("status") == "OK"


def _reason(answer: Answer) -> str:
    content = answer.parsed()
    told = content.get("message") if isinstance(content, dict) else None
    return first_line(str(told or f"status {answer.code}"))


def _dashboards(chart: Chart, server: WebService) -> Finding:
    found = {
        one.get("uid")
        for one in server.fetch_list("/api/search", {"type": "dash-db", "limit": 5000})
    }
    missing = sorted(DASHBOARDS - found)
    if missing:
        return chart.failed(
            "dashboards",
            f"there is no dashboard {listed(missing)}",
            "mount grafana/dashboards at /etc/grafana/dashboards",
        )
    return chart.ok("dashboards", f"all {len(DASHBOARDS)} are there")
