"""Network policies: everything that a pod is told to reach it reaches, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.fixtures.kubectl import FOLDER
from tests.fixtures.network_policies import Pod, allowed, let_out
from tests.fixtures.pod_security import containers, pod_of, workloads

VALUES = yaml.safe_load((FOLDER / "airflow-values.yaml").read_text(encoding="utf-8"))
TASK = yaml.safe_load((FOLDER / "base" / "worker-pod.yaml").read_text(encoding="utf-8"))
# The chart's names: of its sections, and of the components that its pods bear as a label.
CHART = {
    "apiServer": "api-server",
    "dagProcessor": "dag-processor",
    "migrateDatabaseJob": "run-airflow-migrations",
    "scheduler": "scheduler",
    "triggerer": "triggerer",
}
STATSD = ("statsd-exporter", 9125, "UDP")
# What the settings of Airflow's own pods do not show: addresses in Secrets and in airflow.cfg.
KNOWN = {
    "airflow-api-server": {("postgres", 5432, "TCP"), ("storage", 8333, "TCP"), STATSD},
    "airflow-dag-processor": {("postgres", 5432, "TCP"), STATSD},
    "airflow-run-airflow-migrations": {("postgres", 5432, "TCP")},
    "airflow-scheduler": {("postgres", 5432, "TCP"), STATSD},
    "airflow-triggerer": {("postgres", 5432, "TCP"), STATSD},
    "airflow-task": {STATSD},
    "storage-init": {("storage", 8333, "TCP")},  # in its script
}
_ADDRESS = re.compile(r"(?<![\w.-])([a-z][a-z0-9-]*):(\d{2,5})\b")
Documents = list[dict[str, Any]]


@pytest.fixture(scope="module")
def example(rendered: dict[str, Documents]) -> Documents:
    return rendered["example"]


@pytest.fixture(scope="module")
def policies(example: Documents) -> Documents:
    return [one for one in example if one["kind"] == "NetworkPolicy"]


@pytest.fixture(scope="module")
def pods(example: Documents) -> dict[str, Pod]:
    """All pods of the namespace, those of the chart and of tasks too."""
    specs = {one["metadata"]["name"]: pod_of(one) for one in workloads(example)}
    specs["airflow-task"] = TASK
    found = {
        name: Pod(
            name,
            pod["metadata"]["labels"],
            {
                port["name"]: port["containerPort"]
                for container in containers(pod)
                for port in container.get("ports", [])
            },
        )
        for name, pod in specs.items()
    }
    for section, component in CHART.items():
        own = {"tier": "airflow", "component": component, "release": "airflow"}
        name = f"airflow-{component}"
        found[name] = Pod(name, {**own, **VALUES[section]["labels"]}, {"api-server": 8080})
    return found


def services(example: Documents, pods: dict[str, Pod]) -> dict[tuple[str, int], tuple[Pod, int]]:
    """Return the pod and its port behind each address of a Service."""
    found = {("airflow-api-server", 8080): (pods["airflow-api-server"], 8080)}
    for service in (one for one in example if one["kind"] == "Service"):
        selector = service["spec"]["selector"]
        behind = [pod for pod in pods.values() if selector.items() <= pod.labels.items()]
        assert len(behind) == 1, service["metadata"]["name"]
        for port in service["spec"]["ports"]:
            target = behind[0].ports[port["targetPort"]]
            found[service["metadata"]["name"], port["port"]] = (behind[0], target)
    return found


def told(example: Documents) -> dict[str, set[tuple[str, int, str]]]:
    """Return the addresses that stand in each pod's environment, arguments and configuration."""
    maps = {one["metadata"]["name"]: one["data"] for one in example if one["kind"] == "ConfigMap"}
    specs = {one["metadata"]["name"]: pod_of(one) for one in workloads(example)}
    specs["airflow-task"] = TASK
    found = {name: set(addresses) for name, addresses in KNOWN.items()}
    for section, component in CHART.items():
        text = yaml.safe_dump([VALUES[section].get("livenessProbe"), VALUES["env"]])
        found[f"airflow-{component}"] |= _addresses(text)
    for name, pod in specs.items():
        texts = [yaml.safe_dump(containers(pod))]
        for container in containers(pod):
            for variable in container.get("env", []):
                key = variable.get("valueFrom", {}).get("configMapKeyRef")
                texts += [maps[key["name"]][key["key"]]] if key else []
        if name == "prometheus":
            texts += maps["prometheus-targets"].values()
        found.setdefault(name, set()).update(_addresses("\n".join(texts)))
    return found


def _addresses(text: str) -> set[tuple[str, int, str]]:
    return {(host, int(port), "TCP") for host, port in _ADDRESS.findall(text)}


