"""Where the plugin cannot be loaded, or logins cannot be checked, nobody gets in."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.conftest import PROJECT, Results, api_server, server_environment

SCRIPT = Path(__file__).with_name("shut_doors.py")


def test_f61_airflow_starts_with_a_plugin_that_cannot_be_loaded(
    migrated_home: Path, results: Results, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(migrated_home, home)
    broken = tmp_path / "broken" / "monitoring_jobs"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('broken on purpose')", encoding="utf-8")
    path = f"{broken.parent}:{PROJECT}"
    with api_server(home, **results.environment, PYTHONPATH=path) as server:
        for page in (
            "",
            "evaluations",
            f"evaluations/{results.wine.id}/report",
            "static/style.css",
        ):
            for user in (None, "admin", "blind"):
                answer = server.page(page, user)
                assert answer.status == 503
                assert "cannot be loaded" in answer.text
                assert "broken on purpose" not in answer.text
        assert server.ask("/").status == 200
        assert server.ask("/api/v2/monitor/health").status == 200
        assert "broken on purpose" in server.log.read_text(), "the cause is in the log"


@pytest.mark.parametrize(
    "module",
    [
        "airflow.api_fastapi.core_api.security",
        "airflow.api_fastapi.auth.managers.models.resource_details",
        "airflow.api_fastapi.app",
        "airflow.models.dag",
        "fastapi",
        "monitoring_jobs.browser",
        "monitoring_jobs.settings",
    ],
)
def test_f61_every_door_is_shut_without(
    module: str, shut_doors: dict[str, dict[str, list[int]]]
) -> None:
    answers = shut_doors[module]
    assert set(answers["statuses"]) == {503}
    assert len(answers["statuses"]) > 10


@pytest.fixture(scope="module")
def shut_doors(migrated_home: Path) -> dict[str, dict[str, list[int]]]:
    """What the plugin answers without each of the modules it needs."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env=server_environment(migrated_home),
        cwd=migrated_home,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    found: dict[str, dict[str, list[int]]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_plugin_costs_a_task_nothing(migrated_home: Path) -> None:
    """Each task's process loads the plugins; the pages are for the API server."""
    code = (
        "import sys; from airflow import plugins_manager; plugins_manager.ensure_plugins_loaded();"
        "print(sorted(m for m in sys.modules if 'monitoring' in m or m == 'fastapi'))"
    )
    for syntax in ("glob", "regexp"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=server_environment(migrated_home, AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX=syntax),
            cwd=migrated_home,
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.stdout.splitlines()[-1] == "['monitoring_reports']", syntax
