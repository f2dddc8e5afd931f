"""The servers of the demo: started on free loopback ports, waited for, and ended with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from monitoring_jobs.demo.folder import DemoFolder
from monitoring_jobs.demo.ports import free_port
from monitoring_jobs.demo.postgres import Postgres
from monitoring_jobs.demo.processes import Processes, listens

# The clone that this package lies in, or site-packages where it was installed from a wheel.
PROJECT = Path(__file__).resolve().parents[2]
_START_SECONDS = 240.0
_PORT_ATTEMPTS = 3
# No word leaves the machine.
QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "SCARF_ANALYTICS": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "PYTHONWARNINGS": "ignore",
}
# Settings of the user's own services: the demo must touch none of them.
_FOREIGN = ("AIRFLOW", "MLFLOW_", "MONITORING_", "PG", "PRAMATHUS_")
_FOREIGN_NAMES = {"PUSHGATEWAY_URL", "PROMETHEUS_GATEWAY", "_MLFLOW_TRACKING_URI"}


@dataclass(frozen=True, slots=True)
class Pushgateway:
    """A running Pushgateway.

    Attributes:
        url: Where it listens.
    """

    url: str

    def save(self, path: Path) -> None:
        """Write what it holds, for a look after it has ended."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            path.write_bytes(answer.read())


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a subprocess: ours without foreign services, and ``variables``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FOREIGN) and name not in _FOREIGN_NAMES
    }
    programs = str(Path(sys.executable).parent)
    kept["PATH"] = os.pathsep.join(filter(None, (programs, kept.get("PATH", ""))))
    kept["NO_PROXY"] = kept["no_proxy"] = "127.0.0.1,localhost"
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PROJECT), kept.get("PYTHONPATH"))))
    return {**kept, **QUIET, **variables}


@contextmanager
def mlflow_server(folder: DemoFolder, database: Postgres, processes: Processes) -> Iterator[str]:
    """Run an MLflow server over the embedded Postgres; yield its URL.

    Raises:
        StepFailed: It did not become healthy.
    """

    def command(port: int) -> list[str]:
        return mlflow_command(folder, database, port)

    env = mlflow_environment()
    with _server("mlflow", command, "/health", env, folder.root, processes) as url:
        yield url


def mlflow_command(folder: DemoFolder, database: Postgres, port: int) -> list[str]:
    """Return the command line of an MLflow server over the embedded Postgres."""
    return [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", database.url("mlflow")),
        *("--artifacts-destination", str(folder.artifacts)),
    ]


def mlflow_environment() -> dict[str, str]:
    """Return the environment of an MLflow server."""
    # The job runner is for traces and evaluations of language models.
    return environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")


@contextmanager
def pushgateway(folder: DemoFolder, processes: Processes) -> Iterator[Pushgateway | None]:
    """Run a Pushgateway where one is installed; yield None where none is.

    Raises:
        StepFailed: It did not become healthy.
    """
    program = pushgateway_program()
    if program is None:
        yield None
        return

    def command(port: int) -> list[str]:
        return pushgateway_command(program, port, folder.gateway)

    env = environment()
    with _server("pushgateway", command, "/-/ready", env, folder.root, processes) as url:
        yield Pushgateway(url)


def pushgateway_program() -> str | None:
    """Return where the Pushgateway is installed, if it is."""
    return shutil.which("prometheus-pushgateway") or shutil.which("pushgateway")


def pushgateway_command(program: str, port: int, store: Path) -> list[str]:
    """Return the command line of a Pushgateway that keeps its series in a file."""
    # Debian's build otherwise loads and saves one file for the whole machine: foreign series
    # would show up here, and the demo's in whatever Pushgateway starts next.
    return [program, f"--web.listen-address=127.0.0.1:{port}", f"--persistence.file={store}"]


@contextmanager
def _server(
    name: str,
    command: Callable[[int], list[str]],
    health: str,
    env: Mapping[str, str],
    cwd: Path,
    processes: Processes,
) -> Iterator[str]:
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        port = free_port()
        process = processes.start(name, command(port), env=env, cwd=cwd)
        url = f"http://127.0.0.1:{port}"
        try:
            if _healthy(process, url + health):
                yield url
                return
            code = process.poll()
            # Somebody may have taken the port in between: another port, another try.
            taken = code is not None and _port_was_taken(processes.log_of(name))
            if not taken or attempt == _PORT_ATTEMPTS:
                what = f"ended with exit code {code}" if code is not None else "does not answer"
                raise processes.failure(name, f"{what} while starting")
        finally:
            processes.end(process)


def _healthy(process: subprocess.Popen[str], url: str) -> bool:
    """Wait until a server answers; False when it ended or took too long."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if answers(url) and listens(process.pid, urlsplit(url).port):
            return process.poll() is None
        time.sleep(0.1)
    return False


def answers(url: str) -> bool:
    """Tell whether a server of this machine answers with 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _port_was_taken(log: Path) -> bool:
    return "address already in use" in log.read_text(encoding="utf-8", errors="replace").lower()
