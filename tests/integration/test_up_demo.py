"""What `make up` shows of a demo that has run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from monitoring_jobs.database import transaction
from monitoring_jobs.demo.airflow import get_json
from monitoring_jobs.demo.faults import MONITORS, WINDOWS, WINE, expected_verdict
from tests.fixtures.airflow_stack import AirflowStack
from tests.fixtures.prometheus import Prometheus, wait_until

RUNS = "/api/v2/dags/{}/dagRuns"


def eventually(holds: Callable[[], bool], seconds: float = 240) -> bool:
    """Wait until something holds; return whether it came to that."""
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(1)
    return held


def windows_in(folder: Path) -> list[str]:
    """Return the ends of the demo's windows as they stand in the ids of its runs."""
    stored = (folder / "reports" / MONITORS[0]).iterdir()
    ends = sorted(path.name.partition("--")[2] for path in stored)[-WINDOWS:]
    return [f"{end[:4]}-{end[4:6]}-{end[6:8]}T00:00:00+00:00" for end in ends]


def prometheus_of(stack: AirflowStack) -> Prometheus:
    return Prometheus(stack.prometheus, stack.home.prometheus)


def test_the_demos_results_are_in_its_database(airflow_stack: AirflowStack) -> None:
    evaluations = "SELECT count(*) FROM evaluations WHERE dag_run_id LIKE 'scheduled__%%'"
    with transaction(airflow_stack.databases["reader"]) as connection:
        cursor = connection.cursor()
        cursor.execute(evaluations)
        ((count,),) = cursor.fetchall()
    assert count >= WINDOWS * len(MONITORS)


def test_the_scheduler_goes_on_after_the_demos_runs(airflow_stack: AirflowStack) -> None:
    ends = windows_in(airflow_stack.folder)
    for monitor in MONITORS:
        dag_id = f"monitor__{monitor}"
        runs = airflow_stack.call(RUNS.format(dag_id) + "?limit=100")["dag_runs"]
        ours = {run["dag_run_id"]: run["state"] for run in runs}
        assert {f"scheduled__{end}" for end in ends} <= set(ours)
        dag = airflow_stack.call(f"/api/v2/dags/{dag_id}")
        # The next run is that of the day that is not over: its start is the last window's end.
        assert dag["next_dagrun_logical_date"] == ends[-1].replace("+00:00", "Z")


def test_logs_of_the_demos_tasks_can_be_read_in_the_ui(airflow_stack: AirflowStack) -> None:
    end = windows_in(airflow_stack.folder)[0]
    run = quote(f"scheduled__{end}", safe="")
    task = RUNS.format(f"monitor__{MONITORS[0]}") + f"/{run}/taskInstances/evaluate"
    log = str(airflow_stack.call(f"{task}/logs/1")["content"])
    assert f"of monitor {MONITORS[0]}" in log
    assert "secret_key" not in log


def test_a_backfill_over_the_demos_days_runs_them_again(airflow_stack: AirflowStack) -> None:
    start, end = windows_in(airflow_stack.folder)[:2]
    dag_id = f"monitor__{MONITORS[1]}"
    order = {
        "dag_id": dag_id,
        "from_date": start,
        "to_date": start,
        "reprocess_behavior": "completed",
        "max_active_runs": 1,
    }
    backfill = airflow_stack.call("/api/v2/backfills", order)["id"]
    assert eventually(
        lambda: airflow_stack.call(f"/api/v2/backfills/{backfill}")["completed_at"] is not None
    )
    run = airflow_stack.call(RUNS.format(dag_id) + "/" + quote(f"scheduled__{end}", safe=""))
    assert (run["run_type"], run["state"]) == ("backfill", "success")


def test_a_new_monitor_file_becomes_a_dag(airflow_stack: AirflowStack) -> None:
    monitors = airflow_stack.home.monitors
    text = (monitors / f"{MONITORS[0]}.yaml").read_text()
    added = monitors / "second_opinion.yaml"
    added.write_text(text.replace(MONITORS[0], "second_opinion", 1))
    listed = "/api/v2/dags?dag_id_pattern=second_opinion"
    try:
        assert eventually(lambda: airflow_stack.call(listed)["total_entries"] == 1, 60)
    finally:
        added.unlink()


# --- Prometheus and the Alertmanager --------------------------------------------------------------
def test_prometheus_reads_the_demos_verdicts_from_the_pushgateway(
    airflow_stack: AirflowStack,
) -> None:
    series = prometheus_of(airflow_stack).query('monitoring_status{job="publish"} == 1')
    found = {one["metric"]["monitor"]: one["metric"]["status"] for one in series}
    assert {m: found[m] for m in MONITORS} == {m: str(expected_verdict(m, 1)) for m in MONITORS}


def test_every_target_is_read_and_every_rule_holds(airflow_stack: AirflowStack) -> None:
    prometheus = prometheus_of(airflow_stack)

    def judged() -> list[dict[str, str]]:
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else []

    rules = wait_until(judged, "every rule was evaluated", 120)
    assert [r["name"] for r in rules if r["health"] != "ok" or r.get("lastError")] == []
    targets = prometheus.get("targets")["activeTargets"]
    assert {target["labels"]["job"]: target["health"] for target in targets} == dict.fromkeys(
        ("pushgateway", "prometheus", "alertmanager"), "up"
    )


def test_the_last_days_faults_become_alerts_and_a_mail_in_a_file(
    airflow_stack: AirflowStack,
) -> None:
    wanted = {("DataDriftDetected", WINE), ("ModelPerformanceDegraded", WINE)}

    def told() -> set[tuple[str, str]]:
        labels = [
            alert["labels"] for alert in get_json(f"{airflow_stack.alertmanager}/api/v2/alerts")
        ]
        models = ("drift", "quality", "performance")
        ours = [one for one in labels if one.get("component") in models]
        return {(one["alertname"], one["monitor"]) for one in ours}

    assert eventually(lambda: told() >= wanted, 120)
    assert {monitor for _, monitor in told()} == {WINE}

    def mail() -> str:
        pages = [path.read_text() for path in airflow_stack.home.mails.glob("*Data-drift*.html")]
        return "".join(pages)

    page = wait_until(mail, "a mail tells of the drift", 120)
    assert WINE in page
    assert f"{airflow_stack.airflow}/plugin/monitoring/monitoring/monitors/{WINE}/latest" in page
