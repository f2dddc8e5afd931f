"""`monitoring-jobs doctor` names the fault of a broken set-up, and its cure."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml

from monitoring_jobs.demo.ports import free_port
from monitoring_jobs.doctor import State, examine
from monitoring_jobs.doctor.expected import ALERTS, DASHBOARDS, DATASOURCES
from monitoring_jobs.settings import Settings, environment_names
from monitoring_jobs.sinks.pushgateway import push_registry
from tests.fixtures.alertmanager import running_alertmanager
from tests.fixtures.command_line import Cli
from tests.fixtures.grafana_server import running_grafana
from tests.fixtures.http_server import recording_server, serving
from tests.fixtures.monitors import MonitorFactory
from tests.fixtures.object_storage import Bucket
from tests.fixtures.postgres import Server, rows, url_as
from tests.fixtures.prometheus import FILES, child, require, running_prometheus
from tests.grafana.loading import DASHBOARDS as DASHBOARD_FILES
from tests.grafana.loading import PROVISIONING, read_datasources

CANARY = "canary-doctor-51c2"
FAILED, DONE, MISUSED = 1, 0, 2

Line = dict[str, str]


@dataclass
class Report:
    """What `doctor --json` printed."""

    code: int
    findings: list[Line]

    def of(self, service: str, check: str = "") -> list[Line]:
        return [
            line
            for line in self.findings
            if line["service"] == service and check in ("", line["check"])
        ]

    def fault(self, service: str, check: str) -> str:
        """Return message and cure of the one failure of a check."""
        (line,) = [one for one in self.of(service, check) if one["status"] == "failed"]
        assert line["cure"]
        return f"{line['message']}; {line['cure']}"


Doctor = Callable[..., Report]


@pytest.fixture
def doctor(cli: Cli, monkeypatch: pytest.MonkeyPatch, make_monitor: MonitorFactory) -> Doctor:
    """Return a function that sets variables and runs the command."""
    folder = make_monitor().parent
    monkeypatch.setenv("MONITORING_MONITORS", str(folder))

    def run(**variables: str) -> Report:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code, out, err = cli("doctor", "--json")
        assert err == ""
        return Report(code, json.loads(out)["findings"])

    return run


@dataclass(frozen=True)
class Services:
    """A Pushgateway that remembers, an Alertmanager, a Prometheus that knows both."""

    pushgateway: str
    alertmanager: str
    prometheus: str

    @property
    def variables(self) -> dict[str, str]:
        return {
            "PUSHGATEWAY_URL": self.pushgateway,
            "MONITORING_PROMETHEUS_URL": self.prometheus,
            "MONITORING_ALERTMANAGER_URL": self.alertmanager,
        }


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("services")
    port = free_port()
    gateway = f"http://127.0.0.1:{port}"
    command = [
        require("prometheus-pushgateway"),
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-admin-api",
        f"--persistence.file={folder / 'gauges'}",
    ]
    with ExitStack() as stack:
        stack.enter_context(child(command, folder / "gateway.log", f"{gateway}/-/ready"))
        (folder / "alertmanager").mkdir()
        alertmanager = stack.enter_context(
            running_alertmanager(
                folder / "alertmanager", mail_port=free_port(), hooks="http://127.0.0.1:1"
            )
        )
        targets = {
            "pushgateway": [f"127.0.0.1:{port}"],
            "alertmanager": [alertmanager.url.removeprefix("http://")],
        }
        (folder / "prometheus").mkdir()
        prometheus = stack.enter_context(
            running_prometheus(folder / "prometheus", targets, interval="1s")
        )
        prometheus.wait_for("sum(up) == 2")
        yield Services(gateway, alertmanager.url, prometheus.url)


@pytest.fixture
def gateway(services: Services) -> str:
    """The Pushgateway, holding nothing."""
    import urllib.request

    request = urllib.request.Request(f"{services.pushgateway}/api/v1/admin/wipe", method="PUT")
    with urllib.request.urlopen(request, timeout=10):
        return services.pushgateway


@pytest.fixture
def database(database_url: str) -> str:
    """A migrated database after a maintenance."""
    for months in (0, 1):
        rows(
            database_url,
            "SELECT create_measurement_partition((now() + %s * interval '1 month')::date)",
            months,
        )
    return database_url


def push(gateway: str, monitor: str, *, due: datetime) -> None:
    from prometheus_client import CollectorRegistry, Gauge

    registry = CollectorRegistry()
    gauge = Gauge("monitoring_next_due_timestamp_seconds", "due", registry=registry)
    gauge.set(due.timestamp())
    push_registry(registry, url=gateway, job="publish", grouping_key={"monitor": monitor})


def grafana_environment(server: Server, database_url: str, services: Services) -> dict[str, str]:
    return {
        "GF_SECURITY_ADMIN_USER": "admin",
        "GF_SECURITY_ADMIN_PASSWORD": CANARY,
        "MONITORING_PROMETHEUS_URL": services.prometheus,
        "MONITORING_ALERTMANAGER_URL": services.alertmanager,
        "MONITORING_READER_HOST": str(server.sockets),
        "MONITORING_READER_DATABASE": database_url.rpartition("/")[2].partition("?")[0],
        "MONITORING_READER_PASSWORD": CANARY,
        "MONITORING_READER_SSLMODE": "disable",
        "MONITORING_READER_SSLROOTCERT": "",
        "MONITORING_ALERT_EMAIL": "team@example.com",
        "MONITORING_ALERT_SLACK_URL": "http://localhost/unused",
        "MONITORING_ALERT_SLACK_SEVERITIES": "",
        "MONITORING_ALERT_PAGERDUTY_KEY": "unused",
        "MONITORING_ALERT_PAGERDUTY_SEVERITIES": "",
        "MONITORING_ALERT_WEBHOOK_URL": "http://localhost/unused",
        "MONITORING_ALERT_WEBHOOK_TOKEN": "",
        "MONITORING_ALERT_WEBHOOK_SEVERITIES": "",
    }


# --- in health ------------------------------------------------------------------------------------
def test_a_sound_set_up_has_no_fault(
    doctor: Doctor,
    database: str,
    postgres_server: Server,
    services: Services,
    gateway: str,
    mlflow_uri: str,
) -> None:
    push(gateway, "wine_quality", due=datetime.now(UTC) + timedelta(hours=1))
    environment = grafana_environment(postgres_server, database, services)
    with running_grafana(PROVISIONING, DASHBOARD_FILES, environment) as grafana:
        report = doctor(
            MONITORING_DATABASE_URL=url_as(database, "monitoring_writer"),
            MONITORING_READER_URL=url_as(database, "monitoring_reader"),
            MONITORING_GRAFANA_API_URL=grafana,
            GRAFANA_ADMIN_USER="admin",
            GRAFANA_ADMIN_PASSWORD=CANARY,
            MLFLOW_TRACKING_URI=mlflow_uri,
            **services.variables,
        )

    wrong = [line for line in report.findings if line["status"] != "ok"]
    assert [(line["service"], line["status"]) for line in wrong] == [("airflow", "skipped")], wrong
    assert report.code == DONE
    checked = {(line["service"], line["check"]) for line in report.findings}
    assert checked >= {
        ("postgres", "schema"),
        ("postgres", "partitions"),
        ("postgres", "reader"),
        ("report store", "round trip"),
        ("mlflow", "registry"),
        ("mlflow", "artifacts"),
        ("pushgateway", "stale groups"),
        ("prometheus", "rules"),
        ("prometheus", "alertmanager"),
        ("alertmanager", "configuration"),
        ("grafana", "datasources"),
        ("grafana", "dashboards"),
        ("clock", "skew"),
        ("monitors", "files"),
    }


def test_what_is_not_configured_is_skipped_with_the_variable_to_set(doctor: Doctor) -> None:
    report = doctor()

    skipped = [line for line in report.findings if line["status"] == "skipped"]
    assert {line["service"] for line in skipped} >= {
        "postgres", "mlflow", "pushgateway", "prometheus", "alertmanager", "grafana", "airflow",
    }  # fmt: skip
    assert all("set " in line["cure"] or line["service"] == "clock" for line in skipped)
    assert report.code == DONE


# --- ten broken set-ups ---------------------------------------------------------------------------
def test_each_service_that_is_down_is_named(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, s3_bucket: Bucket
) -> None:
    down = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{down}")
    report = doctor(
        MONITORING_DATABASE_URL=f"postgresql://monitoring_writer:{CANARY}@{down}/monitoring",
        MONITORING_READER_URL=f"postgresql://monitoring_reader:{CANARY}@{down}/monitoring",
        MONITORING_REPORT_STORE=f"{s3_bucket.url}/reports",
        MLFLOW_TRACKING_URI=f"http://{down}",
        PUSHGATEWAY_URL=down,
        MONITORING_PROMETHEUS_URL=f"http://{down}",
        MONITORING_ALERTMANAGER_URL=f"http://{down}",
        MONITORING_GRAFANA_API_URL=f"http://{down}",
        MONITORING_AIRFLOW_API_URL=f"http://{down}",
    )

    assert report.code == FAILED
    for service, variable in {
        "mlflow": "MLFLOW_TRACKING_URI",
        "pushgateway": "PUSHGATEWAY_URL",
        "prometheus": "MONITORING_PROMETHEUS_URL",
        "alertmanager": "MONITORING_ALERTMANAGER_URL",
        "grafana": "MONITORING_GRAFANA_API_URL",
        "airflow": "MONITORING_AIRFLOW_API_URL",
    }.items():
        fault = report.fault(service, "reachable")
        assert f"at {down} refuses the connection; check that it runs" in fault
        assert variable in fault
    assert "does not answer" in report.fault("postgres", "reachable")
    assert "check that Postgres runs" in report.fault("postgres", "reader")
    assert s3_bucket.url in report.fault("report store", "round trip")
    assert "check that it is reachable" in report.fault("report store", "round trip")


def test_a_wrong_password_is_told_from_a_server_that_is_down(
    doctor: Doctor, database: str, postgres_server: Server
) -> None:
    with asking_for_password(postgres_server, "doctor_patient"):
        patient = url_as(database, f"doctor_patient:{CANARY}")
        report = doctor(MONITORING_DATABASE_URL=patient, MONITORING_READER_URL=patient)

    for check, variable in (
        ("reachable", "MONITORING_DATABASE_URL"),
        ("reader", "MONITORING_READER_URL"),
    ):
        fault = report.fault("postgres", check)
        assert 'password authentication failed for user "doctor_patient"' in fault
        assert f"check {variable} and the role's password" in fault
    assert CANARY not in json.dumps(report.findings)


@contextmanager
def asking_for_password(server: Server, role: str) -> Iterator[None]:
    """Make a role that nobody is let in as without its password."""
    file = server.data / "pg_hba.conf"
    before = file.read_text(encoding="utf-8")
    admin = server.url("postgres")
    rows(admin, f"CREATE ROLE {role} LOGIN PASSWORD 'another one'")
    file.write_text(f"local all {role} scram-sha-256\n{before}", encoding="utf-8")
    server.control("reload")
    try:
        yield
    finally:
        file.write_text(before, encoding="utf-8")
        server.control("reload")
        rows(admin, f"DROP ROLE {role}")


def test_f38_a_missing_migration_is_named_with_both_revisions(
    doctor: Doctor, empty_database_url: str, database: str
) -> None:
    never = doctor(MONITORING_DATABASE_URL=empty_database_url)
    rows(database, "UPDATE alembic_version SET version_num = '0002'")
    older = doctor(MONITORING_DATABASE_URL=database)

    for report, found in ((never, "none"), (older, "0002")):
        fault = report.fault("postgres", "schema")
        assert f"at revision {found}, this code needs 0003" in fault
        assert "run monitoring-jobs migrate" in fault


def test_f55_a_host_name_that_mlflow_does_not_accept_is_named(
    doctor: Doctor, mlflow_uri: str
) -> None:
    # Another way to write the same address, which MLflow does not take for a local one.
    report = doctor(MLFLOW_TRACKING_URI=mlflow_uri.replace("127.0.0.1", "127.1"))

    fault = report.fault("mlflow", "allowed hosts")
    assert "does not accept the host name" in fault
    assert "MLFLOW_SERVER_ALLOWED_HOSTS" in fault


def test_a_missing_bucket_is_named(doctor: Doctor, s3_bucket: Bucket) -> None:
    report = doctor(MONITORING_REPORT_STORE="s3://nobody-made-this/reports")

    fault = report.fault("report store", "round trip")
    assert "s3://nobody-made-this/reports" in fault
    assert "create the folder or bucket" in fault
    assert doctor(MONITORING_REPORT_STORE=f"{s3_bucket.url}/reports").code == DONE
    assert s3_bucket.filesystem.find(s3_bucket.url) == []


def test_f45_stale_groups_are_named(doctor: Doctor, gateway: str) -> None:
    push(gateway, "wine_quality", due=datetime.now(UTC) - timedelta(hours=3))
    push(gateway, "removed/long ago", due=datetime.now(UTC) - timedelta(days=30))
    report = doctor(PUSHGATEWAY_URL=gateway)

    left, late = (line for line in report.of("pushgateway") if line["status"] == "failed")
    assert "removed/long ago, which no monitor file names" in left["message"]
    assert "monitoring-jobs maintain" in left["cure"]
    assert "wine_quality are older than due" in late["message"]
    assert "paused" in late["cure"]


def test_a_full_disk_is_named(tmp_path: Path, make_monitor: MonitorFactory) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    # A disk of 64 kB that only the child sees, and that goes with it.
    script = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"'
    command = [
        *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(disk)),
        *(sys.executable, "-m", "monitoring_jobs", "doctor", "--json"),
    ]
    names = {name for field in Settings.model_fields for name in environment_names(field)}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    environment |= {
        "MONITORING_REPORT_STORE": str(disk / "reports"),
        "MONITORING_MONITORS": str(make_monitor().parent),
    }
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)

    assert ended.returncode == FAILED, ended.stderr
    fault = Report(FAILED, json.loads(ended.stdout)["findings"]).fault("report store", "round trip")
    assert "No space left on device: it is full; free space" in fault
    assert [*disk.iterdir()] == []


@pytest.mark.parametrize(
    ("seconds", "status"), [(3, "ok"), (30, "warning"), (-30, "warning"), (-7200, "failed")]
)
def test_f24_a_clock_that_differs_is_named(
    doctor: Doctor, writer_url: str, seconds: int, status: str
) -> None:
    with answering_at(timedelta(seconds=seconds)) as url:
        report = doctor(MONITORING_DATABASE_URL=writer_url, MONITORING_GRAFANA_API_URL=url)

    (line,) = report.of("clock")
    assert line["status"] == status
    if status != "ok":
        assert "the clock of grafana is" in line["message"]
        assert ("ahead of" if seconds > 0 else "behind") in line["message"]
        assert "set the clock of the machine of grafana" in line["cure"]


@contextmanager
def answering_at(ahead: timedelta) -> Iterator[str]:
    """Serve what passes for Grafana on a machine whose clock is wrong."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"database": "ok"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(datetime.now(UTC) + ahead, usegmt=True)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay quiet."""

    with serving(Handler) as target:
        yield f"http://{target}"


