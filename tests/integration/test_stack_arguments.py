"""`monitoring-jobs stack`: what it asks of Docker, and what it says when that goes wrong.

The `docker` here writes down what it was asked, and knows psql, backup and restore for real.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from monitoring_jobs.demo.ports import free_port
from monitoring_jobs.stack.environment import Environment
from monitoring_jobs.stack.passwords import drawn
from tests.fixtures.command_line import Cli
from tests.fixtures.grafana_server import running_grafana
from tests.fixtures.http_server import recording_server
from tests.fixtures.postgres import Server, libpq, rows, url_as

_DOCKER = """#!/bin/sh
if test "$*" = "compose version"; then test ! -e {folder}/no-plugin; exit; fi
shift 3
printf '%s|%s|%s\\n' "$*" "$AIRFLOW_EXECUTOR" "$MONITORS_FOLDER" >> {folder}/asked
if test -e {folder}/fail-$1; then cat {folder}/fail-$1 >&2; exit 17; fi
case "$*" in
ps*) cat {folder}/containers ;;
"exec -T postgres psql "*) shift 4; PGHOST={sockets} exec {binaries}/psql "$@" ;;
"run --rm -T operations "*) shift 4; exec {python} -m monitoring_jobs "$@" ;;
*) echo "Container done" >&2 ;;
esac
"""
_SERVICES = ("airflow-api-server", "airflow-scheduler", "grafana", "mlflow", "postgres")
DEMO = "./demo/monitors"
UP = "up -d --wait"


@dataclass(frozen=True)
class Docker:
    """The engine's stand-in, and the clone that it serves."""

    folder: Path

    @property
    def asked(self) -> list[str]:
        """What Compose was asked besides how things are."""
        path = self.folder / "asked"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.removesuffix("||") for line in lines if not line.startswith("ps ")]

    @property
    def env(self) -> Path:
        return self.folder / "docker/.env"

    def runs(self, services: Sequence[str], **odd: dict[str, object]) -> None:
        """Let these services run, all well unless told otherwise."""
        usual = {"State": "running", "Health": "healthy", "ExitCode": 0}
        told = [
            {"Service": name, **usual, **odd.get(name.replace("-", "_"), {})} for name in services
        ]
        (self.folder / "containers").write_text("\n".join(map(json.dumps, told)))

    def fails(self, verb: str, complaint: str) -> None:
        (self.folder / f"fail-{verb}").write_text(complaint)


@pytest.fixture
def docker(
    tmp_path: Path, postgres_server: Server, monkeypatch: pytest.MonkeyPatch,
    command_environment: None,
) -> Docker:  # fmt: skip
    folder = tmp_path / "clone"
    (folder / "docker").mkdir(parents=True)
    (folder / "docker/compose.yaml").write_text("name: monitoring\n")
    free = free_port()
    names = "AIRFLOW MLFLOW GRAFANA PROMETHEUS ALERTMANAGER PUSHGATEWAY POSTGRES STORAGE MAILPIT"
    lines = [f"{name}_PORT={free}" for name in names.split()]
    for name in [*names.split(), "AIRFLOW_ADMIN", "GRAFANA_ADMIN"]:
        monkeypatch.delenv(f"{name}_PORT", raising=False)
        monkeypatch.delenv(f"{name}_PASSWORD", raising=False)
    secret = "# a comment\nAIRFLOW_ADMIN_PASSWORD=let me in\nPOSTGRES_MLFLOW_PASSWORD=old\n"
    (folder / "docker/.env").write_text("\n".join([*lines, secret]))
    program = tmp_path / "bin/docker"
    program.parent.mkdir()
    program.write_text(
        _DOCKER.format(
            folder=folder,
            sockets=postgres_server.sockets,
            binaries=postgres_server.binaries,
            python=shlex.quote(sys.executable),
        )
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = [str(program.parent), str(postgres_server.binaries), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.chdir(folder)
    found = Docker(folder)
    found.runs([])
    return found


# --- up, down, status -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], UP),
        (["--mail"], f"--profile mail {UP}"),
        (["--celery"], f"--profile celery {UP} --scale airflow-worker=1|CeleryExecutor|"),
        (
            ["--celery", "--workers", "3", "--demo"],
            f"--profile celery --profile demo {UP} --scale airflow-worker=3|CeleryExecutor|{DEMO}",
        ),
    ],
)
def test_up_starts_what_was_asked_for(
    docker: Docker, cli: Cli, words: list[str], asked: str
) -> None:
    cli("stack", "up", *words)
    assert docker.asked == [asked]


