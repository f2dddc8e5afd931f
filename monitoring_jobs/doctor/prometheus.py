"""Prometheus: scrapes the Pushgateway as it must, has all rules, tells an Alertmanager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitoring_jobs.doctor.circumstances import Circumstances
from monitoring_jobs.doctor.expected import ALERTS
from monitoring_jobs.doctor.findings import Chart, Finding, Findings, configured, listed
from monitoring_jobs.doctor.web import WebService

_URL = "MONITORING_PROMETHEUS_URL"
_RELOAD = "and reload it"


def examine_prometheus(case: Circumstances) -> Findings:
    """Yield how Prometheus is."""
    chart = Chart("prometheus")
    url = configured(case.settings.prometheus_url, "Prometheus", _URL)
    server = WebService(
        "prometheus",
        "Prometheus",
        url.get_secret_value(),
        variable=_URL,
        clock=case.clock,
    )
    server.require("/-/ready")
    yield chart.ok("reachable", f"{server.place} is ready")
    yield _configuration(chart, server)
    yield from _targets(chart, server, pushes=case.settings.pushgateway_url is not None)
    yield from _rules(chart, server)
    yield _alertmanagers(chart, server)


def _configuration(chart: Chart, server: WebService) -> Finding:
    if server.fetch_data("/api/v1/status/runtimeinfo").get("reloadConfigSuccess") is False:
        return chart.failed(
            "configuration",
            f"{server.place} could not read its configuration and goes on with an older one",
            "run promtool check config docker/prometheus/prometheus.yml, mend it, " + _RELOAD,
        )
    return chart.ok("configuration", "is loaded")


def _targets(chart: Chart, server: WebService, *, pushes: bool) -> Findings:
    targets = server.fetch_data("/api/v1/targets", {"state": "active"}).get("activeTargets") or []
    down = sorted(
        f"{target['labels'].get('job')} ({target['labels'].get('instance')})"
        for target in targets
        if target.get("health") == "down"
    )
    if pushes:
        yield from _gateway(chart, server, targets)
        down = [name for name in down if not name.startswith("pushgateway ")]
    if down:
        yield chart.warning(
            "targets",
            f"does not reach {listed(down)}",
            "start it, or take it out of docker/prometheus/targets",
        )
    elif targets:
        yield chart.ok("targets", f"{len(targets)} are scraped")


def _gateway(chart: Chart, server: WebService, targets: list[Mapping[str, Any]]) -> Findings:
    found = [one for one in targets if "pushgateway" in str(one.get("scrapePool"))]
    cure = "name its host:port in docker/prometheus/targets/pushgateway.yml"
    if not found:
        yield chart.failed("pushgateway", "scrapes no Pushgateway", cure)
        return
    down = [str(one["labels"].get("instance")) for one in found if one.get("health") == "down"]
    if down:
        yield chart.failed("pushgateway", f"does not reach the Pushgateway {listed(down)}", cure)
    elif not _honors_labels(server):
        yield chart.failed(
            "pushgateway",
            "scrapes the Pushgateway without honor_labels: monitors lose their job label",
            "set honor_labels: true for the job pushgateway, " + _RELOAD,
        )
    else:
        yield chart.ok("pushgateway", "is scraped, its labels are honored")


def _honors_labels(server: WebService) -> bool:
    import yaml

    text = server.fetch_data("/api/v1/status/config").get("yaml", "")
    try:
        jobs = (yaml.safe_load(text) or {}).get("scrape_configs") or []
    except yaml.YAMLError:
        return True  # nobody can tell
    pools = [job for job in jobs if "pushgateway" in str(job.get("job_name"))]
    return all(job.get("honor_labels") for job in pools)


def _rules(chart: Chart, server: WebService) -> Findings:
    groups = server.fetch_data("/api/v1/rules").get("groups") or []
    rules = [rule for group in groups for rule in group.get("rules") or []]
    loaded = {rule["name"] for rule in rules if rule.get("type") == "alerting"}
    missing = sorted(ALERTS - loaded)
    if missing:
        yield chart.failed(
            "rules",
            f"alert rules are not loaded: {listed(missing)}",
            "mount docker/prometheus/rules beside prometheus.yml, " + _RELOAD,
        )
    ill = sorted({rule["name"] for rule in rules if rule.get("health") == "err"})
    if ill:
        yield chart.failed(
            "rules",
            f"rules cannot be evaluated: {listed(ill)}",
            f"see {server.place}, page /rules",
        )
    if not missing and not ill:
        yield chart.ok("rules", f"{len(rules)} rules are loaded, all {len(ALERTS)} alerts")


def _alertmanagers(chart: Chart, server: WebService) -> Finding:
    found = server.fetch_data("/api/v1/alertmanagers").get("activeAlertmanagers") or []
    if not found:
        return chart.failed(
            "alertmanager",
            "knows no Alertmanager: nobody is told of alerts",
            "name its host:port in docker/prometheus/targets/alertmanager.yml",
        )
    return chart.ok("alertmanager", f"tells {len(found)} Alertmanager")
