"""docker/compose.yaml as it stands, run by this machine's programs, with the demo's day on it."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from monitoring_jobs.demo.faults import DIABETES, MONITORS, WINE, expected_verdict, faults_on
from monitoring_jobs.demo.verdicts import Verdict, read_verdicts
from monitoring_jobs.windows import Window
from tests.fixtures.prometheus import Prometheus, wait_until
from tests.stack.assembly import Assembly
from tests.stack.conftest import Running
from tests.stack.images import PROJECT
from tests.stack.looking import declared_writable, memory_table, resident, rights, writable_mounts
from tests.stack.network import in_namespace
from tests.stack.project import fresh_project
from tests.stack.rendered import render
from tests.stack.services import Container

ONE_SHOTS = {"airflow-init", "demo", "storage-init"}
TARGETS = PROJECT / "docker" / "prometheus" / "targets"
# Until Airflow has found its Dags and their first runs have ended, at the pace that compose sets.
PATIENCE = 300.0


def yesterday() -> Window:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(midnight - timedelta(days=1), midnight)


@pytest.fixture(scope="module")
def verdicts(stack: Running) -> dict[str, Verdict]:
    """What Airflow's own first runs have made of yesterday, as soon as it is all there."""

    def judged() -> dict[str, Verdict]:
        found = {v.monitor: v for v in read_verdicts(stack.reader, yesterday())}
        return found if found.keys() == set(MONITORS) else {}

    return wait_until(judged, "both monitors have judged yesterday", PATIENCE)


def lasting(stack: Running) -> list[Container]:
    """Return the containers that go on running."""
    return [c for c in stack.assembly.containers() if c.service.name not in ONE_SHOTS]


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def test_every_service_becomes_healthy_as_compose_writes_it(stack: Running) -> None:
    names = [c.service.name for c in stack.assembly.containers()]
    assert set(names) == stack.assembly.stack.services.keys() - {"operations"}
    assert names.count("airflow-worker") == 2
    assert {c.name for c in lasting(stack) if not c.runs()} == set()
    assert {c.name: c.exit_code for c in stack.assembly.containers() if c.exit_code} == {}
    assert [c.name for c in lasting(stack) if c.service.health is None] == []


def test_the_newest_day_of_the_demo_is_judged_as_its_faults_demand(
    verdicts: dict[str, Verdict],
) -> None:
    for monitor in (WINE, DIABETES):
        assert verdicts[monitor].status == expected_verdict(monitor, 1), verdicts[monitor].reason
        blamed = {finding.key for finding in verdicts[monitor].blamed}
        wanted = {key for fault in faults_on(monitor, 1) for key in fault.evidence}
        assert wanted <= blamed, verdicts[monitor].reason


def test_reports_and_evaluations_lie_in_the_bucket(
    stack: Running, verdicts: dict[str, Verdict]
) -> None:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=stack.url("storage"),
        aws_access_key_id=stack.settings["STORAGE_MONITORING_ACCESS_KEY"],
        aws_secret_access_key=stack.settings["STORAGE_MONITORING_SECRET_KEY"],
        region_name="us-east-1",
    )
    listed = client.list_objects_v2(Bucket="monitoring", Prefix="reports/")
    keys = [entry["Key"] for entry in listed["Contents"]]
    for monitor in verdicts:
        assert any(monitor in key and key.endswith("evaluation.json") for key in keys), keys
        assert any(monitor in key and key.endswith(".html") for key in keys), keys


def test_gauges_are_pushed_and_every_target_is_scraped(
    stack: Running, verdicts: dict[str, Verdict]
) -> None:
    prometheus = Prometheus(stack.url("prometheus"), Path())
    declared = {path.stem for path in TARGETS.glob("*.yml")}
    names = [
        t
        for path in TARGETS.glob("*.yml")
        for e in yaml.safe_load(path.read_text())
        for t in e["targets"]
    ]

    def scraped() -> bool:
        active = prometheus.get("targets")["activeTargets"]
        up = {t["scrapePool"]: t["health"] == "up" for t in active}
        return up.keys() == declared and len(active) == len(names) and all(up.values())

    wait_until(scraped, f"Prometheus scrapes {sorted(declared)}", 120)
    for monitor in verdicts:
        query = f'monitoring_window_end_timestamp_seconds{{monitor="{monitor}"}}'
        series = prometheus.wait_for(query, 120)
        assert float(series[0]["value"][1]) == yesterday().end.timestamp()
    assert prometheus.wait_for('{__name__=~"airflow_.+", job="airflow"}', 120)
    assert prometheus.wait_for("pg_up == 1", 60)


