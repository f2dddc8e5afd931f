"""Where the pages of the stack are, who may open them, and which ports of the host they take."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from monitoring_jobs.errors import TerminalError
from monitoring_jobs.stack.compose import Container
from monitoring_jobs.stack.environment import Environment

_HOST = "127.0.0.1"
# The plugin's page inside Airflow's own frame.
_MONITORS = "plugin/monitoring/monitoring/"


class PortTaken(TerminalError):
    """Something else listens where a service is to."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the host.

    Attributes:
        service: Who listens there.
        variable: Where another one is named.
        usual: Which it is otherwise.
        profile: Only with this one; empty for always.
    """

    service: str
    variable: str
    usual: int
    profile: str = ""


PORTS = (
    Port("airflow-api-server", "AIRFLOW_PORT", 8080),
    Port("mlflow", "MLFLOW_PORT", 5000),
    Port("grafana", "GRAFANA_PORT", 3000),
    Port("prometheus", "PROMETHEUS_PORT", 9090),
    Port("alertmanager", "ALERTMANAGER_PORT", 9093),
    Port("pushgateway", "PUSHGATEWAY_PORT", 9091),
    Port("postgres", "POSTGRES_PORT", 5432),
    Port("storage", "STORAGE_PORT", 8333),
    Port("mailpit", "MAILPIT_PORT", 8025, "mail"),
)


def require_ports(
    environment: Environment, containers: Iterable[Container], profiles: Iterable[str]
) -> None:
    """Make sure that services which do not run yet can listen where they are to.

    Raises:
        PortTaken: Something listens there already.
    """
    ours = {port for one in containers if one.state == "running" for port in one.ports}
    for port in PORTS:
        number = _number(environment, port)
        if (not port.profile or port.profile in profiles) and number not in ours and taken(number):
            raise PortTaken(
                f"port {number} for {port.service} is taken",
                f"end what listens there, or set {port.variable} in {environment.path}",
            )


def taken(port: int) -> bool:
    """Tell whether somebody listens on a port of the loopback interface."""
    with socket.socket() as caller:
        caller.settimeout(1)
        return caller.connect_ex((_HOST, port)) == 0


def url(environment: Environment, service: str) -> str:
    """Return a service as a program on this host reaches it."""
    port = next(one for one in PORTS if one.service == service)
    return f"http://{_HOST}:{_number(environment, port)}"


def pages(environment: Environment, services: Iterable[str]) -> list[tuple[str, str]]:
    """Return labels and places, in the order in which they are wanted.

    Args:
        environment: Ports, addresses and logins.
        services: Those that run.
    """
    running = set(services)

    def at(service: str, variable: str = "") -> str:
        address = environment.get(variable) if variable else ""
        return address or url(environment, service) if service in running else ""

    def said(service: str, variable: str, default: str = "") -> str:
        return environment.get(variable, default) if service in running else ""

    airflow = at("airflow-api-server", "MONITORING_AIRFLOW_URL").rstrip("/")
    grafana = at("grafana", "MONITORING_GRAFANA_URL")
    found = [
        ("Monitors", f"{airflow}/{_MONITORS}" if airflow else ""),
        ("Airflow", airflow),
        ("  user", said("airflow-api-server", "AIRFLOW_ADMIN_USER", "admin")),
        ("  password", said("airflow-api-server", "AIRFLOW_ADMIN_PASSWORD")),
        ("Grafana", grafana),
        ("  user", said("grafana", "GRAFANA_ADMIN_USER", "admin")),
        ("  password", said("grafana", "GRAFANA_ADMIN_PASSWORD")),
        ("MLflow", at("mlflow", "MONITORING_MLFLOW_URL")),
        ("Prometheus", at("prometheus", "PROMETHEUS_URL")),
        ("Alertmanager", at("alertmanager", "ALERTMANAGER_URL")),
        ("Mails", at("mailpit")),
        ("Pushgateway", at("pushgateway")),
    ]
    return [(label, place) for label, place in found if place]


def _number(environment: Environment, port: Port) -> int:
    text = environment.get(port.variable, str(port.usual))
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise PortTaken(f"{port.variable}={text!r} is no port", f"name one in {environment.path}")
    return int(text)
