"""`monitoring-jobs stack` on the compose file's own stores: saved, removed, brought back, rotated.

Only what is stored runs here, and what migrates and saves it: the whole stack has other tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import pytest
import yaml

from tests.fixtures.postgres import rows
from tests.stack.project import fresh_project, variables

_BIN = Path(__file__).parent / "bin"
_KEPT = ("postgres", "storage", "storage-init", "airflow-init", "pushgateway", "operations")
_WRITE = """
from monitoring_jobs.reports.store import ReportStore
from monitoring_jobs.settings import Settings
from monitoring_jobs.sinks.postgres import PostgresSink
from tests.fixtures.evaluations import make_evaluation
settings = Settings.load()
stored = ReportStore.open(settings.report_store).put(make_evaluation(), "<html>report</html>")
PostgresSink(settings.require_database_url()).write(stored)
"""
Ended = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Clone:
    """A clone of the project whose stack runs.

    Attributes:
        folder: Where it is.
        environment: Of the commands.
    """

    folder: Path
    environment: dict[str, str]

    def stack(self, *words: object) -> Ended:
        """Run the command to its end."""
        return self._run("-m", "monitoring_jobs", "stack", *words)

    def fill(self) -> None:
        """Publish an evaluation from this host, as the jobs do."""
        found = self.secrets
        done = self._run(
            "-c",
            _WRITE,
            MONITORING_DATABASE_URL=self.url("monitoring_writer"),
            MONITORING_REPORT_STORE="s3://monitoring/reports",
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{found['STORAGE_PORT']}",
            AWS_ACCESS_KEY_ID=found["STORAGE_MONITORING_ACCESS_KEY"],
            AWS_SECRET_ACCESS_KEY=found["STORAGE_MONITORING_SECRET_KEY"],
            AWS_DEFAULT_REGION="us-east-1",
        )
        assert done.returncode == 0, done.stderr

    @property
    def secrets(self) -> dict[str, str]:
        return variables(self.folder / "docker/.env")

    def url(self, role: str) -> str:
        password = self.secrets[f"POSTGRES_{role.upper()}_PASSWORD"]
        port = self.secrets["POSTGRES_PORT"]
        return f"postgresql://{role}:{password}@127.0.0.1:{port}/monitoring"

    def _run(self, *words: object, **more: str) -> Ended:
        # Files, for what goes on in the background would keep a pipe open.
        with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            command = [sys.executable, *map(str, words)]
            environment = {**self.environment, **more}
            code = subprocess.run(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                check=False,
            ).returncode
            for file in (out, err):
                file.seek(0)
            return subprocess.CompletedProcess(command, code, out.read(), err.read())


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    folder = tmp_path_factory.mktemp("clone")
    file = fresh_project(folder / "project", {})
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["services"] = {name: content["services"][name] for name in _KEPT}
    # Airflow's own migration takes longer than all the rest here.
    content["services"]["airflow-init"]["command"] = ["monitoring-jobs", "migrate"]
    for name in _KEPT:
        content["services"][name].get("depends_on", {}).pop("statsd-exporter", None)
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    path = os.pathsep.join([str(_BIN), os.environ["PATH"]])
    own = {"PATH": path, "STACK_STATE": str(folder / "state"), "PYTHONPATH": str(_BIN.parents[2])}
    left = ("AWS_", "MONITORING_", "POSTGRES_", "STORAGE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left)}
    found = Clone(folder / "project", {**kept, **own})
    try:
        started = found.stack("up")
        assert started.returncode == 0, started.stderr
        yield found
    finally:
        ended = found.stack("reset", "--yes")
    assert ended.returncode == 0, ended.stderr


def evaluations(clone: Clone) -> list[tuple[object, ...]]:
    query = "SELECT monitor, window_start, report, status FROM evaluation"
    return rows(clone.url("monitoring_writer"), query)


def done(action: Callable[..., Ended], *words: object) -> Ended:
    ended = action(*words)
    assert ended.returncode == 0, ended.stderr
    return ended


def test_what_is_saved_comes_back_after_everything_was_removed(
    clone: Clone, tmp_path: Path
) -> None:
    clone.fill()
    before = evaluations(clone)
    assert before
    done(clone.stack, "backup", tmp_path / "saved.tar")
    done(clone.stack, "reset", "--yes")
    done(clone.stack, "up")
    assert evaluations(clone) == []
    done(clone.stack, "restore", tmp_path / "saved.tar")
    assert evaluations(clone) == before
    refused = clone.stack("restore", tmp_path / "saved.tar")
    assert refused.returncode == 1
    assert "add --replace" in refused.stderr


def test_status_is_well_and_names_doctor(clone: Clone) -> None:
    status = done(clone.stack, "status").stdout
    assert "run --rm operations doctor" in status
    assert {"postgres", "storage", "pushgateway"} <= set(status.split())


def test_rotated_role_enters_with_the_new_password_only(clone: Clone) -> None:
    old = clone.url("monitoring_writer")
    done(clone.stack, "rotate", "monitoring_writer")
    assert clone.url("monitoring_writer") != old
    evaluations(clone)
    with pytest.raises(Exception, match="password authentication failed"):
        rows(old, "SELECT 1")


def test_upgrade_migrates_and_starts_again(clone: Clone) -> None:
    done(clone.stack, "upgrade")
    done(clone.stack, "status")