def test_urls_shows_pages_and_logins_of_what_runs(docker: Docker, cli: Cli) -> None:
    docker.runs(["airflow-api-server", "mlflow"])
    code, out, err = cli("stack", "urls")
    assert (code, err) == (0, "")
    assert "/plugin/monitoring/monitoring/" in out
    assert "  password  let me in" in out
    assert "MLflow" in out
    assert "Grafana" not in out


def test_down_keeps_what_is_stored_and_reset_asks_before_it_does_not(
    docker: Docker, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = "--profile celery --profile demo --profile mail --profile operations"
    assert cli("stack", "down")[0] == 0
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        code, _out, err = cli("stack", "reset")
    assert code == 1
    assert "nothing was removed" in err
    assert cli("stack", "reset", "--yes")[0] == 0
    down = f"{every} down --remove-orphans"
    assert docker.asked == [down, f"{down} --volumes"]


def test_status_tells_of_each_container_and_fails_where_one_is_not_well(
    docker: Docker, cli: Cli
) -> None:
    docker.runs(
        ["airflow-init", "mlflow"], airflow_init={"State": "exited", "Health": "", "Publishers": []}
    )
    code, out, _err = cli("stack", "status")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[2:4]] == [
        ["airflow-init", "done"],
        ["mlflow", "healthy"],
    ]
    assert "docker compose -f docker/compose.yaml run --rm operations doctor" in out
    docker.runs(["mlflow"], mlflow={"Health": "unhealthy"})
    assert cli("stack", "status")[0] == 1
    docker.runs(["mlflow"], mlflow={"State": "exited", "ExitCode": 137})
    code, out, _err = cli("stack", "status")
    assert code == 1
    assert "ended with 137" in out


def test_array_of_an_older_compose_is_understood(docker: Docker, cli: Cli) -> None:
    docker.runs(["mlflow"])
    containers = docker.folder / "containers"
    containers.write_text(f"[{containers.read_text()}]")
    assert cli("stack", "status")[0] == 0


@pytest.mark.parametrize(
    "told", ['{"Service": 1e400}', '[{"Service": "a", "State": 1, "ExitCode": 1e400}]']
)
def test_answer_of_another_shape_is_one_line(docker: Docker, cli: Cli, told: str) -> None:
    (docker.folder / "containers").write_text(told)
    refused(cli, ["status"], "docker compose ps cannot be understood")


