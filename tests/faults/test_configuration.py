"""F62 and a missing reference, as a person meets them: one line each, and none hides another."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest

from monitoring_jobs.spec_rules import TASK_METRICS
from tests.fixtures.command_line import Cli
from tests.fixtures.monitors import DAY, MonitorFactory, sample
from tests.fixtures.postgres import libpq

DAY_ARGS = ("--start", "2026-11-20", "--end", "2026-11-21", "--no-report")


@pytest.mark.parametrize("command", ["validate", "evaluate", "run"])
def test_f62_a_broken_file_is_exit_code_2_and_names_line_and_key(
    cli: Cli, make_monitor: MonitorFactory, command: str
) -> None:
    path = make_monitor(checks={"drift": {"share": -1}})
    code, out, err = cli(command, path)
    assert (code, out) == (2, "")
    line = path.read_text("utf-8").splitlines().index("    share: -1") + 1
    assert err.startswith(f"{path}:{line}: checks.drift.share: ")
    assert err.count("\n") == 1


def test_f62_a_broken_monitor_hides_no_other(cli: Cli, make_monitor: MonitorFactory) -> None:
    broken, good = make_monitor("broken", nonsense=1), make_monitor("good")
    code, out, err = cli("validate", broken.parent)
    assert code == 2
    assert str(good) in out
    assert str(broken) in err
    assert cli("evaluate", good, *DAY_ARGS)[0] == 0


def test_f62_a_bound_that_can_never_be_checked_is_refused(
    cli: Cli, make_monitor: MonitorFactory
) -> None:
    path = make_monitor(
        window="0d",
        task="regression",
        columns={"numerical": ["alcohol"], "prediction": "prediction", "target": "label"},
        checks={
            "drift": {"columns": {"alcohl": {"method": "ks"}}},
            "performance": {"accuracy": {"min": 0.9}},
        },
    )
    code, out, err = cli("validate", path)
    assert (code, out) == (2, "")
    lines = path.read_text("utf-8").splitlines()
    expected = [
        ("window: 0d", "window: must be longer than nothing; write one like 1d"),
        (
            "      alcohl:",
            "checks.drift.columns.alcohl: is no feature listed here; did you mean 'alcohol'?",
        ),
        (
            "    accuracy:",
            "checks.performance.accuracy: is no metric of regression; use one of "
            + ", ".join((*TASK_METRICS["regression"], "label_coverage")),
        ),
    ]
    assert err.splitlines() == [
        f"{path}:{lines.index(line) + 1}: {problem}" for line, problem in expected
    ]


def test_f62_malformed_settings_are_exit_code_2(
    cli: Cli, make_monitor: MonitorFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITORING_THREADS", "many")
    code, _, err = cli("evaluate", make_monitor(), *DAY_ARGS)
    assert code == 2
    assert err.startswith("monitoring-jobs: environment: MONITORING_THREADS: ")


def test_f03_a_missing_reference_leaves_an_attempt_and_nothing_else(
    cli: Cli,
    make_monitor: MonitorFactory,
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MONITORING_DATABASE_URL", database_url)
    code, _, err = cli("run", make_monitor(reference=sample(0)), *DAY_ARGS)
    assert code == 1
    assert "wine_quality" in err
    assert not list(tmp_path.glob("reports/**/*.json"))
    with psycopg2.connect(libpq(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT monitor, outcome FROM monitoring.evaluation_attempt")
        assert cursor.fetchall() == [("wine_quality", "error")]
        cursor.execute("SELECT count(*) FROM monitoring.evaluation")
        assert cursor.fetchall() == [(0,)]
    connection.close()


def test_one_failing_window_stops_no_backfill(
    cli: Cli,
    make_monitor: MonitorFactory,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MONITORING_DATABASE_URL", database_url)
    trailing = {"source": "trailing", "windows": 1}
    log = sample(1200, start=DAY.start - timedelta(days=2), days=3)
    path = make_monitor(current=log, reference=trailing)
    code, out, err = cli(
        "backfill", path, "--start", "2026-11-18", "--end", "2026-11-21", "--no-report"
    )
    # The first day has no day before it to be compared with.
    assert code == 1
    assert err.startswith("2026-11-18T00:00:00Z/2026-11-19T00:00:00Z: ")
    assert "2 of 3 windows evaluated" in out
    with psycopg2.connect(libpq(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM monitoring.evaluation")
        assert cursor.fetchall() == [(2,)]
    connection.close()
