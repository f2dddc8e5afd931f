"""docker/compose.yaml: valid, hardened, without a secret, and in step with the files around it."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.docker.compose_file import (
    COMPOSE,
    DOCKER,
    PROFILES,
    VARIABLE,
    ask,
    offered,
    rendered,
    secret_names,
    services,
    source,
    values,
)

ALWAYS = {
    "postgres",
    "storage",
    "storage-init",
    "mlflow",
    "airflow-init",
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "pushgateway",
    "prometheus",
    "alertmanager",
    "grafana",
    "node-exporter",
    "postgres-exporter",
    "statsd-exporter",
}
ADDED = {
    "celery": {"redis", "airflow-worker"},
    "mail": {"mailpit"},
    "demo": {"demo"},
    "operations": {"operations"},
}
ONE_SHOTS = {"storage-init", "airflow-init", "demo", "operations"}
OURS = {"monitoring-airflow", "monitoring-mlflow"}
EVERY = sorted(ALWAYS.union(*ADDED.values()))


# --- the file -----------------------------------------------------------------------------------


def test_the_file_follows_the_compose_specification() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [program, "--builtin-schema", "vendor.compose-spec", COMPOSE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_without_profiles_the_whole_system_is_there_and_no_more() -> None:
    assert set(rendered()["services"]) == ALWAYS


def test_all_profiles_render_together() -> None:
    assert sorted(services()) == EVERY


def test_a_profile_adds_its_services_and_no_others() -> None:
    # Of the source: to render takes seconds, and takes services away only.
    found = yaml.safe_load(source())["services"]
    chosen = {name: entry["profiles"] for name, entry in found.items() if "profiles" in entry}
    assert chosen == {name: [profile] for profile, names in ADDED.items() for name in names}


def test_without_secrets_nothing_is_rendered_and_the_cure_is_named() -> None:
    done = ask("config")
    assert done.returncode != 0
    assert "run make secrets" in done.stderr


@pytest.mark.parametrize("name", secret_names())
def test_every_secret_is_required_wherever_it_is_used(name: str) -> None:
    uses = re.findall(rf"\$\{{{name}([^}}]*)\}}", source())
    assert uses
    assert set(uses) == {":?run make secrets"}


def test_every_variable_stands_in_the_example_and_the_reverse() -> None:
    used = set(VARIABLE.findall(source()))
    assert used == {*secret_names(), *offered()}


def test_defaults_of_the_example_are_those_of_the_file() -> None:
    for name, value in offered().items():
        defaults = re.findall(rf"\$\{{{name}:-((?:[^{{}}]|\{{[^}}]*\}})*)\}}", source())
        assert defaults, name
        # An address by default follows its port.
        assert set(defaults) == {value} or (not value and "_PORT:-" in defaults[0]), name


# --- every service ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_its_image_has_a_version(name: str) -> None:
    image, _, digest = services()[name]["image"].partition("@")
    repository, _, tag = image.rpartition(":")
    assert repository
    assert re.match(r"v?\d+\.\d+", tag), image
    assert "latest" not in tag
    assert not digest or re.fullmatch(r"sha256:[0-9a-f]{64}", digest)


@pytest.mark.parametrize("name", EVERY)
def test_it_has_no_rights_and_a_root_that_cannot_be_written(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert not {"cap_add", "devices", "pid", "ipc", "network_mode"} & service.keys()


@pytest.mark.parametrize("name", EVERY)
def test_it_runs_as_a_number_that_is_not_root(name: str) -> None:
    # A number: by a name, an engine cannot tell beforehand that it is not root.
    user, _, group = services()[name]["user"].partition(":")
    assert int(user) > 0
    assert group.isdecimal()


@pytest.mark.parametrize("name", EVERY)
def test_it_is_bounded_in_memory_processors_and_processes(name: str) -> None:
    limits = services()[name]["deploy"]["resources"]["limits"]
    # More processors than a host has are refused by the engine: two must do.
    assert 0 < float(limits["cpus"]) <= 2
    assert re.fullmatch(r"\d+[MG]", limits["memory"])
    assert 0 < int(limits["pids"]) <= 512


@pytest.mark.parametrize("name", EVERY)
def test_its_logs_end(name: str) -> None:
    logging = services()[name]["logging"]
    assert logging["driver"] == "json-file"
    assert {"max-size", "max-file"} <= logging["options"].keys()


@pytest.mark.parametrize("name", EVERY)
def test_it_comes_back_and_says_how_it_is_or_runs_once(name: str) -> None:
    service = services()[name]
    if name in ONE_SHOTS:
        assert service["restart"] == "no"
        assert "healthcheck" not in service
    else:
        assert service["restart"] == "unless-stopped"
        health = service["healthcheck"]
        assert health["test"][0] in {"CMD", "CMD-SHELL"}
        assert {"interval", "timeout", "retries", "start_period"} <= health.keys()


@pytest.mark.parametrize("name", EVERY)
def test_its_ports_are_on_loopback(name: str) -> None:
    for port in services()[name].get("ports", ()):
        address, _host, container = str(port).split(":")
        assert ipaddress.ip_address(address).is_loopback
        assert container.isdecimal()


@pytest.mark.parametrize("name", EVERY)
def test_what_it_mounts_of_the_host_is_there_and_read_only(name: str) -> None:
    for volume in services()[name].get("volumes", ()):
        place, target, *mode = str(volume).split(":")
        if not place.startswith((".", "/")):
            assert place in rendered(*PROFILES)["volumes"], volume
            continue
        assert mode == ["ro"], volume
        assert (DOCKER / place).exists(), volume
        assert target.startswith("/")


@pytest.mark.parametrize("name", EVERY)
def test_no_secret_is_on_its_command_line(name: str) -> None:
    service = services()[name]
    lines = values([service.get(key) for key in ("command", "entrypoint")])
    tests = values(service.get("healthcheck", {}).get("test"))
    assert not [text for text in (*lines, *tests) if "canary-" in text]


@pytest.mark.parametrize("name", EVERY)
def test_each_password_of_its_environment_comes_from_outside(name: str) -> None:
    secret = re.compile(r"(PASSWORD|PASS|SECRET|SECRET_KEY|FERNET_KEY|ACCESS_KEY|TOKEN)$")
    for key, value in services()[name].get("environment", {}).items():
        if secret.search(key) and not key.endswith("_ID"):
            assert not value or "canary-" in value, key
        if "://" in str(value) and "@" in str(value):
            assert "canary-" in value, key


@pytest.mark.parametrize("name", EVERY)
def test_it_waits_only_for_what_says_that_it_is_ready(name: str) -> None:
    everything = services()
    for other, wait in services()[name].get("depends_on", {}).items():
        condition = wait["condition"]
        if other in ONE_SHOTS:
            assert condition == "service_completed_successfully"
        else:
            assert condition == "service_healthy"
            assert "healthcheck" in everything[other]
        # A service of another profile may not be there.
        optional = any(other in ADDED[p] and name not in ADDED[p] for p in PROFILES)
        assert (wait.get("required") is False) == optional, other


def test_only_one_service_builds_each_image_of_ours() -> None:
    building = {
        name: s["image"].partition(":")[0] for name, s in services().items() if "build" in s
    }
    assert building == {"airflow-init": "monitoring-airflow", "mlflow": "monitoring-mlflow"}
    for name, service in services().items():
        if service["image"].partition(":")[0] in OURS and name not in building:
            assert service["pull_policy"] == "never", name


def test_postgres_redis_and_storage_are_in_no_network_that_leads_out() -> None:
    networks = rendered(*PROFILES)["networks"]
    assert networks["data"]["internal"] is True
    unmasked = networks["host"]["driver_opts"]["com.docker.network.bridge.enable_ip_masquerade"]
    assert unmasked == "false"
    for name in ("postgres", "redis", "storage", "storage-init"):
        assert set(services()[name]["networks"]) <= {"data", "host"}
    # Docker publishes no port of what lives in internal networks only.
    for name, service in services().items():
        if service.get("ports"):
            assert set(service["networks"]) - {"data"}, name
