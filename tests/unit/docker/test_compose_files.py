"""What docker/compose.yaml tells its services, and the files that it gives them."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from monitoring_jobs.demo.ports import free_port
from tests.fixtures.http_server import RecordingServer, recording_server
from tests.unit.docker.compose_file import DOCKER, PROJECT, services, values


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- what the services are told -----------------------------------------------------------------


def test_grafana_has_a_value_for_every_variable_of_its_provisioning() -> None:
    readme = (PROJECT / "grafana" / "provisioning" / "README.md").read_text(encoding="utf-8")
    wanted = set(re.findall(r"^\| `(MONITORING_[A-Z_]+)` \|", readme, re.MULTILINE))
    assert len(wanted) == 15
    told = services()["grafana"]["environment"]
    assert wanted <= told.keys()
    # Grafana does not start with a contact point that has no address.
    for name in wanted:
        if not name.endswith(("_SEVERITIES", "_TOKEN", "_SSLROOTCERT")):
            assert told[name], name


def test_f55_mlflow_answers_to_its_name_in_the_network() -> None:
    told = services()["mlflow"]["environment"]
    assert {"mlflow:5000", "127.0.0.1:*"} <= set(told["MLFLOW_SERVER_ALLOWED_HOSTS"].split(","))
    # Behind a proxy its pages send an origin, and MLflow refuses each that is not named here.
    jobs = services()["airflow-scheduler"]["environment"]
    assert told["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] == jobs["MONITORING_MLFLOW_URL"]


def test_f43_the_pushgateway_checks_what_is_pushed() -> None:
    command = services()["pushgateway"]["command"]
    assert not [part for part in command if "consistency" in part]
    assert any(part.startswith("--persistence.file=/pushgateway/") for part in command)


def test_prometheus_keeps_thirty_days() -> None:
    assert "--storage.tsdb.retention.time=30d" in services()["prometheus"]["command"]


def test_mail_goes_through_a_connection_that_airflow_can_read() -> None:
    connection = json.loads(
        services()["airflow-scheduler"]["environment"]["AIRFLOW_CONN_SMTP_DEFAULT"]
    )
    assert (connection["host"], connection["port"]) == ("mailpit", 1025)
    assert connection["extra"]["from_email"]


def test_the_jobs_write_as_writer_and_only_what_migrates_is_owner() -> None:
    owners = {
        name
        for name, service in services().items()
        if "monitoring_owner" in str(service.get("environment", {}).get("MONITORING_DATABASE_URL"))
    }
    assert owners == {"airflow-init", "operations"}


def test_administrators_keys_of_the_storage_are_with_few() -> None:
    having = {
        name
        for name, service in services().items()
        if "canary-STORAGE_ADMIN_SECRET_KEY" in values(service.get("environment", {}))
    }
    assert having == {"storage", "storage-init", "operations"}


# --- the files around it ------------------------------------------------------------------------


def test_targets_name_services_and_ports_of_the_stack() -> None:
    listening = {
        "statsd-exporter": 9102,
        "node-exporter": 9100,
        "postgres-exporter": 9187,
    }
    for name, service in services().items():
        for port in service.get("ports", ()):
            listening[name] = int(str(port).rpartition(":")[2])
    jobs = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_bytes())
    known = {job["job_name"] for job in jobs["scrape_configs"]}
    files = sorted((DOCKER / "prometheus" / "targets").glob("*.yml"))
    assert {file.stem for file in files} == known - {"model-server", "kube-state-metrics"}
    for file in files:
        for group in yaml.safe_load(file.read_bytes()):
            for target in group["targets"]:
                host, _, port = target.partition(":")
                assert listening[host] == int(port), file.name


def test_prometheus_accepts_its_configuration_with_these_targets() -> None:
    promtool = shutil.which("promtool")
    assert promtool
    done = subprocess.run(
        [promtool, "check", "config", "prometheus.yml"],
        cwd=DOCKER / "prometheus",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_alertmanagers_file_for_the_catcher_is_the_derived_one() -> None:
    module = _module(DOCKER / "alertmanager" / "mail.py")
    written = module.DERIVED.read_text(encoding="utf-8")
    assert written == module.derived(), "run .venv/bin/python docker/alertmanager/mail.py"
    config = yaml.safe_load(written)
    for receiver in config["receivers"]:
        assert receiver.keys() <= {"name", "email_configs"}


def test_the_mapping_names_metrics_that_airflow_has() -> None:
    found = importlib.util.find_spec("airflow")
    assert found
    assert found.submodule_search_locations
    package = Path(found.submodule_search_locations[0])
    registry = package / "_shared" / "observability" / "metrics" / "metrics_template.yaml"
    known = {metric["name"] for metric in yaml.safe_load(registry.read_bytes())["metrics"]}
    mappings = yaml.safe_load((DOCKER / "statsd" / "mapping.yml").read_bytes())["mappings"]
    patterns = [mapping["match"] for mapping in mappings]
    assert len(set(patterns)) == len(patterns)
    for mapping in mappings:
        name = mapping["match"].removeprefix("airflow.").replace("*", "{dag_file}")
        assert name in known, mapping["match"]
        assert re.fullmatch(r"airflow_[a-z_]+|dropped", mapping["name"])


# --- the health check of Airflow's containers ---------------------------------------------------


def _healthy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", DOCKER / "airflow" / "healthy.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def server() -> Iterator[RecordingServer]:
    with recording_server() as recorder:
        yield recorder


def test_a_healthy_part_is_healthy(server: RecordingServer) -> None:
    server.answer(200, body=b'{"dag_processor": {"status": "healthy"}}')
    assert _healthy(f"{server.url}/health", "dag_processor").returncode == 0


def test_an_answer_is_enough_where_no_part_is_asked_for(server: RecordingServer) -> None:
    assert _healthy(server.url).returncode == 0


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (200, b'{"triggerer": {"status": "unhealthy"}}'),
        (200, b'{"triggerer": {"status": null}}'),
        (200, b'{"triggerer": null}'),
        (200, b"{}"),
        (200, b"[]"),
        (200, b"<html>"),
        (503, b'{"triggerer": {"status": "healthy"}}'),
    ],
)
def test_anything_else_is_not_and_one_line_says_why(
    server: RecordingServer, code: int, body: bytes
) -> None:
    server.answer(code, body=body)
    done = _healthy(server.url, "triggerer")
    assert done.returncode == 1
    assert done.stderr.startswith(server.url)
    assert done.stderr.count("\n") == 1


def test_a_server_that_is_down_is_not_healthy() -> None:
    done = _healthy(f"http://127.0.0.1:{free_port()}")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_a_wrong_use_is_told_from_a_fault() -> None:
    assert _healthy().returncode == 2