def test_the_alert_of_the_drifted_day_fires_and_comes_by_mail(
    stack: Running, verdicts: dict[str, Verdict]
) -> None:
    prometheus = Prometheus(stack.url("prometheus"), Path())

    def fires() -> list[dict[str, Any]]:
        firing = prometheus.firing()
        return [a for a in firing if a["labels"].get("monitor") == WINE]

    names = {alert["labels"]["alertname"] for alert in wait_until(fires, "an alert fires", 120)}
    assert "DataDriftDetected" in names

    def told() -> bool:
        alerts = get(f"{stack.url('alertmanager')}/api/v2/alerts")
        return names <= {a["labels"]["alertname"] for a in alerts}

    wait_until(told, "the Alertmanager is told", 60)

    def mailed() -> list[str]:
        messages = get(f"{stack.url('mailpit')}/api/v1/messages")["messages"]
        return [m["Subject"] for m in messages if WINE in m["Subject"]]

    assert wait_until(mailed, "the mail of the alert", 120)


def test_doctor_finds_nothing_wrong(stack: Running, verdicts: dict[str, Verdict]) -> None:
    # It waits three seconds for a service; beside all other tests one may need more now and then.
    for _ in range(5):
        done = compose(stack, "run", "--rm", "-T", "operations", "doctor", "--json")
        findings = json.loads(done.stdout)["findings"]
        bad = [finding for finding in findings if finding["status"] not in ("ok", "skipped")]
        if not bad:
            break
    assert bad == [], bad
    assert done.returncode == 0, done.stderr
    assert len(findings) > 20


def test_no_service_is_root_or_could_become_it(stack: Running) -> None:
    for container in lasting(stack):
        found = rights(container)
        assert found, container.name
        declared = int(container.service.user.partition(":")[0])
        assert declared, container.name
        for process in found:
            # A normal user's sandbox maps the declared one to that user's own id.
            assert process.uid in ({declared} if os.geteuid() == 0 else {os.geteuid()})
            assert process.capabilities == {}, container.name
            assert not process.may_gain, container.name


def test_services_write_only_where_compose_lets_them(stack: Running) -> None:
    for container in lasting(stack):
        assert container.service.read_only, container.name
        assert writable_mounts(container) == declared_writable(container), container.name


def test_each_service_stays_below_its_memory_limit(
    stack: Running, verdicts: dict[str, Verdict]
) -> None:
    containers = lasting(stack)
    table = memory_table(containers)
    kept = PROJECT / ".bench"
    kept.mkdir(exist_ok=True)
    (kept / "stack-memory.md").write_text("\n".join([*table, ""]), encoding="utf-8")
    for container in containers:
        assert container.service.memory is not None, container.name
        assert resident(container) < container.service.memory, "\n".join(table)


def test_ports_are_published_on_loopback_and_nowhere_else(stack: Running) -> None:
    published = {p.host for c in stack.assembly.containers() for p in c.service.ports}
    assert {p.address for c in stack.assembly.containers() for p in c.service.ports} == {
        "127.0.0.1"
    }
    here = {
        (found.laddr.ip, found.laddr.port)
        for found in psutil.net_connections("tcp")
        if found.status == psutil.CONN_LISTEN and found.laddr.port in published
    }
    assert here == {("127.0.0.1", port) for port in published}


def test_the_data_network_is_reached_only_by_who_belongs_to_it(stack: Running) -> None:
    inside, outside = (stack.assembly.container(n) for n in ("postgres-exporter", "alertmanager"))
    address = stack.assembly.switch().address("data", stack.assembly.container("storage").number)
    ask = ("wget", "-q", "-T", "5", "-t", "1", "-O", "/dev/null", f"http://{address}:8333/healthz")
    assert inside.execute(*ask).returncode == 0
    assert outside.execute(*ask).returncode != 0
    assert outside.execute("getent", "hosts", "postgres").returncode != 0


def test_no_password_shows_in_a_command_line_or_a_log(
    stack: Running, verdicts: dict[str, Verdict]
) -> None:
    secret = {
        value
        for name, value in stack.settings.items()
        if name.endswith(("PASSWORD", "SECRET_KEY", "FERNET_KEY", "JWT_SECRET")) and value
    }
    assert len(secret) > 10
    for container in stack.assembly.containers():
        lines = [" ".join(process.cmdline()) for process in container.processes()]
        said = [container.log.read_text(errors="replace"), *lines]
        assert [s[:4] for s in secret if any(s in text for text in said)] == [], container.name


def test_down_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    file = fresh_project(tmp_path / "project", {})
    assembly = Assembly(render(file), tmp_path / "state")
    assembly.up(["pushgateway", "alertmanager"])
    note = json.loads((assembly.state / "switch.json").read_bytes())
    processes = [p for c in assembly.containers() for p in c.processes()]
    assert len(processes) >= 2
    assembly.down(volumes=True)
    assert in_namespace(note["namespace"]) == []
    assert [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    listening = {c.laddr.port for c in psutil.net_connections("tcp") if c.status == "LISTEN"}
    assert listening.isdisjoint(note["ports"])


def compose(stack: Running, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the stand-in for docker compose on the stack that runs."""
    program = PROJECT / "tests" / "stack" / "bin" / "docker"
    return subprocess.run(
        [str(program), "compose", "-f", str(stack.assembly.stack.file), *words],
        env={**os.environ, "STACK_STATE": str(stack.assembly.state)},
        capture_output=True,
        text=True,
        check=False,
    )
