"""Airflow over the demo's databases: its secrets, its settings, its processes, its health."""

from __future__ import annotations

import base64
import json
import secrets
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from monitoring_jobs.demo.folder import DemoFolder
from monitoring_jobs.demo.services import PROJECT
from monitoring_jobs.whole_file import whole_file

USER = "admin"
API_SERVER = "airflow-api-server"
# The job that each process keeps alive, by the name that Airflow's health report gives it.
JOBS: Mapping[str, str] = {
    "airflow-scheduler": "scheduler",
    "airflow-dag-processor": "dag_processor",
    "airflow-triggerer": "triggerer",
}
_SECRETS = ("fernet_key", "session_key", "jwt_secret", "password")
_SETTINGS: Mapping[str, str] = {
    "CORE__EXECUTOR": "LocalExecutor",
    "CORE__PARALLELISM": "4",
    "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
    # What somebody clicks should happen while they look.
    "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    "TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    # A new monitor file becomes a Dag within ten seconds.
    "DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "9",
    "DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
    "API__EXPOSE_CONFIG": "False",
    "LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
}


@dataclass(frozen=True, slots=True)
class Secrets:
    """What Airflow's processes share, and what the user logs in with."""

    fernet_key: str
    session_key: str
    jwt_secret: str
    password: str


def keep_secrets(folder: DemoFolder) -> Secrets:
    """Return the secrets of a folder; they are drawn once and stay until the demo runs anew."""
    try:
        known = json.loads(folder.secrets.read_bytes())
        return Secrets(**{name: str(known[name]) for name in _SECRETS})
    except (OSError, ValueError, KeyError, TypeError):
        pass
    drawn = Secrets(
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        session_key=secrets.token_urlsafe(32),
        jwt_secret=secrets.token_urlsafe(64),
        password=secrets.token_urlsafe(12),
    )
    write_private(folder.secrets, {name: getattr(drawn, name) for name in _SECRETS})
    return drawn


def write_private(path: Path, content: Mapping[str, object]) -> None:
    """Replace a JSON file in one step; nobody but its owner may read it."""
    with whole_file(path, private=True) as file:
        file.write(json.dumps(content).encode())


def settings(folder: DemoFolder, known: Secrets, port: int) -> dict[str, str]:
    """Return Airflow's settings as variables, beside those of ``airflow_environment``.

    The file of passwords is written too: Airflow would draw one and print it into a log.
    """
    passwords = folder.airflow / "passwords.json"
    write_private(passwords, {USER: known.password})
    url = f"http://127.0.0.1:{port}"
    chosen = {
        **_SETTINGS,
        "CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__FERNET_KEY": known.fernet_key,
        "API__BASE_URL": url,
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__SECRET_KEY": known.session_key,
        "API_AUTH__JWT_SECRET": known.jwt_secret,
    }
    return {f"AIRFLOW__{name}": value for name, value in chosen.items()}


def commands(port: int) -> dict[str, list[str]]:
    """Return the command lines of Airflow's four processes by name."""
    airflow = [sys.executable, "-m", "airflow"]
    serve = ["api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return {
        API_SERVER: [*airflow, *serve],
        # The API server reads the logs of tasks from the folder; theirs would listen everywhere.
        "airflow-scheduler": [*airflow, "scheduler", "--skip-serve-logs"],
        "airflow-dag-processor": [*airflow, "dag-processor"],
        "airflow-triggerer": [*airflow, "triggerer", "--skip-serve-logs"],
    }


class Api:
    """The little of Airflow's REST API that is asked while it starts."""

    def __init__(self, url: str, password: str) -> None:
        self._url = url
        self._password = password
        self._token = ""

    def heartbeats(self) -> Mapping[str, datetime]:
        """Return when each healthy job was last alive; empty while the server does not answer."""
        try:
            found = get_json(f"{self._url}/api/v2/monitor/health")
        except (OSError, ValueError):
            return {}
        if found.get("metadatabase", {}).get("status") != "healthy":
            return {}
        beats = {}
        for job in JOBS.values():
            state = found.get(job) or {}
            last = state.get(f"latest_{job}_heartbeat")
            if state.get("status") == "healthy" and last:
                beats[job] = datetime.fromisoformat(last)
        return beats

    def parsed(self, dag_id: str, since: datetime) -> bool:
        """Tell whether a Dag is known and has been parsed since an instant."""
        last = self._get(f"dags/{quote(dag_id)}").get("last_parsed_time")
        return last is not None and datetime.fromisoformat(last) >= since

    def import_errors(self, since: datetime) -> dict[str, str]:
        """Return why files could not be imported since an instant: tracebacks by file."""
        found = self._get("importErrors").get("import_errors", [])
        return {
            str(error["filename"]): str(error["stack_trace"])
            for error in found
            if datetime.fromisoformat(error["timestamp"]) >= since
        }

    def _get(self, path: str) -> dict[str, Any]:
        """Return an answer; nothing where there is none."""
        try:
            if not self._token:
                login = {"username": USER, "password": self._password}
                self._token = get_json(f"{self._url}/auth/token", data=login)["access_token"]
            header = {"Authorization": f"Bearer {self._token}"}
            return dict(get_json(f"{self._url}/api/v2/{path}", headers=header))
        except (OSError, ValueError, KeyError):
            return {}


def get_json(
    url: str, *, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Any:
    """Return what a server on this machine answers; with data, to a POST.

    Raises:
        OSError: It does not answer, or not with 2xx.
        ValueError: The answer is no JSON.
    """
    request = urllib.request.Request(url, headers=dict(headers or {}))
    if data is not None:
        request.data = json.dumps(data).encode()
        request.add_header("Content-Type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        return json.load(answer)
