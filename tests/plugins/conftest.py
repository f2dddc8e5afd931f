"""Airflow's own API server on loopback with the plugin, and evaluations for it to show."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from monitoring_jobs.database import migrate
from monitoring_jobs.demo.ports import free_port
from monitoring_jobs.reports.store import ReportStore, drafts
from monitoring_jobs.results import DagRunRef, Evaluation, Status
from monitoring_jobs.sinks.postgres import PostgresSink
from tests.dags.conftest import PROJECT, airflow_environment, migrated
from tests.fixtures.evaluations import day, drift, make_evaluation
from tests.fixtures.postgres import Server, running_server

# The people of auth_manager.py, with their roles.
USERS = "admin:admin,blind:viewer,narrow:viewer,unlucky:viewer"
CANARY = "c4n4ry-5ecret"
JWT_SECRET = "a secret of the tests that is long enough to sign with: sixty-four."
HOSTILE = "</script><script>alert(1)</script>"
RUN = DagRunRef(dag_id="monitor__wine_quality", run_id="scheduled__2026-11-21T00:00:00+00:00")


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class ApiServer:
    """A running API server, asked byte by byte so that no client mends what is sent."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    root: str = ""
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        target: str | bytes,
        user: str | None = None,
        *,
        method: str = "GET",
        document: object = None,
        **headers: str,
    ) -> Answer:
        """Send a request for a target as it stands; headers by keyword: ``cookie="_token=..."``."""
        path = target if isinstance(target, bytes) else target.encode()
        body = b"" if document is None else json.dumps(document).encode()
        headers |= {"content-type": "application/json", "content-length": str(len(body))}
        if user is not None:
            headers["authorization"] = f"Bearer {self.token(user)}"
        lines = [f"{name}: {value}".encode() for name, value in headers.items()]
        head = [
            b"%b %b HTTP/1.1" % (method.encode(), path),
            b"host: 127.0.0.1:%d" % self.port,
            b"connection: close",
            *lines,
        ]
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(b"\r\n".join(head) + b"\r\n\r\n" + body)
            answer = http.client.HTTPResponse(connection, method=method)
            answer.begin()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())

    def page(self, path: str, user: str | None = None, *, method: str = "GET") -> Answer:
        """Ask for a page of the plugin."""
        return self.ask(f"{self.root}/monitoring/{path}", user, method=method)

    def token(self, user: str) -> str:
        """Log in once, as Airflow's own login does."""
        if user not in self.tokens:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            login = json.dumps({"username": user, "password": f"{user}-{CANARY}"})
            kind = {"content-type": "application/json"}
            connection.request("POST", f"{self.root}/auth/token", login, kind)
            self.tokens[user] = json.loads(connection.getresponse().read())["access_token"]
            connection.close()
        return self.tokens[user]


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty metadata database, to be copied."""
    return migrated(tmp_path_factory.mktemp("home"), tmp_path_factory)


def server_environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of an API server with the plugin and the four people."""
    passwords = {user: f"{user}-{CANARY}" for user in ("admin", "blind", "narrow", "unlucky")}
    (home / "passwords.json").write_text(json.dumps(passwords), encoding="utf-8")
    return airflow_environment(home) | {
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__AUTH_MANAGER": "tests.plugins.auth_manager.FourPeople",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": USERS,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API_AUTH__JWT_SECRET": JWT_SECRET,
        **more,
    }


@contextmanager
def api_server(home: Path, root: str = "", **more: str) -> Iterator[ApiServer]:
    """Start Airflow's API server and end it."""
    port, log = free_port(), home / "api-server.log"
    command = [sys.executable, "-m", "airflow", "api-server", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            env=server_environment(home, **more),
            cwd=home,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        server = ApiServer(process, port, log, root)
        try:
            _wait_for(server)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_for(server: ApiServer) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if server.ask(f"{server.root}/api/v2/version").status == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the API server did not start:\n{server.log.read_text()}")


@dataclass(frozen=True)
class Results:
    """Where evaluations are, and which."""

    postgres: Server
    writer: str
    store: Path
    wine: Evaluation
    credit: Evaluation
    hostile: Evaluation
    draft: Evaluation

    @property
    def reader(self) -> str:
        """The URL of the role reader, with a password that nobody may see."""
        database = self.writer.rpartition("/")[2].partition("?")[0]
        host = quote(str(self.postgres.sockets), safe="")
        return f"postgresql://monitoring_reader:{CANARY}@/{database}?host={host}"

    @property
    def environment(self) -> dict[str, str]:
        return {"MONITORING_READER_URL": self.reader, "MONITORING_REPORT_STORE": str(self.store)}


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    """Evaluations of three monitors, in a Postgres that may be stopped and a folder."""
    store = tmp_path_factory.mktemp("store") / "reports"
    with running_server() as postgres:
        url = postgres.url(postgres.create_database())
        migrate(url)
        wine = make_evaluation(dag_run=RUN)
        credit = make_evaluation(monitor="credit_risk", window=day(-1), status=Status.FAILED)
        hostile = make_evaluation(
            monitor="hostile",
            measurements=(drift(HOSTILE, "ks", 0.1, 0.05, drifted=True),),
        )
        draft = make_evaluation(window=day(1))
        published = [
            ReportStore.open(store).put(each, f"<html><script>1</script>{each.monitor}</html>")
            for each in (wine, credit, hostile)
        ]
        for each in published:
            PostgresSink(url).write(each)
        ReportStore.open(drafts(str(store))).put(draft, "<html>a draft</html>")
        yield Results(postgres, url, store, *published, draft)


@pytest.fixture(scope="session")
def airflow(
    migrated_home: Path, results: Results, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiServer]:
    """The API server with everything configured."""
    home = tmp_path_factory.mktemp("server") / "home"
    shutil.copytree(migrated_home, home)
    with api_server(home, **results.environment) as server:
        yield server
