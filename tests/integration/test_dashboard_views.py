"""What dashboards are told: how monitors stand, why and since when, as role reader."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitoring_jobs.results import DagRunRef, Measurement, Status
from tests.fixtures.dashboard_results import Board, drifted_share
from tests.fixtures.evaluations import COMPUTED, day, drift, performance, quality
from tests.fixtures.postgres import rows

OK, WARNING, FAILED = Status.OK, Status.WARNING, Status.FAILED
SCARCE, SKIPPED, ERROR = Status.INSUFFICIENT_DATA, Status.SKIPPED, Status.ERROR
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
# A list of the board's views; a view that is added must also bear having nothing to show.
EMPTY = (
    "monitor_names",
    "monitor_status",
    "latest_evaluations",
    "latest_measurements",
    "column_drift",
    "column_quality",
    "window_quality",
    "performance",
    "prediction_volume",
    "recent_windows",
    "reference_periods",
    "reference_changes",
    "model_events",
    "run_status_counts",
    "addresses",
)


def hours_ago(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def standing(board: Board, monitor: str, *columns: str) -> Any:
    [row] = board.select("monitor_status", monitor, *columns)
    return row if len(columns) > 1 else row[0]


def test_dashboards_of_an_empty_database_are_empty(reader_url: str) -> None:
    for view in EMPTY:
        assert rows(reader_url, f"SELECT * FROM {view}") == []


# --- how monitors stand ---------------------------------------------------------------------------
def test_worst_state_comes_first(board: Board) -> None:
    for status in (OK, SKIPPED, SCARCE, WARNING, FAILED, ERROR):
        board.write(f"rank_{status}", 0, status)
    board.write("rank_overdue", 0, OK, due_at=LONG_AGO)
    found = rows(
        board.reader,
        "SELECT state, state_rank FROM monitor_status WHERE monitor LIKE %s ORDER BY state_rank",
        "rank_%",
    )
    assert found == [
        ("error", 0),
        ("failed", 1),
        ("overdue", 2),
        ("warning", 3),
        ("insufficient_data", 4),
        ("skipped", 5),
        ("ok", 6),
    ]


@pytest.mark.parametrize(
    ("name", "days", "since", "windows"),
    [
        ("well", {0: FAILED, 1: OK}, None, 0),
        ("one_bad_day", {0: OK, 1: WARNING}, 1, 1),
        ("bad_from_the_start", {0: FAILED, 1: WARNING}, 0, 2),
        ("a_day_that_nobody_judged", {0: FAILED, 1: OK, 2: WARNING, 4: FAILED}, 2, 2),
        ("a_skipped_day_ends_the_row", {0: FAILED, 1: SKIPPED, 2: FAILED}, 2, 1),
        ("too_few_rows_are_not_well", {0: OK, 1: SCARCE, 2: SCARCE, 3: SCARCE}, 1, 3),
        ("written_out_of_order", {2: FAILED, 0: OK, 1: FAILED}, 1, 2),
    ],
)
def test_the_row_of_bad_windows_is_counted_back_to_the_last_good_one(
    board: Board, name: str, days: dict[int, Status], since: int | None, windows: int
) -> None:
    for number, status in days.items():
        board.write(name, number, status)
    assert standing(board, name, "since", "windows_in_a_row") == (
        None if since is None else day(since).start,
        windows,
    )


def test_a_monitor_is_overdue_an_hour_after_its_next_window_was_due(board: Board) -> None:
    due = hours_ago(3.5)
    board.write("overdue", 0, OK, due_at=due)
    board.write("late", 0, OK, due_at=hours_ago(0.9))
    board.write("days_late", 0, OK, due_at=hours_ago(24 * 3 + 1))
    board.write("no_schedule", 0, OK)
    wanted = ("state", "since", "windows_in_a_row", "reason")
    assert standing(board, "overdue", *wanted) == ("overdue", due, 0, "due 3 h ago")
    assert standing(board, "days_late", "reason") == "due 3 days ago"
    assert standing(board, "late", *wanted) == ("ok", None, 0, None)
    assert standing(board, "no_schedule", "state") == "ok"


def test_an_error_after_a_success_is_the_state(board: Board) -> None:
    board.write("broke", 0, OK, due_at=LONG_AGO)
    board.fail("broke", 1, "reference gone")
    board.fail("broke", 2, "reference still gone", dag_run=DagRunRef(dag_id="d", run_id="r"))
    board.fail("broke", 2, "and gone again", dag_run=DagRunRef(dag_id="d", run_id="r2"))
    wanted = ("status", "state", "since", "windows_in_a_row", "reason", "dag_id", "dag_run_id")
    assert standing(board, "broke", *wanted) == (
        "ok",
        "error",
        day(1).start,
        2,
        "and gone again",
        "d",
        "r2",
    )
    board.write("broke", 2, OK)
    assert standing(board, "broke", "state", "since", "windows_in_a_row") == ("ok", None, 0)
    assert standing(board, "broke", "last_error") == "and gone again"


def test_an_error_goes_on_counting_from_the_bad_windows_before_it(board: Board) -> None:
    board.write("bad_then_broken", 0, FAILED)
    board.fail("bad_then_broken", 0, "no memory")
    board.fail("bad_then_broken", 1, "no memory")
    wanted = ("status", "state", "since", "windows_in_a_row")
    assert standing(board, "bad_then_broken", *wanted) == ("failed", "error", day(0).start, 2)


def test_an_error_of_an_older_window_changes_nothing(board: Board) -> None:
    board.write("backfilled", 5, OK)
    board.fail("backfilled", 0, "no such file")
    wanted = ("state", "since", "reason", "last_error")
    assert standing(board, "backfilled", *wanted) == ("ok", None, None, "no such file")


def test_a_monitor_that_never_was_judged_is_listed(board: Board) -> None:
    board.fail("newborn", 0, "no such column")
    wanted = ("status", "state", "owner", "since", "windows_in_a_row", "reason", "window_end")
    assert standing(board, "newborn", *wanted) == (
        None,
        "error",
        "",
        day(0).start,
        1,
        "no such column",
        None,
    )


def test_a_monitor_whose_file_is_gone_needs_nobody(board: Board) -> None:
    board.write("gone", 0, FAILED, due_at=LONG_AGO)
    assert board.select("reference_periods", "gone", "is_current") == [(True,)]
    rows(board.owner, "INSERT INTO removed_monitor (monitor) VALUES ('gone')")
    assert board.select("monitor_status", "gone", "state") == []
    assert board.select("recent_windows", "gone", "place") == []
    assert board.select("reference_periods", "gone", "is_current") == [(False,)]
    assert board.select("monitor_names", "gone", "removed_at IS NOT NULL") == [(True,)]
    assert board.select("latest_evaluations", "gone", "status") == [("failed",)]


def test_the_status_tells_the_newest_windows_numbers(board: Board) -> None:
    board.write("numbers", 0, OK, quality("data_quality_score", 0.5))
    board.write(
        "numbers",
        1,
        FAILED,
        *drifted_share(2, 4),
        quality("data_quality_score", 0.97),
        performance("accuracy", 0.5, FAILED),
        performance("f1", 0.5, FAILED),
        Measurement(
            check="drift", metric="drifted_share", segment="a=b", value=1.0, status=WARNING
        ),
        owner="somebody@example.com",
        report="report.html",
    )
    wanted = ("drifted_columns", "drifted_share", "data_quality_score", "failed_measurements")
    assert standing(board, "numbers", *wanted) == (2, 0.5, 0.97, 2)
    wanted = ("owner", "window_end", "rows_current", "report", "computed_at", "model_version")
    assert standing(board, "numbers", *wanted) == (
        "somebody@example.com",
        day(1).end,
        500,
        "report.html",
        COMPUTED,
        "3",
    )
    assert standing(board, "numbers", "evaluation_id").startswith("numbers--")


def test_numbers_of_too_few_rows_are_not_told(board: Board) -> None:
    score = Measurement(check="quality", metric="data_quality_score", value=0.9, status=SCARCE)
    board.write("scarce_numbers", 0, SCARCE, score)
    assert standing(board, "scarce_numbers", "data_quality_score") is None


def measurement(check: str, metric: str, value: float | None, **more: Any) -> Measurement:
    return Measurement(**{"check": check, "metric": metric, "value": value, **more})


def of_column(
    check: str, metric: str, column: str, status: Status, value: float | None = 1, **more: Any
) -> Measurement:
    return measurement(check, metric, value, column=column, status=status, **more)


REASONS: dict[str, list[Measurement]] = {
    "accuracy 0.8123 below 0.93": [
        *drifted_share(7, 13, FAILED),
        measurement("performance", "f1", 0.5, threshold=0.9, status=FAILED),
        measurement("performance", "accuracy", 0.81234, threshold=0.93, status=FAILED),
    ],
    "7 of 13 columns drifted": [
        *drifted_share(7, 13, FAILED),
        drift("a", "ks", 0.0, 0.05, drifted=True),
    ],
    "1 of 13 columns drifted": [*drifted_share(1, 13), drift("a", "ks", 0.0, 0.05, drifted=True)],
    "score: wasserstein 0.4, limit 0.1": [
        *drifted_share(0, 13),
        drift("score", "wasserstein", 0.4, 0.1, drifted=True),
    ],
    "missing share of b 0.9 above 0.2": [
        of_column("quality", "missing_share", "a", FAILED, value=0.3, threshold=0.2),
        of_column("quality", "missing_share", "b", FAILED, value=0.9, threshold=0.2),
    ],
    "data quality score 0.5 below 0.9": [
        measurement("quality", "data_quality_score", 0.5, threshold=0.9, status=FAILED),
        of_column("quality", "missing_share", "a", FAILED, value=1, threshold=0.2),
    ],
    "column hue is missing": [of_column("schema", "missing_column", "hue", FAILED)],
    "column hue is new": [of_column("schema", "new_column", "hue", WARNING)],
    "column hue is categorical, was numerical": [
        of_column(
            "schema",
            "type_changed",
            "hue",
            FAILED,
            detail={"expected": "numerical", "found": "categorical"},
        )
    ],
    "hue holds one value only": [of_column("quality", "constant", "hue", WARNING)],
    "12 rows without a timestamp": [
        measurement("quality", "rows_without_timestamp", 12, threshold=0, status=WARNING)
    ],
    "60 rows in the window, 100 needed": [
        measurement("performance", "r2", None, status=SCARCE, detail={"reason": "no labels"}),
        measurement(
            "quality",
            "rows",
            60,
            threshold=100,
            status=SCARCE,
            detail={"reason": "60 rows in the window, 100 needed"},
        ),
    ],
    "psi of hue: psi is no method for it": [
        of_column(
            "drift", "psi", "hue", ERROR, value=None, detail={"reason": "psi is no method for it"}
        )
    ],
    "rmse 2.50e+12 above 3 (region=north)": [
        measurement(
            "performance", "rmse", 2.5e12, threshold=3, segment="region=north", status=FAILED
        )
    ],
    "hue: ks 1.00e-300, limit 0.05 (region=north)": [
        of_column(
            "drift", "ks", "hue", WARNING, value=1e-300, threshold=0.05, segment="region=north"
        )
    ],
}


@pytest.mark.parametrize("text", REASONS)
def test_the_reason_is_the_worst_measurement_in_words(board: Board, text: str) -> None:
    measurements = REASONS[text]
    monitor = f"reason: {text}"
    worst = max((m.status for m in measurements), key=lambda status: status.severity)
    board.write(monitor, 0, worst, quality("missing_share", 0.0, "z"), *measurements)
    assert standing(board, monitor, "reason") == text


def test_a_verdict_that_nothing_explains_has_no_reason(board: Board) -> None:
    board.write("unexplained", 0, WARNING)
    assert standing(board, "unexplained", "state", "reason") == ("warning", None)


def test_the_newest_thirty_windows_are_numbered(board: Board) -> None:
    for number in range(31):
        board.write("thirty", number, WARNING if number == 30 else OK)
    found = board.select("recent_windows", "thirty", "place", "window_start", "status")
    assert len(found) == 30
    assert min(found) == (1, day(30).start, "warning")
    assert max(found) == (30, day(1).start, "ok")


# --- references, models and runs ------------------------------------------------------------------
def test_a_reference_that_comes_back_begins_a_period_of_its_own(board: Board) -> None:
    for number, reference in enumerate(["a" * 32, "a" * 32, "", "b" * 32, "b" * 32, "a" * 32]):
        board.write("periods", number, OK, reference_id=reference)
    columns = (
        "left(reference_id, 1)",
        "first_window_start",
        "last_window_end",
        "windows",
        "left(previous_reference_id, 1)",
        "is_current",
    )
    assert sorted(
        board.select("reference_periods", "periods", *columns), key=lambda row: row[1]
    ) == [
        ("a", day(0).start, day(1).end, 2, None, False),
        ("b", day(3).start, day(4).end, 2, "a", False),
        ("a", day(5).start, day(5).end, 1, "b", True),
    ]
    assert sorted(board.select("reference_changes", "periods", "at", "text")) == [
        (day(3).start, "reference changed from aaaaaaaa to bbbbbbbb"),
        (day(5).start, "reference changed from bbbbbbbb to aaaaaaaa"),
    ]


def test_a_trailing_reference_changes_all_the_time_and_tells_nothing(board: Board) -> None:
    for number in range(4):
        board.write("trailing", number, OK, reference_id=f"{number:032}")
    assert len(board.select("reference_periods", "trailing", "windows")) == 4
    assert board.select("reference_changes", "trailing", "text") == []


def test_new_versions_and_moves_of_aliases_are_events(board: Board) -> None:
    rows(
        board.owner,
        "INSERT INTO mlflow_model_version (model_name, version, created_at) VALUES "
        "('events', '1', '2026-11-01Z'), ('events', '2', NULL)",
    )
    rows(
        board.owner,
        "INSERT INTO mlflow_alias_history VALUES "
        "('events', 'champion', '1', '2026-11-02Z', '2026-11-03Z'), "
        "('events', 'champion', '2', '2026-11-03Z', '2026-11-04Z'), "
        "('events', 'champion', '1', '2026-11-06Z', NULL), "
        "('events', 'shadow', '2', '2026-11-05Z', NULL)",
    )
    found = rows(
        board.reader,
        "SELECT extract(DAY FROM at AT TIME ZONE 'UTC')::integer, version, alias, kind, text "
        "FROM model_events WHERE model_name = 'events' ORDER BY at",
    )
    assert found == [
        (1, "1", None, "version", "version 1"),
        (2, "1", "champion", "alias", "champion set to 1"),
        (3, "2", "champion", "alias", "champion moved from 1 to 2"),
        (4, "2", "champion", "alias", "champion removed from 2"),
        (5, "2", "shadow", "alias", "shadow set to 2"),
        (6, "1", "champion", "alias", "champion set to 1"),
    ]


def test_runs_are_counted_by_experiment_and_status(board: Board) -> None:
    rows(
        board.owner,
        "INSERT INTO mlflow_experiment (experiment_id, name, lifecycle_stage) VALUES "
        "('c1', 'counted', 'active'), ('c2', 'counted and deleted', 'deleted')",
    )
    rows(
        board.owner,
        "INSERT INTO mlflow_run (run_id, experiment_id, status, lifecycle_stage) VALUES "
        "('c1', 'c1', 'FINISHED', 'active'), ('c2', 'c1', 'FINISHED', 'active'), "
        "('c3', 'c1', 'FAILED', 'active'), ('c4', 'c1', 'FAILED', 'deleted'), "
        "('c5', 'c2', 'FINISHED', 'active'), ('c6', 'counted: unknown', 'RUNNING', 'active')",
    )
    found = rows(
        board.reader, "SELECT * FROM run_status_counts WHERE experiment_name LIKE 'counted%%'"
    )
    assert sorted(found) == [
        ("counted", "FAILED", 1),
        ("counted", "FINISHED", 2),
        ("counted: unknown", "RUNNING", 1),
    ]