def test_f62_a_bad_monitor_file_is_named_with_its_line(
    doctor: Doctor, make_monitor: MonitorFactory
) -> None:
    make_monitor("misspelled", schedul="@daily")
    make_monitor(
        "from_a_warehouse",
        data={"source": "sql", "connection": "warehouse", "timestamp": "ts",
              "query": "SELECT * FROM log WHERE ts >= :start AND ts < :end"},
    )  # fmt: skip
    report = doctor()

    fault = report.fault("monitors", "files")
    assert "misspelled.yaml:" in fault
    assert "did you mean 'schedule'" in fault
    (unknown,) = report.of("monitors", "connections")
    assert "'warehouse' of from_a_warehouse" in unknown["message"]
    assert "MONITORING_CONNECTION_WAREHOUSE" in unknown["cure"]


def test_f40_a_missing_partition_is_named(doctor: Doctor, database: str) -> None:
    month = datetime.now(UTC)
    rows(database, f"DROP TABLE measurement_{month:%Y_%m}")
    report = doctor(MONITORING_DATABASE_URL=url_as(database, "monitoring_writer"))

    fault = report.fault("postgres", "partitions")
    assert f"this month ({month:%Y-%m}) has no partition" in fault
    assert "run monitoring-jobs maintain" in fault


# --- more of what can be wrong --------------------------------------------------------------------
def test_rights_of_roles_are_checked(doctor: Doctor, database: str) -> None:
    rows(database, "REVOKE INSERT ON measurement FROM monitoring_writer")
    rows(database, "GRANT DELETE ON evaluation TO monitoring_reader")
    report = doctor(
        MONITORING_DATABASE_URL=database,
        MONITORING_READER_URL=url_as(database, "monitoring_writer"),
    )

    missing, excessive = (line["message"] for line in report.of("postgres", "rights"))
    assert "monitoring_writer: INSERT on measurement" in missing
    assert "monitoring_reader may write: DELETE on evaluation" in excessive
    assert "log in as monitoring_reader" in report.fault("postgres", "reader")


