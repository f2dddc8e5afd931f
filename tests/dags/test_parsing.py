"""What parsing the Dag files yields: every monitor a Dag, a broken one no harm to the others."""

from __future__ import annotations

import html
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dags.conftest import DAGS, Airflow, airflow_environment, write_monitor

OWN = {"extract_mlflow_runs", "maintain_store"}


def test_fresh_deployment_has_only_its_own_dags_and_no_errors(airflow: Airflow) -> None:
    airflow.env["MONITORING_MONITORS"] = ""
    loaded = airflow.call("load")
    assert loaded["import_errors"] == {}
    assert set(loaded["dags"]) == OWN


def test_all_dags_load_without_errors_warnings_or_deprecations(
    airflow: Airflow, monitors: Path
) -> None:
    write_monitor(monitors, "wine", delay="2h", publish={"webhook": True, "mlflow": True})
    write_monitor(monitors, "diabetes", schedule="0 6 * * 1", timezone="Europe/Berlin")
    loaded = airflow.call("load")
    assert loaded["import_errors"] == {}
    assert loaded["warnings"] == []
    assert set(loaded["dags"]) == OWN | {"monitor__wine", "monitor__diabetes"}


def test_must_hold_4_parsing_imports_no_heavy_library(airflow_home: Path, monitors: Path) -> None:
    write_monitor(monitors, "wine", delay="2h", publish={"webhook": True, "mlflow": True})
    (monitors / "broken.yaml").write_text("name: [", encoding="utf-8")
    script = f"""
import sys
from pathlib import Path
from airflow.dag_processing.dagbag import BundleDagBag
folder = Path({str(DAGS)!r})
bag = BundleDagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="dags-folder")
assert len(bag.dags) == 4 and not bag.import_errors, (list(bag.dags), bag.import_errors)
heavy = {{"pandas", "pyarrow", "mlflow", "evidently", "numpy", "scipy", "psycopg2"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    env = airflow_environment(airflow_home) | {"MONITORING_MONITORS": str(monitors)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_f62_broken_file_is_a_dag_that_names_the_error_and_hides_no_other(
    airflow: Airflow, monitors: Path
) -> None:
    write_monitor(monitors, "wine")
    (monitors / "sour grapes.yaml").write_text("name: sour\nschedul: x\n", encoding="utf-8")
    dags = airflow.call("load")["dags"]
    assert set(dags) == OWN | {"monitor__wine", "monitor__sour_grapes"}
    broken = dags["monitor__sour_grapes"]
    assert "broken" in broken["tags"]
    told = html.unescape(broken["doc_md"])
    assert "sour grapes.yaml:2: schedul: unknown key; did you mean 'schedule'?" in told
    assert broken["timetable"] == "CronDataIntervalTimetable", "it must turn red by itself"


def test_f62_markup_and_templates_of_a_broken_file_stay_text(
    airflow: Airflow, monitors: Path
) -> None:
    text = "name: wine\n'{{ conn.monitoring_postgres.password }} <b>': 1\n"
    (monitors / "wine.yaml").write_text(text, encoding="utf-8")
    airflow.env["AIRFLOW_CONN_MONITORING_POSTGRES"] = "postgres://u:canary-in-a-template@h/d"
    dag = airflow.call("load")["dags"]["monitor__wine"]
    assert "conn." in html.unescape(dag["doc_md"])
    assert not {"<", "{", "`"} & set(dag["doc_md"])
    answer = airflow.ask(
        "run",
        dag_id="monitor__wine",
        logical_date="2026-11-02T00:00:00Z",
        run_after="2026-11-02T00:00:00Z",
    )
    assert answer.result["state"] == "failed"
    assert "conn.monitoring_postgres.password" in answer.log
    assert "canary-in-a-template" not in answer.log + str(answer.result)


def test_f62_two_files_of_one_name_are_both_broken(airflow: Airflow, monitors: Path) -> None:
    write_monitor(monitors, "wine").rename(monitors / "first.yaml")
    write_monitor(monitors, "wine")
    dags = airflow.call("load")["dags"]
    assert {"monitor__wine", "monitor__first"} <= set(dags)
    assert all(
        "is taken by" in html.unescape(dags[name]["doc_md"])
        for name in ("monitor__wine", "monitor__first")
    )


def test_broken_file_does_not_take_the_dag_of_a_monitor_of_that_name(
    airflow: Airflow, monitors: Path
) -> None:
    write_monitor(monitors, "wine").rename(monitors / "other.yaml")
    (monitors / "wine.yaml").write_text("name: 1", encoding="utf-8")
    dags = airflow.call("load")["dags"]
    assert dags["monitor__wine"]["tags"] == ["monitor", "monitoring"]
    assert dags["monitor__wine__2"]["tags"] == ["broken", "monitoring"]


@pytest.mark.parametrize("dag_id", ["monitor__wine", "monitor__wine__2", "monitor__sour"])
def test_a_task_builds_the_dag_of_its_own_monitor_only_and_the_same_one(
    airflow: Airflow, monitors: Path, dag_id: str
) -> None:
    write_monitor(monitors, "wine", description="not sour").rename(monitors / "other.yaml")
    write_monitor(monitors, "wine_of_next_year")
    (monitors / "wine.yaml").write_text("name: 1", encoding="utf-8")
    # A name that is written in another way is found by reading all files.
    sour = write_monitor(monitors, "sour").rename(monitors / "grapes.yaml")
    sour.write_text(sour.read_text().replace('"sour"', r'"s\u006fur"'))
    everything = airflow.call("load")["dags"]
    airflow.env["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = dag_id
    built = {name: dag for name, dag in airflow.call("load")["dags"].items() if name not in OWN}
    if dag_id == "monitor__wine":
        assert built == {dag_id: everything[dag_id]}
    else:
        assert built[dag_id] == everything[dag_id]


def test_monitors_folder_that_does_not_exist_is_an_import_error(
    airflow: Airflow, monitors: Path
) -> None:
    airflow.env["MONITORING_MONITORS"] = str(monitors / "nowhere")
    loaded = airflow.call("load")
    (error,) = loaded["import_errors"].values()
    assert "nowhere is no folder" in error
    assert set(loaded["dags"]) == OWN


@pytest.mark.parametrize("name", ["extract_mlflow_runs", "maintain_store", "monitor_models"])
def test_dag_files_are_short(name: str) -> None:
    assert len((DAGS / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 60


def test_dags_use_no_removed_airflow_api() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "AIR3", str(DAGS)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