def test_everything_is_denied_first(policies: Documents, pods: dict[str, Pod]) -> None:
    (first,) = [one for one in policies if one["metadata"]["name"] == "default-deny"]
    assert first["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    stranger = Pod("stranger", {"app": "stranger"})
    for pod in pods.values():
        for port in pod.ports.values():
            assert not allowed(policies, stranger, pod, port)
            assert not let_out(policies, stranger, port)


def test_every_pod_asks_for_names(policies: Documents, pods: dict[str, Pod]) -> None:
    namespace = {"kubernetes.io/metadata.name": "kube-system"}
    server = Pod("dns", {"k8s-app": "kube-dns"}, namespace=namespace)
    for pod in pods.values():
        assert allowed(policies, pod, server, 53, "UDP"), pod.name
        assert allowed(policies, pod, server, 53, "TCP"), pod.name


def test_what_a_pod_is_told_to_reach_it_reaches(
    example: Documents, policies: Documents, pods: dict[str, Pod]
) -> None:
    behind = services(example, pods)
    hosts = {host for host, _ in behind}
    ways = 0
    for name, addresses in told(example).items():
        for host, port, protocol in addresses:
            if host not in hosts or host == name:
                continue
            if protocol == "UDP":
                target, number = behind["statsd-exporter", 9102][0], port
            else:
                target, number = behind[host, port]
            assert allowed(policies, pods[name], target, number, protocol), (name, host, port)
            ways += 1
    assert ways > 40


def test_no_way_leads_where_nobody_is_told_to_go(
    example: Documents, policies: Documents, pods: dict[str, Pod]
) -> None:
    behind = services(example, pods)
    wanted = {
        (name, behind[host, port][0].name)
        for name, addresses in told(example).items()
        for host, port, protocol in addresses
        if protocol == "TCP" and (host, port) in behind
    }
    for source in pods.values():
        for target, port in behind.values():
            if allowed(policies, source, target, port) and source != target:
                assert (source.name, target.name) in wanted, (source.name, target.name, port)


def test_the_clusters_api_is_for_scheduler_api_server_and_kube_state_metrics(
    policies: Documents, pods: dict[str, Pod]
) -> None:
    reaching = {name for name, pod in pods.items() if let_out(policies, pod, 6443)}
    assert reaching == {"airflow-api-server", "airflow-scheduler", "kube-state-metrics"}


def test_mail_and_chat_are_for_who_tells_people(policies: Documents, pods: dict[str, Pod]) -> None:
    reaching = {name for name, pod in pods.items() if let_out(policies, pod, 587)}
    assert reaching == {
        "airflow-dag-processor", "airflow-task", "airflow-triggerer", "alertmanager", "grafana",
    }  # fmt: skip


def test_the_ingress_reaches_what_asks_for_a_login_only(
    policies: Documents, pods: dict[str, Pod]
) -> None:
    controller = Pod("controller", {}, namespace={"monitoring-jobs/ingress": "true"})
    reached = {
        pod.name
        for pod in pods.values()
        for port in pod.ports.values()
        if pod.name.startswith("airflow-api") or not pod.name.startswith("airflow-")
        if allowed(policies, controller, pod, port)
    }
    assert reached == {"airflow-api-server", "grafana"}


def test_a_managed_postgres_and_storage_are_reached_outside(
    rendered: dict[str, Documents], pods: dict[str, Pod]
) -> None:
    managed = [one for one in rendered["managed"] if one["kind"] == "NetworkPolicy"]
    for name in ("airflow-scheduler", "airflow-task", "grafana", "migrate", "mlflow"):
        assert let_out(managed, pods[name], 5432), name
    assert let_out(managed, pods["mlflow"], 443)
    assert not let_out(managed, pods["pushgateway"], 443)
    kinds = {(one["kind"], one["metadata"]["name"]) for one in rendered["managed"]}
    assert not kinds & {("StatefulSet", "postgres"), ("StatefulSet", "storage")}


def test_a_prometheus_of_the_operator_finds_and_reaches_every_exporter(
    rendered: dict[str, Documents],
) -> None:
    managed = rendered["managed"]
    policies = [one for one in managed if one["kind"] == "NetworkPolicy"]
    outside = Pod("prometheus", {}, namespace={"monitoring-jobs/scrapes": "true"})
    own = {one["metadata"]["name"]: one for one in managed if one["kind"] == "Service"}
    servers = {one["metadata"]["name"]: pod_of(one) for one in workloads(managed)}
    monitors = [one for one in managed if one["kind"] == "ServiceMonitor"]
    assert len(monitors) == 7
    for monitor in monitors:
        service = own[monitor["metadata"]["name"]]
        labels = monitor["spec"]["selector"]["matchLabels"]
        assert labels.items() <= service["metadata"]["labels"].items()
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        pod = servers[monitor["metadata"]["name"]]
        ports = {p["name"]: p["containerPort"] for p in containers(pod)[0]["ports"]}
        target = Pod(monitor["metadata"]["name"], pod["metadata"]["labels"], ports)
        assert allowed(policies, outside, target, ports["http"])