def test_logs_that_nobody_reads_to_the_end_are_no_failure_to_tell(docker: Docker, cli: Cli) -> None:
    program = docker.folder.parent / "bin/docker"
    program.write_text('#!/bin/sh\ntest "$*" = "compose version" && exit\nkill -PIPE $$\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", sys.stdout)  # which is quieted then
        assert cli("stack", "logs") == (1, "", "")


def test_logs_are_those_of_compose(docker: Docker, cli: Cli) -> None:
    cli("stack", "logs", "mlflow", "--follow", "--tail", "5")
    assert docker.asked == ["logs --tail=5 --follow mlflow"]


# --- what goes wrong ------------------------------------------------------------------------------
def refused(cli: Cli, words: Sequence[str], *reasons: str, code: int = 1) -> None:
    found, out, err = cli("stack", *words)
    assert (found, out) == (code, "")
    assert err.count("\n") == 1
    for reason in reasons:
        assert reason in err


def test_missing_docker_is_one_line(
    docker: Docker, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    refused(cli, ["up"], "docker is not on PATH; install Docker Engine")


def test_missing_plugin_is_one_line(docker: Docker, cli: Cli) -> None:
    (docker.folder / "no-plugin").touch()
    refused(cli, ["up"], "docker has no compose plugin; install")


def test_missing_env_is_one_line(docker: Docker, cli: Cli) -> None:
    docker.env.unlink()
    refused(cli, ["up"], "docker/.env does not exist; run make secrets", code=2)


@pytest.mark.parametrize(
    ("complaint", "reason"),
    [
        (
            "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n",
            "the Docker engine does not run; start it",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///x\n",
            "add the user to the group docker",
        ),
        (
            "write /var/lib/docker: no space left on device\n",
            "the disk of the Docker engine is full",
        ),
        (
            'time="x" level=warning msg="y"\nrequired variable A is missing: run make secrets\n',
            "docker compose ps failed: required variable A is missing: run make secrets",
        ),
        ("", "it does not say why"),
    ],
)
def test_engine_that_does_not_answer_is_one_line(
    docker: Docker, cli: Cli, complaint: str, reason: str
) -> None:
    docker.fails("ps", complaint)
    refused(cli, ["up"], reason)


def test_taken_port_is_named_with_its_variable_unless_it_is_our_own(
    docker: Docker, cli: Cli
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        Environment(docker.env).change({"MLFLOW_PORT": str(port)})
        refused(cli, ["up"], f"port {port} for mlflow is taken", "set MLFLOW_PORT in ")
        assert docker.asked == []
        docker.runs(["mlflow"], mlflow={"Publishers": [{"PublishedPort": port}]})
        assert cli("stack", "up")[0] == 0


def test_port_that_is_none_is_named(docker: Docker, cli: Cli) -> None:
    Environment(docker.env).change({"MAILPIT_PORT": "x", "GRAFANA_PORT": "70000"})
    refused(cli, ["up"], "GRAFANA_PORT='70000' is no port")


def test_service_that_does_not_come_up_ends_in_a_line_that_says_where_to_look(
    docker: Docker, cli: Cli
) -> None:
    docker.fails("up", "container monitoring-mlflow-1 is unhealthy\n")
    refused(cli, ["up"], "docker compose up ended with 17", "stack status and logs say more")


# --- upgrade --------------------------------------------------------------------------------------
def test_upgrade_stops_jobs_migrates_and_starts_the_same_shape(docker: Docker, cli: Cli) -> None:
    docker.runs([*_SERVICES, "redis", "airflow-worker", "airflow-worker", "mailpit"])
    code, _out, err = cli("stack", "upgrade", "--pull")
    assert code == 0
    assert "without a backup" in err
    profiles = "--profile celery --profile mail"
    assert docker.asked == [
        f"{profiles} pull --ignore-buildable",
        f"{profiles} build",
        "stop airflow-scheduler airflow-worker mlflow",
        "run --rm -T airflow-init",
        'run --rm -T mlflow sh -c mlflow db upgrade "$MLFLOW_BACKEND_STORE_URI"',
        f"{profiles} {UP} --scale airflow-worker=2|CeleryExecutor|",
    ]


def test_upgrade_whose_migration_fails_starts_nothing(docker: Docker, cli: Cli) -> None:
    docker.runs(_SERVICES)
    docker.fails("run", "no\n")
    assert cli("stack", "upgrade")[0] == 1
    assert docker.asked[-1] == "run --rm -T airflow-init"


# --- backup and restore ---------------------------------------------------------------------------
@pytest.fixture
def operations(docker: Docker, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """The stack with a results database and a report store."""
    store = docker.folder / "reports"
    (store / "wine").mkdir(parents=True)
    (store / "wine/file.txt").write_text("text")
    monkeypatch.setenv("MONITORING_DATABASE_URL", database_url)
    monkeypatch.setenv("MONITORING_REPORT_STORE", str(store))
    docker.runs(_SERVICES)
    return docker


def test_backup_lands_on_the_host_and_restore_takes_it_while_writers_rest(
    operations: Docker, cli: Cli, tmp_path: Path
) -> None:
    file = tmp_path / "saved.tar"
    assert cli("stack", "backup", file)[0] == 0
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as tar:
        assert "stores/reports/wine/file.txt" in tar.getnames()
    (operations.folder / "reports/wine/file.txt").write_text("later")
    assert cli("stack", "restore", file, "--replace", "--only", "reports")[0] == 0
    assert (operations.folder / "reports/wine/file.txt").read_text() == "text"
    stopped = "airflow-scheduler airflow-api-server mlflow"
    assert operations.asked == [
        "run --rm -T operations backup -",
        f"stop {stopped}",
        "run --rm -T operations restore - --replace --only reports",
        f"start {stopped}",
    ]


def test_restore_that_is_refused_starts_again_what_it_stopped(
    operations: Docker, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "no.tar").write_text("no")
    code, out, err = cli("stack", "restore", tmp_path / "no.tar")
    assert (code, out) == (1, "")
    assert "docker compose run ended with 1" in err
    assert operations.asked[-1] == "start airflow-scheduler airflow-api-server mlflow"


def test_restore_whose_stop_fails_starts_again_what_it_stopped(
    operations: Docker, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "any.tar").write_text("any")
    operations.fails("stop", "no\n")
    assert cli("stack", "restore", tmp_path / "any.tar")[0] == 1
    assert operations.asked[-1] == "start airflow-scheduler airflow-api-server mlflow"


def test_command_that_is_ended_ends_compose_and_waits_for_it(docker: Docker) -> None:
    program = docker.folder.parent / "bin/docker"
    slow = 'trap "echo ended > ended; exit 1" TERM; echo > began; while :; do sleep 0.05; done'
    program.write_text(f'#!/bin/sh\ntest "$*" = "compose version" && exit\n{slow}\n')
    command = [sys.executable, "-m", "monitoring_jobs", "stack", "logs"]
    process = subprocess.Popen(command, cwd=docker.folder)
    while process.poll() is None and not (docker.folder / "began").exists():
        time.sleep(0.02)
    process.terminate()
    assert process.wait() == 128 + signal.SIGTERM
    assert (docker.folder / "ended").exists()


def test_restore_of_a_file_that_is_not_there_stops_nothing(docker: Docker, cli: Cli) -> None:
    refused(cli, ["restore", "no.tar"], "no.tar cannot be read: No such file", code=2)
    assert docker.asked == []


def test_backup_that_fails_leaves_no_file(operations: Docker, cli: Cli, tmp_path: Path) -> None:
    operations.fails("run", "no\n")
    before = sorted(tmp_path.iterdir())
    assert cli("stack", "backup", tmp_path / "saved.tar")[0] == 1
    assert sorted(tmp_path.iterdir()) == before


# --- passwords ------------------------------------------------------------------------------------
@pytest.fixture
def mlflow_role(postgres_server: Server) -> Iterator[str]:
    """URL as a role that must give its password."""
    admin = postgres_server.url("postgres")
    rules = postgres_server.data / "pg_hba.conf"
    text = rules.read_text(encoding="utf-8")
    rows(admin, "CREATE ROLE mlflow LOGIN PASSWORD 'old'")
    rules.write_text(f"local all mlflow scram-sha-256\n{text}", encoding="utf-8")
    rows(admin, "SELECT pg_reload_conf()")
    yield url_as(admin, "mlflow")
    rules.write_text(text, encoding="utf-8")
    rows(admin, "SELECT pg_reload_conf(); DROP ROLE mlflow")


def enters(url: str, password: str) -> bool:
    try:
        psycopg2.connect(libpq(url.replace("mlflow@", f"mlflow:{password}@"))).close()
    except psycopg2.OperationalError:
        return False
    return True


def test_rotate_changes_the_password_of_a_role_and_tells_nobody(
    docker: Docker, cli: Cli, mlflow_role: str
) -> None:
    docker.runs(_SERVICES)
    before = docker.env.read_text()
    code, out, err = cli("stack", "rotate", "mlflow")
    assert (code, err) == (0, "")
    new = Environment(docker.env).written()["POSTGRES_MLFLOW_PASSWORD"]
    assert enters(mlflow_role, new)
    assert not enters(mlflow_role, "old")
    assert docker.env.read_text() == before.replace("PASSWORD=old", f"PASSWORD={new}")
    assert docker.env.stat().st_mode & 0o777 == 0o600
    assert new not in out + (docker.folder / "asked").read_text()
    assert docker.asked[-1] == UP


def test_rotation_that_was_interrupted_is_finished_with_the_password_that_was_drawn(
    docker: Docker, cli: Cli, mlflow_role: str
) -> None:
    docker.runs(_SERVICES)
    docker.fails("exec", "postgres is not running\n")
    refused(cli, ["rotate", "mlflow"], "docker compose exec failed: postgres is not running")
    written = Environment(docker.env).written()
    assert written["POSTGRES_MLFLOW_PASSWORD"] == "old"
    (docker.folder / "fail-exec").unlink()
    docker.fails("up", "no\n")
    assert cli("stack", "rotate", "mlflow")[0] == 1
    (docker.folder / "fail-up").unlink()
    assert enters(mlflow_role, written["POSTGRES_MLFLOW_PASSWORD_NEXT"])
    after = Environment(docker.env).written()
    assert after["POSTGRES_MLFLOW_PASSWORD"] == written["POSTGRES_MLFLOW_PASSWORD_NEXT"]
    assert "POSTGRES_MLFLOW_PASSWORD_NEXT" not in after


def test_rotate_tells_the_login_that_a_person_needs(docker: Docker, cli: Cli) -> None:
    code, out, _err = cli("stack", "rotate", "airflow-admin")
    assert code == 0
    password = Environment(docker.env).written()["AIRFLOW_ADMIN_PASSWORD"]
    assert f"user admin, password {password}" in out
    assert password != "let me in"


def test_rotate_changes_grafanas_administrator_and_can_be_repeated(
    docker: Docker, cli: Cli, tmp_path: Path
) -> None:
    docker.runs(_SERVICES)
    with running_grafana(tmp_path, tmp_path, {"GF_SECURITY_ADMIN_PASSWORD": "first"}) as url:
        environment = Environment(docker.env)
        port = url.rpartition(":")[2]
        environment.change({"GRAFANA_PORT": port, "GRAFANA_ADMIN_PASSWORD": "wrong"})
        refused(cli, ["rotate", "grafana-admin"], "the old one in .env is not right", "grafana cli")
        pending = environment.written()["GRAFANA_ADMIN_PASSWORD_NEXT"]
        environment.change({"GRAFANA_ADMIN_PASSWORD": "first"})
        code, out, _err = cli("stack", "rotate", "grafana-admin")
        assert code == 0
        assert f"user admin, password {pending}" in out
        # As if the first attempt had ended before docker/.env was written.
        environment.change(
            {"GRAFANA_ADMIN_PASSWORD": "first", "GRAFANA_ADMIN_PASSWORD_NEXT": pending}
        )
        assert cli("stack", "rotate", "grafana-admin")[0] == 0
        assert environment.written()["GRAFANA_ADMIN_PASSWORD"] == pending
        environment.change({"GRAFANA_PORT": str(free_port())})
    refused(cli, ["rotate", "grafana-admin"], "Grafana does not answer")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("export MLFLOW_PORT=5001", "5001"),
        ("  MLFLOW_PORT = 5001  ", "5001"),
        ("MLFLOW_PORT='5001' # ours", "5001"),
        ("MLFLOW_PORT=5001 # ours", "5001"),
        ('MLFLOW_PORT="50 01"', "50 01"),
        ("MLFLOW_PORT=50#01", "50#01"),
        ("MLFLOW_PORT=5000\r\nMLFLOW_PORT=5001\r\n", "5001"),
        ("\ufeffMLFLOW_PORT=5001", "5001"),
        ("# MLFLOW_PORT=5001", "default"),
    ],
)
def test_env_is_read_as_people_write_it_and_changed_in_its_place(
    tmp_path: Path, line: str, value: str
) -> None:
    (tmp_path / "kept").write_text(line, encoding="utf-8")
    (tmp_path / ".env").symlink_to(tmp_path / "kept")
    environment = Environment(tmp_path / ".env")
    assert environment.get("MLFLOW_PORT", "default") == value
    environment.change({"MLFLOW_PORT": "5002"})
    assert environment.written() == {"MLFLOW_PORT": "5002"}
    assert environment.path.is_symlink()


def test_rotate_refuses_a_password_that_the_shell_would_overrule(
    docker: Docker, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_MLFLOW_PASSWORD", "of the shell")
    before = docker.env.read_text()
    refused(cli, ["rotate", "mlflow"], "POSTGRES_MLFLOW_PASSWORD is set in the shell", code=2)
    assert docker.env.read_text() == before


def test_second_rotation_at_once_is_refused(docker: Docker, cli: Cli) -> None:
    with Environment(docker.env).alone():
        refused(cli, ["rotate", "mlflow"], "another command changes passwords", code=2)
    assert "NEXT" not in docker.env.read_text()


def test_f63_grafanas_password_goes_to_no_proxy(
    docker: Docker, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording_server() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "")
        refused(cli, ["rotate", "grafana-admin"], "Grafana does not answer")
    assert proxy.requests == []


def test_rotate_of_something_unknown_lists_what_there_is(docker: Docker, cli: Cli) -> None:
    refused(cli, ["rotate", "redis"], "there is no password of 'redis'; use airflow, ", code=2)


def test_drawn_passwords_need_no_quotes_anywhere() -> None:
    passwords = {drawn() for _ in range(50)}
    assert len(passwords) == 50
    assert all(
        len(one) > 40 and one.replace("-", "").replace("_", "").isalnum() for one in passwords
    )
