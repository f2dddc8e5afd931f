"""Values of the Airflow chart, and the Secrets that they and the manifests ask for."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fixtures.kubectl import FOLDER, run, secrets_script
from tests.fixtures.pod_security import containers, pod_of, violations, workloads

ROOT = FOLDER.parents[1]
VALUES = yaml.safe_load((FOLDER / "airflow-values.yaml").read_text(encoding="utf-8"))
TASK = yaml.safe_load((FOLDER / "base" / "worker-pod.yaml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "operations" / "kubernetes.md").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))["services"]
PODS = ["apiServer", "dagProcessor", "migrateDatabaseJob", "scheduler", "triggerer"]
Secrets = dict[str, dict[str, str]]


def references(node: Any) -> Iterator[tuple[str, str, bool]]:
    """Yield name, key and whether it must be there, of all Secrets that an object asks for."""
    if isinstance(node, dict):
        if reference := node.get("secretKeyRef"):
            yield reference["name"], reference["key"], not reference.get("optional", False)
        if secret := node.get("secret"):
            for item in secret.get("items", []):
                yield secret["secretName"], item["key"], True
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_secrets_hold_every_key_that_a_pod_needs(
    rendered: dict[str, list[dict[str, Any]]], kubernetes_secrets: Secrets
) -> None:
    extra = yaml.safe_load(VALUES["extraEnv"])
    wanted = {
        one for overlay in rendered.values() for one in references([overlay, VALUES, TASK, extra])
    }
    assert len(wanted) > 15
    assert {
        (name, key)
        for name, key, needed in wanted
        if needed and key not in kubernetes_secrets[name]
    } == set()
    assert {name for name, _, _ in wanted} <= set(kubernetes_secrets)
    asked = {key for name, key, _ in wanted if name == "monitoring"}
    assert set(kubernetes_secrets["monitoring"]) <= asked, "a key that nothing asks for"


def test_every_key_of_a_secret_is_documented(kubernetes_secrets: Secrets) -> None:
    text = (FOLDER / "secrets.sh").read_text(encoding="utf-8")
    optional = re.findall(r"^    ([A-Z_]+)(?: \\)?$", text, re.MULTILINE)
    for key in {*optional, *(key for data in kubernetes_secrets.values() for key in data)}:
        assert f"`{key}`" in PAGE, key


def test_the_charts_secret_leads_to_airflows_database(kubernetes_secrets: Secrets) -> None:
    password = kubernetes_secrets["monitoring"]["POSTGRES_AIRFLOW_PASSWORD"]
    assert kubernetes_secrets["airflow"]["connection"] == (
        f"postgresql+psycopg2://airflow:{password}@postgres:5432/airflow?sslmode=disable"
    )
    assert set(kubernetes_secrets["airflow"]) == {
        "connection",
        "fernet-key",
        "api-secret-key",
        "jwt-secret",
    }


def test_secrets_without_make_secrets_are_refused_in_a_line(kubectl: Path, tmp_path: Path) -> None:
    made = secrets_script(kubectl, tmp_path / ".env")
    assert made.returncode == 1
    assert made.stderr.splitlines() == [f"{tmp_path / '.env'}: not there; run make secrets"]
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=\n")
    made = secrets_script(kubectl, tmp_path / ".env")
    assert made.returncode == 1
    assert "is missing; run make secrets" in made.stderr
    assert made.stdout == ""


def test_no_value_of_a_secret_is_in_the_repository(
    rendered: dict[str, list[dict[str, Any]]],
) -> None:
    hidden = re.compile(r"PASSWORD|SECRET|TOKEN|FERNET|_KEY$|_PASS$")
    for overlay in rendered.values():
        assert [one for one in overlay if one["kind"] == "Secret"] == []
        pods = [*(pod_of(one) for one in workloads(overlay)), TASK]
        for container in (one for pod in pods for one in containers(pod)):
            for variable in container.get("env", []):
                if hidden.search(variable["name"]):
                    assert "secretKeyRef" in variable["valueFrom"], variable["name"]
    assert [item["name"] for item in VALUES["env"] if hidden.search(item["name"])] == []


def test_the_chart_brings_nothing_that_is_elsewhere() -> None:
    for part in ("postgresql", "redis", "pgbouncer", "flower", "statsd", "createUserJob"):
        assert VALUES[part]["enabled"] is False, part
    assert VALUES["executor"] == "KubernetesExecutor"
    assert VALUES["dags"]["gitSync"]["enabled"] is False
    assert VALUES["networkPolicies"]["enabled"] is False
    names = (
        VALUES["data"]["metadataSecretName"], VALUES["fernetKeySecretName"],
        VALUES["apiSecretKeySecretName"], VALUES["jwtSecretName"],
    )  # fmt: skip
    assert set(names) == {"airflow"}


@pytest.mark.parametrize("section", PODS)
def test_pods_of_the_chart_keep_to_the_restricted_profile(section: str) -> None:
    values = VALUES[section]
    contexts = values["securityContexts"]
    waiting = values.get("waitForMigrations", {}).get("securityContexts", contexts)
    groomer = values.get("logGroomerSidecar", {"enabled": False})
    own = [contexts, waiting, *([groomer["securityContexts"]] if groomer["enabled"] else [])]
    pod = {
        "spec": {
            "securityContext": contexts["pod"],
            "containers": [
                {"name": section, "securityContext": context["container"]} for context in own
            ],
        }
    }
    assert list(violations(pod)) == []
    for kind in ("requests", "limits"):
        assert {"cpu", "memory"} <= set(values["resources"][kind])


def test_only_who_asks_the_clusters_api_gets_a_token() -> None:
    given = {one for one in PODS if VALUES[one]["serviceAccount"]["automountServiceAccountToken"]}
    assert given == {"apiServer", "scheduler"}
    for section in PODS:
        asks = "monitoring-jobs/to-kubernetes-api" in VALUES[section]["labels"]
        assert asks is (section in given)


def test_airflow_is_configured_as_in_compose() -> None:
    theirs = {
        name: value
        for name, value in COMPOSE["airflow-scheduler"]["environment"].items()
        if name.startswith("AIRFLOW__") and "__CELERY__" not in name
    }
    ours = {one["name"]: one["value"] for one in VALUES["env"]}
    task = {one["name"]: one.get("value") for one in TASK["spec"]["containers"][0]["env"]}
    for name in [*theirs]:
        if name in task and task[name] is not None and name != "AIRFLOW__CORE__EXECUTOR":
            assert task[name] == theirs[name], name
    elsewhere = {
        # By the chart itself, from its Secret, its values or `config`.
        "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__CORE__AUTH_MANAGER",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        # By the image.
        "AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__LOAD_EXAMPLES",
        "AIRFLOW__CORE__PLUGINS_FOLDER",
        # One for each address, and one that is larger here.
        "AIRFLOW__API__BASE_URL", "AIRFLOW__CORE__PARALLELISM",
    }  # fmt: skip
    assert set(theirs) - set(ours) <= elsewhere
    assert {name: ours[name] for name in theirs if name in ours and name not in elsewhere} == {
        name: theirs[name] for name in theirs if name in ours and name not in elsewhere
    }


def test_health_is_asked_as_in_compose() -> None:
    for section, service in (
        ("scheduler", "airflow-scheduler"),
        ("dagProcessor", "airflow-dag-processor"),
        ("triggerer", "airflow-triggerer"),
    ):
        theirs = COMPOSE[service]["healthcheck"]["test"]
        assert VALUES[section]["livenessProbe"]["command"] == theirs[1:]


def test_the_scheduler_finds_the_pod_of_a_task_where_it_is_mounted(
    rendered: dict[str, list[dict[str, Any]]],
) -> None:
    scheduler = VALUES["scheduler"]
    (mount,) = scheduler["extraVolumeMounts"]
    (volume,) = scheduler["extraVolumes"]
    template = VALUES["config"]["kubernetes_executor"]["pod_template_file"]
    assert template == f"{mount['mountPath']}/worker-pod.yaml"
    assert volume["configMap"]["name"] in {
        one["metadata"]["name"] for one in rendered["example"] if one["kind"] == "ConfigMap"
    }
    assert TASK["spec"]["containers"][0]["name"] == "base"
    assert TASK["spec"]["restartPolicy"] == "Never"
    (image,) = [TASK["spec"]["containers"][0]["image"]]
    chart = VALUES["images"]["airflow"]
    assert image == f"{chart['repository']}:{chart['tag']}"


def test_the_api_server_starts_airflow_with_what_its_files_say(tmp_path: Path) -> None:
    """Run the chart's arguments: Python, on a folder of secrets, with a stand-in for Airflow."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for item in VALUES["apiServer"]["extraVolumes"][0]["secret"]["items"]:
        (secrets / item["path"]).write_text(f"of-{item['key']}")
    airflow = tmp_path / "airflow"
    airflow.write_text('#!/bin/sh\nenv\ncat "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"\n')
    airflow.chmod(0o755)
    python, option, code = VALUES["apiServer"]["args"]
    assert python == "python"
    code = code.replace("/run/secrets/monitoring", str(secrets)).replace(
        "/tmp/passwords.json", str(tmp_path / "passwords.json")
    )
    done = subprocess.run(
        [sys.executable, option, code],
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "AIRFLOW_ADMIN_USER": "admin",
            "DATABASE_ADDRESS": "postgres:5432",
            "DATABASE_SSLMODE": "require",
            "STORAGE_URL": "http://storage:8333",
            "STORAGE_REGION": "us-east-1",
        },
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[-1] == '{"admin": "of-AIRFLOW_ADMIN_PASSWORD"}'
    assert (
        "MONITORING_READER_URL=postgresql://monitoring_reader:of-POSTGRES_MONITORING_READER_PASSWORD"
        "@postgres:5432/monitoring?sslmode=require" in lines
    )
    assert "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=admin:admin" in lines
    assert (tmp_path / "passwords.json").stat().st_mode & 0o077 == 0


def test_the_version_of_the_chart_is_the_one_that_the_page_names(kubectl: Path) -> None:
    head = (FOLDER / "airflow-values.yaml").read_text(encoding="utf-8")
    (version,) = set(re.findall(r"--version (\d+\.\d+\.\d+)", head))
    assert f"--version {version}" in PAGE
    assert run(kubectl, ["version", "--client"]).startswith("Client Version")
