"""Loopback ports for the servers: the usual ones where they are free."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from monitoring_jobs.errors import TerminalError

_HOST = "127.0.0.1"
_HIGHEST = 65_535
USUAL = {
    "airflow": 8080,
    "mlflow": 5000,
    "pushgateway": 9091,
    "prometheus": 9090,
    "alertmanager": 9093,
}


class UnusablePort(TerminalError):
    """A port that was asked for cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What to listen on; 0 is any free port, None the usual one where it is free.

    Attributes:
        airflow: Of Airflow's UI and API; usually 8080.
        mlflow: Of the MLflow server; usually 5000.
        pushgateway: Of the Pushgateway; usually 9091.
        prometheus: Of Prometheus; usually 9090.
        alertmanager: Of the Alertmanager; usually 9093.
    """

    airflow: int | None = None
    mlflow: int | None = None
    pushgateway: int | None = None
    prometheus: int | None = None
    alertmanager: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no port.

        Raises:
            UnusablePort: One is out of range.
        """
        for name in USUAL:
            port = getattr(self, name)
            if port is not None and not 0 <= port <= _HIGHEST:
                raise _no_port(name, port)

    @classmethod
    def read(cls, **texts: str | None) -> Ports:
        """Return the ports that somebody typed.

        Raises:
            UnusablePort: One is no number, or out of range.
        """
        ports: dict[str, int | None] = {}
        for name, text in texts.items():
            try:
                ports[name] = None if text is None else int(text)
            except ValueError as exc:
                raise _no_port(name, text) from exc
        return cls(**ports)

    def other_than(self, urls: Mapping[str, str]) -> list[str]:
        """Return the names of what listens elsewhere than was asked for."""
        chosen = {name: urlsplit(url).port for name, url in urls.items()}
        return [name for name, port in chosen.items() if getattr(self, name) not in (None, 0, port)]

    def options(self) -> list[str]:
        """Return the ports that are asked for as options of the command line."""
        asked = {name: getattr(self, name) for name in USUAL}
        return [f"--{name}-port={port}" for name, port in asked.items() if port is not None]

    def choose(self) -> Ports:
        """Return ports that are free now, each one named.

        Raises:
            UnusablePort: One that was asked for is taken.
        """
        chosen: dict[str, int] = {}
        for name, port in USUAL.items():
            chosen[name] = _choose(name, getattr(self, name), port, set(chosen.values()))
        return Ports(**chosen)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _choose(name: str, asked: int | None, usual: int, taken: set[int]) -> int:
    if asked is None and usual not in taken and is_free(usual):
        return usual
    if not asked:
        while (port := free_port()) in taken:
            pass
        return port
    if asked in taken or not is_free(asked):
        raise UnusablePort(f"port {asked} for {name} is taken", "name another, or 0 for any")
    return asked


def _no_port(name: str, asked: object) -> UnusablePort:
    cure = f"name one from 1 to {_HIGHEST}, or 0 for any"
    return UnusablePort(f"{asked} is no port for {name}", cure)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a port of the loopback interface."""
    with socket.socket() as caller:
        caller.settimeout(1)
        # On macOS a bind succeeds beside a server that listens on all interfaces.
        if caller.connect_ex((_HOST, port)) == 0:
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True
