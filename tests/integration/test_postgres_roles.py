"""The three roles, the views, and what a reader can and cannot do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitoring_jobs.database import sql_folder, transaction
from monitoring_jobs.errors import DatabaseRefused
from monitoring_jobs.sinks.postgres import PostgresSink
from tests.fixtures.evaluations import COMPUTED, DAY, day, make_evaluation
from tests.fixtures.postgres import rows

VIEWS = {
    "addresses",
    "attempts",
    "column_drift",
    "column_quality",
    "evaluations",
    "latest_evaluations",
    "latest_measurements",
    "measurements",
    "mlflow_aliases",
    "mlflow_experiments",
    "mlflow_extractions",
    "mlflow_model_versions",
    "mlflow_registered_models",
    "mlflow_run_datasets",
    "mlflow_run_metrics",
    "mlflow_run_params",
    "mlflow_run_tags",
    "mlflow_runs",
    "model_events",
    "monitor_names",
    "monitor_status",
    "monitors",
    "performance",
    "prediction_volume",
    "recent_windows",
    "reference_changes",
    "reference_periods",
    "run_status_counts",
    "storage",
    "window_quality",
}


# Any user may switch his own settings: only rights protect.
WRITABLE = "&options=-c%20default_transaction_read_only%3Doff"


def refused(url: str, statement: str) -> str:
    with (
        pytest.raises(DatabaseRefused) as caught,
        transaction(url) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    return str(caught.value)


def test_reader_reads_every_view(reader_url: str) -> None:
    found = rows(reader_url, "SELECT viewname FROM pg_views WHERE schemaname = 'monitoring'")
    assert {name for (name,) in found} == VIEWS
    for view in VIEWS:
        rows(reader_url, f"SELECT * FROM {view}")


def test_reader_reads_no_table(database_url: str, reader_url: str) -> None:
    tables = rows(
        database_url,
        "SELECT relname FROM pg_class "
        "WHERE relnamespace = 'monitoring'::regnamespace AND relkind IN ('r', 'p')",
    )
    assert len(tables) > 10
    for (table,) in tables:
        assert "42501" in refused(reader_url, f"SELECT * FROM monitoring.{table}")


def test_reader_is_read_only_and_limited_in_time(reader_url: str) -> None:
    assert rows(
        reader_url,
        "SELECT current_setting('default_transaction_read_only'), "
        "current_setting('statement_timeout'), current_setting('search_path'), "
        "current_setting('idle_in_transaction_session_timeout'), current_setting('jit')",
    ) == [("on", "30s", "monitoring,public", "1min", "off")]
    assert "25006" in refused(reader_url, "CREATE TEMP TABLE t (n int)")
    # Even one who switches the setting off has no right to write.
    for statement in ("DELETE FROM evaluations", "INSERT INTO attempts (monitor) VALUES ('x')"):
        assert "42501" in refused(reader_url + WRITABLE, statement)


@pytest.mark.parametrize(
    "call",
    [
        "create_measurement_partition('2026-11-01')",
        "forget_windows_before('2026-11-01')",
        "months_without_partition()",
    ],
)
def test_reader_cannot_maintain(reader_url: str, call: str) -> None:
    assert "42501" in refused(reader_url + WRITABLE, f"SELECT * FROM {call}")


def test_owner_owns_everything_in_the_schema(database_url: str) -> None:
    assert rows(
        database_url,
        "SELECT DISTINCT relowner::regrole::text FROM pg_class "
        "WHERE relnamespace = 'monitoring'::regnamespace "
        "UNION SELECT proowner::regrole::text FROM pg_proc "
        "WHERE pronamespace = 'monitoring'::regnamespace "
        "UNION SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'monitoring'",
    ) == [("monitoring_owner",)]


def test_no_role_has_a_password_or_more_rights_than_a_login(database_url: str) -> None:
    assert (
        rows(
            database_url,
            "SELECT rolname FROM pg_authid WHERE rolname LIKE 'monitoring\\_%%' AND "
            "(rolpassword IS NOT NULL OR rolsuper OR rolcreaterole OR rolcreatedb OR "
            "rolbypassrls OR rolreplication OR NOT rolcanlogin) AND %s",
            True,
        )
        == []
    )


def test_f63_no_password_lies_in_the_sql() -> None:
    for file in Path(sql_folder()).rglob("*.sql"):
        text = file.read_text(encoding="utf-8").lower()
        assert "password '" not in text, file


# --- what the views show --------------------------------------------------------------------------
def test_latest_views_show_the_newest_window_of_each_monitor(
    writer_url: str, reader_url: str
) -> None:
    sink = PostgresSink(writer_url)
    for number in (1, 0, -1):
        sink.write(make_evaluation(window=day(number)))
    sink.write(make_evaluation(monitor="other"))
    assert rows(
        reader_url, "SELECT monitor, window_start FROM latest_evaluations ORDER BY monitor"
    ) == [("other", DAY.start), ("wine_quality", day(1).start)]
    assert rows(
        reader_url, "SELECT DISTINCT monitor, window_start FROM latest_measurements ORDER BY 1"
    ) == [("other", DAY.start), ("wine_quality", day(1).start)]


def test_column_drift_shows_method_score_and_verdict(writer_url: str, reader_url: str) -> None:
    PostgresSink(writer_url).write(make_evaluation())
    assert rows(
        reader_url,
        "SELECT column_name, method, score, threshold, drifted, n_current, n_reference, "
        "model_version FROM column_drift ORDER BY column_name",
    ) == [
        ("alcohol", "wasserstein", 0.42, 0.1, True, 500, 900, "3"),
        ("malic_acid", "ks", 0.3, 0.05, False, 500, 900, "3"),
        ("region", "jensenshannon", 0.03, 0.1, False, 500, 900, "3"),
    ]


def test_monitors_show_failures_even_without_a_result(writer_url: str, reader_url: str) -> None:
    sink = PostgresSink(writer_url)
    sink.write(make_evaluation())
    sink.record_error("never_worked", DAY, "a", COMPUTED, "first error")
    sink.record_error("never_worked", DAY, "b", COMPUTED + timedelta(hours=1), "second error")
    assert rows(
        reader_url,
        "SELECT monitor, status, last_error, last_written_at IS NOT NULL FROM monitors "
        "ORDER BY monitor",
    ) == [("never_worked", None, "second error", False), ("wine_quality", "warning", None, True)]


def test_model_versions_show_the_aliases_of_today(database_url: str, reader_url: str) -> None:
    rows(
        database_url,
        "INSERT INTO mlflow_model_version (model_name, version) "
        "VALUES ('wine', '1'), ('wine', '2')",
    )
    rows(
        database_url,
        "INSERT INTO mlflow_alias_history VALUES "
        "('wine', 'champion', '1', '2026-01-01Z', '2026-02-01Z'), "
        "('wine', 'champion', '2', '2026-02-01Z', NULL), "
        "('wine', 'best', '2', '2026-02-01Z', NULL)",
    )
    assert rows(
        reader_url, "SELECT version, aliases FROM mlflow_model_versions ORDER BY version"
    ) == [("1", []), ("2", ["best", "champion"])]


def test_views_keep_measurements_of_two_windows_with_one_start_apart(
    writer_url: str, reader_url: str
) -> None:
    sink = PostgresSink(writer_url)
    sink.write(make_evaluation())
    hour = replace(DAY, end=DAY.start + timedelta(hours=1))
    sink.write(make_evaluation(window=hour, measurements=()))
    assert rows(reader_url, "SELECT count(*) FROM measurements") == [
        (len(make_evaluation().measurements),)
    ]
