"""The manifests: what kustomize makes of them is valid, restricted, and the twin of compose."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fixtures.kubectl import FOLDER, kustomize, validate
from tests.fixtures.pod_security import containers, pod_of, violations, workloads

ROOT = FOLDER.parents[1]
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))["services"]
TASK = yaml.safe_load((FOLDER / "base" / "worker-pod.yaml").read_text(encoding="utf-8"))
OVERLAYS = ["example", "managed"]
# Client-side `kubectl apply` keeps the whole object in an annotation, which may be no longer.
ANNOTATION = 262_144
Rendered = dict[str, list[dict[str, Any]]]


def named(documents: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    found = [one for one in documents if one["kind"] == kind]
    assert len({one["metadata"]["name"] for one in found}) == len(found)
    return {one["metadata"]["name"]: one for one in found}


def config_maps(documents: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Contents by the names that the files give, without kustomize's hashes."""
    return {
        re.sub(r"-[0-9a-z]{10}$", "", name): one["data"]
        for name, one in named(documents, "ConfigMap").items()
    }


def pods(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {one["metadata"]["name"]: pod_of(one) for one in workloads(documents)}
    return {**found, "airflow-task": TASK}


def test_base_renders_by_itself(kubectl: Path) -> None:
    kinds = {one["kind"] for one in kustomize(kubectl, FOLDER / "base")}
    assert {"Namespace", "NetworkPolicy", "ConfigMap", "StatefulSet", "Job"} <= kinds


def test_every_object_is_valid_and_in_the_namespace(rendered: Rendered) -> None:
    seen: list[dict[str, Any]] = []
    for document in (one for overlay in OVERLAYS for one in rendered[overlay]):
        if document not in seen:
            validate(document)
            seen.append(document)
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == "monitoring", document["metadata"]
    validate(TASK)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_plain_kubectl_apply_takes_every_object(rendered: Rendered, overlay: str) -> None:
    for document in rendered[overlay]:
        assert len(json.dumps(document)) < ANNOTATION * 0.9, document["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_namespace_enforces_what_every_pod_keeps_to(rendered: Rendered, overlay: str) -> None:
    labels = named(rendered[overlay], "Namespace")["monitoring"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    found = pods(rendered[overlay])
    assert len(found) > 10
    for name, pod in found.items():
        assert list(violations(pod)) == [], name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_has_requests_and_limits(rendered: Rendered, overlay: str) -> None:
    for name, pod in pods(rendered[overlay]).items():
        for container in containers(pod):
            for kind in ("requests", "limits"):
                assert {"cpu", "memory"} <= set(container["resources"][kind]), (name, kind)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_server_is_asked_whether_it_is_ready_and_alive(
    rendered: Rendered, overlay: str
) -> None:
    servers = [one for one in workloads(rendered[overlay]) if "Job" not in one["kind"]]
    for server in servers:
        for container in pod_of(server)["spec"]["containers"]:
            assert {"readinessProbe", "livenessProbe"} <= set(container), server["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_token_of_the_cluster_is_given_to_who_asks_its_api_only(
    rendered: Rendered, overlay: str
) -> None:
    accounts = named(rendered[overlay], "ServiceAccount")
    for name, pod in pods(rendered[overlay]).items():
        assert pod["spec"]["automountServiceAccountToken"] is (name == "kube-state-metrics"), name
        assert pod["spec"]["enableServiceLinks"] is False, name
        account = accounts[pod["spec"]["serviceAccountName"]]
        assert account["automountServiceAccountToken"] is False
    (role,) = named(rendered[overlay], "Role").values()
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
    assert not named(rendered[overlay], "ClusterRole")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_reference_to_a_name_leads_somewhere(rendered: Rendered, overlay: str) -> None:
    documents = rendered[overlay]
    maps, claims = named(documents, "ConfigMap"), named(documents, "PersistentVolumeClaim")
    for name, pod in pods(documents).items():
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        server = named(documents, "StatefulSet").get(name, {"spec": {}})
        templates = server["spec"].get("volumeClaimTemplates", [])
        known = set(volumes) | {one["metadata"]["name"] for one in templates}
        for container in containers(pod):
            assert {mount["name"] for mount in container.get("volumeMounts", [])} <= known, name
            for variable in container.get("env", []):
                key = variable.get("valueFrom", {}).get("configMapKeyRef")
                assert key is None or key["key"] in maps[key["name"]]["data"], (name, key)
        for volume in volumes.values():
            parts = [volume, *volume.get("projected", {}).get("sources", [])]
            wanted = [part["configMap"] for part in parts if "configMap" in part]
            assert all(one["name"] in maps or one.get("optional") for one in wanted), name
            claim = volume.get("persistentVolumeClaim")
            assert claim is None or claim["claimName"] in claims, name


def test_what_must_outlive_a_pod_is_on_a_claim(rendered: Rendered) -> None:
    claimed = {
        name
        for name, one in named(rendered["example"], "StatefulSet").items()
        if one["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
    }
    assert claimed == {
        "alertmanager", "grafana", "postgres", "prometheus", "pushgateway", "storage",
    }  # fmt: skip
    logs = named(rendered["example"], "PersistentVolumeClaim")["airflow-logs"]
    assert logs["spec"]["accessModes"] == ["ReadWriteMany"]


@pytest.mark.parametrize(
    ("config_map", "folder", "pattern"),
    [
        ("prometheus-config", "docker/prometheus", "prometheus.yml"),
        ("prometheus-rules", "docker/prometheus/rules", "*.yml"),
        ("prometheus-targets", "docker/kubernetes", "*/**/targets/*.yml"),
        ("alertmanager-config", "docker/alertmanager", "alertmanager.yml"),
        ("alertmanager-templates", "docker/alertmanager/templates", "*"),
        ("statsd-mapping", "docker/statsd", "mapping.yml"),
        ("postgres-init", "docker/postgres", "init.sh"),
        ("postgres-roles", "sql", "roles.sql"),
        ("storage-scripts", "docker/storage", "*.sh"),
        ("airflow-worker", "docker/kubernetes/base", "worker-pod.yaml"),
        ("grafana-datasources", "grafana/provisioning/datasources", "*"),
        ("grafana-dashboard-folder", "grafana/provisioning/dashboards", "*"),
        ("grafana-alerting", "grafana/provisioning/alerting", "*"),
    ],
)
def test_config_maps_are_the_files_to_the_byte(
    rendered: Rendered, config_map: str, folder: str, pattern: str
) -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / folder).glob(pattern)}
    assert files
    assert config_maps(rendered["example"])[config_map] == files


def test_every_dashboard_is_a_config_map_that_grafana_mounts(rendered: Rendered) -> None:
    found = {
        name: data
        for name, data in config_maps(rendered["example"]).items()
        if name.startswith("dashboard-")
    }
    joined = {name: text for data in found.values() for name, text in data.items()}
    files = (ROOT / "grafana" / "dashboards").glob("*.json")
    assert joined == {path.name: path.read_text(encoding="utf-8") for path in files}
    volumes = pods(rendered["example"])["grafana"]["spec"]["volumes"]
    (volume,) = [one["projected"] for one in volumes if one["name"] == "dashboards"]
    assert len(volume["sources"]) == len(joined)


def test_prometheus_keeps_thirty_days(rendered: Rendered) -> None:
    arguments = containers(pods(rendered["example"])["prometheus"])[0]["args"]
    assert "--storage.tsdb.retention.time=30d" in arguments


def test_images_are_those_of_compose_and_never_latest(rendered: Rendered) -> None:
    for overlay in OVERLAYS:
        for name, pod in pods(rendered[overlay]).items():
            for container in containers(pod):
                image = container["image"]
                assert re.search(r":v?\d+\.\d+[^:]*(@sha256:[0-9a-f]{64})?$", image), image
                if name in COMPOSE:
                    twin = re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", COMPOSE[name]["image"])
                    assert image.removeprefix("registry.example.com/") == twin


@pytest.mark.parametrize(
    "service",
    ["alertmanager", "postgres", "prometheus", "pushgateway", "statsd-exporter"],
)
def test_servers_are_started_with_the_options_of_compose(rendered: Rendered, service: str) -> None:
    (container,) = containers(pods(rendered["example"])[service])
    theirs = [str(one) for one in COMPOSE[service]["command"]]
    here = {argument.partition("=")[0] for argument in container["args"]}
    assert {argument.partition("=")[0] for argument in theirs} <= here


@pytest.mark.parametrize(
    "service", ["mlflow", "grafana", "postgres", "postgres-exporter", "storage", "storage-init"]
)
def test_servers_have_the_environment_of_compose(rendered: Rendered, service: str) -> None:
    (container,) = containers(pods(rendered["example"])[service])
    here = {variable["name"] for variable in container.get("env", [])}
    if "envFrom" in container:
        here |= set(config_maps(rendered["example"])["settings"])
    assert set(COMPOSE[service]["environment"]) <= here


def test_a_task_has_what_the_jobs_have_in_compose_and_no_more_secrets(rendered: Rendered) -> None:
    jobs = set(COMPOSE["airflow-worker"]["environment"])
    wanted = {name for name in jobs if not re.match(r"AIRFLOW__|CELERY_|AIRFLOW_HOME", name)}
    image = (ROOT / "docker" / "airflow" / "Dockerfile").read_text(encoding="utf-8")
    in_image = set(re.findall(r"^(?:ENV)?\s+([A-Z][A-Z0-9_]+)=", image, flags=re.MULTILINE))
    (container,) = TASK["spec"]["containers"]
    own = {variable["name"] for variable in container["env"]}
    settings = set(config_maps(rendered["example"])["settings"])
    # The reader's address is the report browser's, which is part of the API server.
    assert wanted - own - settings - in_image <= {"MONITORING_READER_URL", "MONITORING_MEMORY_MB"}
    secrets = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for variable in container["env"]
        if "secretKeyRef" in variable.get("valueFrom", {})
    }
    assert not {
        key for key in secrets if re.search(r"OWNER|ADMIN|AIRFLOW_PASSWORD|FERNET|JWT", key)
    }
