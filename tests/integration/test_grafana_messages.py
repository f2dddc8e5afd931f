"""Grafana's routes and messages, by the program that Grafana's own are built from: Alertmanager."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "grafana" / "provisioning" / "alerting"
EVERYTHING = {
    "MONITORING_ALERT_SLACK_SEVERITIES": "critical|warning",
    "MONITORING_ALERT_PAGERDUTY_SEVERITIES": "critical",
    "MONITORING_ALERT_WEBHOOK_SEVERITIES": "critical|warning",
}


def _read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def _amtool(*arguments: str) -> str:
    done = subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _configuration(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what Grafana's files mean, in Alertmanager's words."""
    (policy,) = _read("policies.yaml")["policies"]
    points = _read("contact-points.yaml")["contactPoints"]
    timings = _read("mute-timings.yaml")["muteTimes"]
    return {
        "route": _route(policy, environment),
        "receivers": [{"name": point["name"]} for point in points],
        "time_intervals": [
            {"name": timing["name"], "time_intervals": timing["time_intervals"]}
            for timing in timings
        ],
    }


def _route(policy: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    route = {k: v for k, v in policy.items() if k not in ("orgId", "object_matchers", "routes")}
    route["matchers"] = [
        f"{name} {operator} {json.dumps(_filled(value, environment))}"
        for name, operator, value in policy.get("object_matchers", [])
    ]
    route["routes"] = [_route(child, environment) for child in policy.get("routes", [])]
    return route


def _filled(value: str, environment: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda variable: environment.get(variable[1], ""), value)


@pytest.mark.parametrize(
    ("environment", "severity", "receivers"),
    [
        (EVERYTHING, "critical", "webhook,pagerduty,slack,email"),
        (EVERYTHING, "warning", "webhook,slack,email"),
        ({}, "critical", "email"),
        ({}, "warning", "email"),
    ],
)
def test_alert_reaches_those_who_asked_for_its_severity(
    tmp_path: Path, environment: Mapping[str, str], severity: str, receivers: str
) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.safe_dump(_configuration(environment)), encoding="utf-8")

    _amtool("check-config", str(file))
    found = _amtool("config", "routes", "test", f"--config.file={file}", f"severity={severity}")

    assert found.strip() == receivers


def _message(folder: Path, name: str, alerts: list[dict[str, Any]]) -> str:
    (template,) = _read("templates.yaml")["templates"]
    (folder / "1.tmpl").write_text(template["template"], encoding="utf-8")
    # Only Grafana's alerts know where to be silenced.
    silence = '{{ define "monitoring.silence" }}\nSilence: here{{ end }}'
    (folder / "2.tmpl").write_text(silence, encoding="utf-8")
    data = folder / "data.json"
    severities = {alert["labels"]["severity"] for alert in alerts}
    common = {"severity": severities.pop()} if len(severities) == 1 else {}
    group = {"alertname": "DriftPersists"}
    text = {"alerts": alerts, "groupLabels": group, "commonLabels": common}
    data.write_text(json.dumps(text), encoding="utf-8")
    return _amtool(
        "template",
        "render",
        f"--template.glob={folder}/*.tmpl",
        f'--template.text={{{{ template "{name}" . }}}}',
        f"--template.data={data}",
    ).rstrip("\n")


def _alert(monitor: str, status: str = "firing", **annotations: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {
            "alertname": "DriftPersists",
            "severity": "warning",
            "monitor": monitor,
            "owner": "team@example.com",
        },
        "annotations": {
            "summary": f"{monitor}: drift for 3 windows in a row, columns: 2",
            "description": f"{monitor} has columns that drifted.",
            **annotations,
        },
        "startsAt": "2026-11-20T02:15:00Z",
    }


def test_subject_is_the_alert_or_how_many_there_are(tmp_path: Path) -> None:
    one, other, over = _alert("wine"), _alert("beer"), _alert("tea", "resolved")
    critical = {**other, "labels": {**other["labels"], "severity": "critical"}}
    subjects = [
        _message(tmp_path, "monitoring.subject", alerts)
        for alerts in ([one], [one, other, over], [over], [one, critical])
    ]

    assert subjects == [
        "warning: wine: drift for 3 windows in a row, columns: 2",
        "warning: DriftPersists, 2 firing, 1 resolved",
        "resolved: tea: drift for 3 windows in a row, columns: 2",
        "alert: DriftPersists, 2 firing",
    ]


def test_text_says_what_since_when_whose_and_where_to_look(tmp_path: Path) -> None:
    alert = _alert("wine", report_url="http://airflow/report", dashboard_url="http://grafana/d/x")

    assert _message(tmp_path, "monitoring.text", [alert, _alert("tea", "resolved")]) == (
        "wine: drift for 3 windows in a row, columns: 2\n"
        "wine has columns that drifted.\n"
        "DriftPersists (warning), firing since 2026-11-20 02:15 UTC, owner team@example.com\n"
        "Report: http://airflow/report\n"
        "Dashboard: http://grafana/d/x\n"
        "Silence: here\n"
        "\n"
        "Resolved:\n"
        "- tea: drift for 3 windows in a row, columns: 2 (since 2026-11-20 02:15 UTC)"
    )