def test_prometheus_without_pushgateway_rules_or_alertmanager_is_named(
    doctor: Doctor, tmp_path: Path, gateway: str
) -> None:
    (tmp_path / "bare.yml").write_text("scrape_configs: []\n")
    port = free_port()
    command = [
        require("prometheus"),
        f"--config.file={tmp_path / 'bare.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with child(command, tmp_path / "log", f"{url}/-/ready"):
        report = doctor(MONITORING_PROMETHEUS_URL=url, PUSHGATEWAY_URL=gateway)

    assert "targets/pushgateway.yml" in report.fault("prometheus", "pushgateway")
    assert "docker/prometheus/rules" in report.fault("prometheus", "rules")
    assert "targets/alertmanager.yml" in report.fault("prometheus", "alertmanager")


def test_grafana_says_what_is_wrong_with_login_datasources_and_dashboards(
    doctor: Doctor, database: str, postgres_server: Server, services: Services, tmp_path: Path
) -> None:
    environment = grafana_environment(postgres_server, database, services)
    environment["MONITORING_READER_DATABASE"] = "nobody_made_this"
    environment["MONITORING_ALERTMANAGER_URL"] = f"http://127.0.0.1:{free_port()}"
    with running_grafana(PROVISIONING, tmp_path, environment) as grafana:
        login = {"MONITORING_GRAFANA_API_URL": grafana, "GRAFANA_ADMIN_USER": "admin"}
        report = doctor(GRAFANA_ADMIN_PASSWORD=CANARY, **login)
        refused = doctor(GRAFANA_ADMIN_PASSWORD="not the password", **login)

    postgres, alertmanager = (
        f"{line['message']}; {line['cure']}" for line in report.of("grafana", "datasources")
    )
    assert "postgres-datasource does not work: " in postgres
    assert "MONITORING_READER_HOST" in postgres
    assert "alertmanager-datasource does not work: it is answered 502" in alertmanager
    assert "there is no dashboard data-drift" in report.fault("grafana", "dashboards")
    assert "GRAFANA_ADMIN_PASSWORD" in refused.fault("grafana", "login")


def test_airflow_without_scheduler_is_named(doctor: Doctor) -> None:
    health = {
        "metadatabase": {"status": "healthy"},
        "scheduler": {
            "status": "unhealthy",
            "latest_scheduler_heartbeat": "2026-11-20T09:00:00+00:00",
        },
        "dag_processor": {"status": "healthy"},
        "triggerer": {"status": None},
    }
    with recording_server() as server:
        server.answer(200, body=json.dumps(health).encode())
        report = doctor(MONITORING_AIRFLOW_URL=server.url)

    fault = report.fault("airflow", "scheduler")
    assert "its last heartbeat was at 2026-11-20T09:00:00" in fault
    assert "start airflow scheduler" in fault
    assert "start airflow triggerer" in report.fault("airflow", "triggerer")


def test_a_login_page_is_not_taken_for_a_service(doctor: Doctor) -> None:
    with recording_server() as server:
        server.answer(302, Location="https://login.example.com/?next=/")
        report = doctor(
            MONITORING_PROMETHEUS_URL=server.url, MLFLOW_TRACKING_URI=f"{server.url}/mlflow"
        )

    for service in ("prometheus", "mlflow"):
        assert "look for a login page or proxy" in report.fault(service, "reachable")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        json.dumps(
            {
                "database": "ok", "metadatabase": "yes", "scheduler": [], "config": "x",
                "data": {"activeTargets": [{"x": 1}, 5], "groups": [5], "flags": [1], "yaml": 5},
            }
        ).encode(),
    ],
)  # fmt: skip
def test_answers_of_another_shape_are_a_failure_of_their_service_alone(
    doctor: Doctor, body: bytes
) -> None:
    with recording_server() as server:
        server.answer(200, body=body)
        services = {
            "pushgateway": "PUSHGATEWAY_URL",
            "prometheus": "MONITORING_PROMETHEUS_URL",
            "alertmanager": "MONITORING_ALERTMANAGER_URL",
            "grafana": "MONITORING_GRAFANA_API_URL",
            "airflow": "MONITORING_AIRFLOW_API_URL",
        }
        login = {"GRAFANA_ADMIN_USER": "admin", "GRAFANA_ADMIN_PASSWORD": CANARY}
        report = doctor(**dict.fromkeys(services.values(), server.url), **login)

    assert report.code == FAILED
    for service in services:
        assert "failed" in {line["status"] for line in report.of(service)}, service
    assert [line["status"] for line in report.of("monitors")] == ["ok"]


@pytest.mark.parametrize("token", [f"{CANARY}\n", f"{CANARY}\u20ac"])
def test_f63_a_token_that_no_header_can_hold_is_named_and_not_shown(
    doctor: Doctor, token: str
) -> None:
    report = doctor(MLFLOW_TRACKING_URI="http://127.0.0.1:9", MLFLOW_TRACKING_TOKEN=token)

    assert "what no header can; look for a line end" in report.fault("mlflow", "reachable")
    assert CANARY not in json.dumps(report.findings)


def test_a_proxy_of_the_environment_is_named_where_it_was_asked(doctor: Doctor) -> None:
    down = f"127.0.0.1:{free_port()}"
    report = doctor(
        MONITORING_PROMETHEUS_URL="http://prometheus:9090",
        http_proxy=f"http://user:{CANARY}@{down}",
        no_proxy="",
    )

    fault = report.fault("prometheus", "reachable")
    assert "http_proxy was asked for it: name prometheus in no_proxy" in fault
    assert CANARY not in fault


# --- the command ----------------------------------------------------------------------------------
def test_services_that_hang_do_not_hold_it_up(
    monkeypatch: pytest.MonkeyPatch, command_environment: None, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{place}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
        settings = Settings.load(
            monitors=tmp_path,
            database_url=f"postgresql://writer@{place}/monitoring",
            reader_url=f"postgresql://reader@{place}/monitoring",
            report_store="s3://reports",
            mlflow_tracking_uri=f"http://{place}",
            prometheus_url=f"http://{place}",
        )
        examination = examine(settings, deadline_seconds=0.5)

    late = {finding.service for finding in examination.findings if finding.check == "deadline"}
    assert late == {"postgres", "report store", "mlflow", "prometheus"}
    assert examination.status is State.FAILED


def test_f63_no_secret_is_shown_whatever_is_wrong(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with repeating_secrets() as host:
        down = f"127.0.0.1:{free_port()}"
        for name, value in {
            "MONITORING_DATABASE_URL": f"postgresql://writer:{CANARY}@{down}/monitoring",
            "MONITORING_READER_URL": f"postgresql://reader:{CANARY}@[broken/monitoring",
            "MLFLOW_TRACKING_URI": f"http://someone:{CANARY}@{host}",
            "PUSHGATEWAY_URL": f"http://{CANARY}@{host}",
            "MONITORING_PROMETHEUS_URL": f"http://someone:{CANARY}@{host}?token={CANARY}",
            "MONITORING_ALERTMANAGER_URL": f"http:// {CANARY}",
            "MONITORING_GRAFANA_API_URL": f"http://someone:{CANARY}@{down}",
            "MONITORING_AIRFLOW_API_URL": f"http://{host}",
            "MONITORING_AIRFLOW_USER": "admin",
            "MONITORING_AIRFLOW_PASSWORD": CANARY,
            "MONITORING_MONITORS": str(tmp_path),
        }.items():
            monkeypatch.setenv(name, value)
        printed = [cli(*words) for words in (["doctor"], ["doctor", "--json"])]

    assert [code for code, _, _ in printed] == [FAILED, FAILED]
    assert CANARY not in str(printed)
    assert "***" in printed[0][1]


@contextmanager
def repeating_secrets() -> Iterator[str]:
    """Serve what passes for a service in health, and puts what it was sent into its errors."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            well = self.path.endswith(("/health", "/-/ready"))
            body = json.dumps({"error_code": "INTERNAL_ERROR", "message": CANARY}).encode()
            self.send_response(200 if well else 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Stay quiet."""

    with serving(Handler) as target:
        yield target


def test_the_json_document_has_its_documented_shape(cli: Cli) -> None:
    code, out, _ = cli("doctor", "--json")
    document = json.loads(out)

    assert {*document} == {
        "schema_version", "status", "checked_at", "duration_seconds", "counts", "findings",
    }  # fmt: skip
    assert document["schema_version"] == 1
    assert datetime.fromisoformat(document["checked_at"]).tzinfo is not None
    assert {*document["counts"]} == {"ok", "skipped", "warning", "failed"}
    assert sum(document["counts"].values()) == len(document["findings"])
    for finding in document["findings"]:
        assert [*finding] == ["service", "check", "status", "message", "cure"]
        assert finding["status"] in document["counts"]
        assert "\n" not in finding["message"] + finding["cure"]
    assert code == (FAILED if document["status"] == "failed" else DONE)


def test_lines_name_status_service_check_and_cure(cli: Cli, tmp_path: Path) -> None:
    _, out, _ = cli("doctor")
    *lines, summary = out.splitlines()

    (line,) = [one for one in lines if " mlflow " in one]
    assert line.split(maxsplit=3)[:3] == ["skipped", "mlflow", "reachable"]
    assert line.endswith("no MLflow is configured; set MLFLOW_TRACKING_URI")
    assert summary.startswith(("warning: ", "failed: "))


def test_a_malformed_setting_is_bad_usage(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_THREADS", "many")
    code, out, err = cli("doctor")

    assert (code, out) == (MISUSED, "")
    assert "MONITORING_THREADS" in err


def test_what_a_complete_set_up_holds_is_what_the_files_hold() -> None:
    rules = [yaml.safe_load(path.read_text()) for path in (FILES / "rules").glob("*.yml")]
    alerts = {
        rule["alert"]
        for document in rules
        for group in document["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    dashboards = {json.loads(path.read_text())["uid"] for path in DASHBOARD_FILES.glob("*.json")}

    assert alerts == ALERTS
    assert dashboards == DASHBOARDS
    assert read_datasources().keys() == DATASOURCES.keys()
