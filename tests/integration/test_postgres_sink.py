"""The Postgres sink: exactly-once effect, whoever writes, how often, and whatever kills it."""

from __future__ import annotations

import contextlib
import random
import signal
import string
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from monitoring_jobs.database import transaction
from monitoring_jobs.errors import (
    DatabaseRefused,
    DatabaseUnavailable,
    SchemaMismatch,
    StaleAttempt,
)
from monitoring_jobs.results import DagRunRef, Evaluation, Measurement, Status
from monitoring_jobs.sinks.postgres import PostgresSink
from monitoring_jobs.windows import Window
from tests.fixtures.evaluations import COMPUTED, DAY, day, make_evaluation
from tests.fixtures.postgres import Gate, rows, url_as, wait_until_alone

WRITE = (
    "import sys; from monitoring_jobs.results import Evaluation; "
    "from monitoring_jobs.sinks.postgres import PostgresSink; "
    "PostgresSink(sys.argv[1]).write(Evaluation.from_json(sys.stdin.buffer.read()))"
)


def start_writer(url: str, evaluation: Evaluation) -> subprocess.Popen[bytes]:
    """Write an evaluation in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", WRITE, url], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(evaluation.to_json().encode())
    process.stdin.close()
    return process


def points(url: str) -> list[tuple[Any, ...]]:
    return rows(
        url,
        "SELECT check_name, metric, column_name, segment, value::text, threshold::text, status, "
        "detail::text, window_start, window_end FROM measurement "
        'ORDER BY window_start, check_name, metric, column_name COLLATE "C", segment',
    )


def attempts(url: str) -> list[tuple[Any, ...]]:
    return rows(url, "SELECT attempt, outcome, status, error FROM evaluation_attempt ORDER BY id")


def named(column: str, **changes: Any) -> Measurement:
    values = {"check": "quality", "metric": "distinct", "status": Status.OK, "value": 3.0}
    return Measurement(**{**values, **changes}, column=column)  # type: ignore[arg-type]


LATER = make_evaluation(attempt="second", computed_at=COMPUTED + timedelta(hours=1))


@pytest.fixture
def gate(database_url: str) -> Iterator[Gate]:
    gate = Gate(database_url)
    yield gate
    gate.open()


# --- what is stored -------------------------------------------------------------------------------
def test_writer_role_suffices_to_store_all_of_an_evaluation(
    writer_url: str, database_url: str
) -> None:
    evaluation = make_evaluation(owner="ml@example.com", report="report-first.html")
    PostgresSink(writer_url).write(evaluation)
    assert rows(
        database_url,
        "SELECT monitor, window_start, window_end, status, owner, model_name, model_version, "
        "model_alias, rows_current, rows_reference, rows_sampled, reference_id, spec_hash, "
        "code_version, attempt, computed_at, duration_seconds, peak_memory_bytes, report "
        "FROM evaluation",
    ) == [
        (
            *("wine_quality", DAY.start, DAY.end, "warning", "ml@example.com"),
            *("wine", "3", "champion", 500, 900, 500, "0" * 32, "1" * 32, "0.1.0"),
            *("first", COMPUTED, 1.5, 123_000_000, "report-first.html"),
        )
    ]
    stored = rows(
        database_url,
        "SELECT check_name, metric, column_name, segment, value, threshold, status, detail "
        "FROM measurement",
    )
    assert sorted(stored, key=lambda row: row[:4]) == sorted(
        [
            (m.check, m.metric, m.column, m.segment, m.value, m.threshold, str(m.status), m.detail)
            for m in evaluation.measurements
        ],
        key=lambda row: row[:4],
    )
    assert attempts(database_url) == [("first", "written", "warning", None)]


def test_dag_run_and_id_are_found_in_the_views(writer_url: str, database_url: str) -> None:
    sink, run = PostgresSink(writer_url), DagRunRef(dag_id="monitor__wine", run_id="manual__1")
    odd = Window(DAY.start + timedelta(microseconds=1), DAY.end)
    sink.write(make_evaluation(dag_run=run, due_at=DAY.end + timedelta(days=1)))
    sink.write(make_evaluation(window=odd))
    sink.record_error("wine_quality", day(1), "third", COMPUTED, "the disk is full", dag_run=run)
    assert rows(
        database_url,
        "SELECT evaluation_id, dag_id, dag_run_id, due_at FROM evaluations ORDER BY window_start",
    ) == [
        (make_evaluation().id, run.dag_id, run.run_id, DAY.end + timedelta(days=1)),
        (make_evaluation(window=odd).id, None, None, None),
    ]
    assert rows(
        database_url,
        "SELECT outcome, dag_id, dag_run_id, duration_seconds FROM attempts "
        "ORDER BY window_start, id",
    ) == [
        ("written", run.dag_id, run.run_id, make_evaluation().duration_seconds),
        ("written", None, None, make_evaluation().duration_seconds),
        ("error", run.dag_id, run.run_id, None),
    ]


def test_writer_role_cannot_change_what_attempts_were_made(writer_url: str) -> None:
    PostgresSink(writer_url).write(make_evaluation())
    for statement in (
        "DELETE FROM evaluation_attempt",
        "UPDATE evaluation_attempt SET error = 'x'",
        "UPDATE attempts SET error = 'x'",
        "UPDATE alembic_version SET version_num = 'x'",
        "TRUNCATE evaluation",
        "CREATE TABLE monitoring.own (n int)",
        "DROP TABLE measurement",
    ):
        with (
            pytest.raises(DatabaseRefused, match="42501"),
            transaction(writer_url) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_evaluation_without_measurements_or_model_is_stored(
    writer_url: str, database_url: str
) -> None:
    bare = make_evaluation(measurements=(), status=Status.INSUFFICIENT_DATA)
    PostgresSink(writer_url).write(replace(bare, model=type(bare.model)()))
    assert rows(database_url, "SELECT status, model_name FROM evaluation") == [
        ("insufficient_data", None)
    ]
    assert points(database_url) == []


def test_f03_failed_attempt_is_recorded_and_the_older_result_stays(
    writer_url: str, database_url: str
) -> None:
    sink = PostgresSink(writer_url)
    sink.write(make_evaluation())
    before = points(database_url)
    sink.record_error("wine_quality", DAY, "broken", COMPUTED, "reference is \x00 missing")
    assert attempts(database_url)[-1] == ("broken", "error", None, "reference is \ufffd missing")
    assert points(database_url) == before


def test_f09_nan_in_a_detail_becomes_null(writer_url: str, database_url: str) -> None:
    measurement = named("a", value=None, detail={"n": float("nan"), "m": float("inf"), "k": 1})
    PostgresSink(writer_url).write(make_evaluation(measurements=(measurement,)))
    assert rows(database_url, "SELECT value, detail FROM measurement") == [
        (None, {"n": None, "m": None, "k": 1})
    ]


def test_f11_names_that_cannot_be_stored_are_mended(writer_url: str, database_url: str) -> None:
    measurement = named("a\x00\ud800", detail={"reason": "\x00"})
    PostgresSink(writer_url).write(make_evaluation(measurements=(measurement,)))
    assert rows(database_url, "SELECT column_name, detail FROM measurement") == [
        ("a\ufffd\ufffd", {"reason": "\ufffd"})
    ]


def test_f12_odd_and_very_long_names_are_stored_verbatim(
    writer_url: str, database_url: str
) -> None:
    letters = random.Random(12).choices(string.ascii_letters + "äß😀", k=10_000)
    names = ["'; DROP TABLE evaluation; --", 'quo"te', "new\nline", "\\N", "é😀", "".join(letters)]
    measurements = tuple(named(name, segment=f"region={name}") for name in names)
    PostgresSink(writer_url).write(make_evaluation(measurements=measurements))
    PostgresSink(writer_url).write(make_evaluation(measurements=measurements, attempt="again"))
    stored = rows(database_url, "SELECT column_name, segment FROM measurement")
    assert sorted(stored) == sorted((name, f"region={name}") for name in names)


def test_f16_keys_that_become_equal_are_stored_once_with_the_worst_status(
    writer_url: str, database_url: str
) -> None:
    twins = (
        named("a\x00"),
        named("a\x01", status=Status.OK),
        named("a\ufffd", status=Status.FAILED, value=9.0),
        named("a\ud800", status=Status.WARNING),
    )
    PostgresSink(writer_url).write(make_evaluation(measurements=twins))
    stored = rows(database_url, "SELECT column_name, status, value FROM measurement")
    assert sorted(stored) == [("a\x01", "ok", 3.0), ("a\ufffd", "failed", 9.0)]


def test_f16_duplicate_measurement_cannot_be_stored(writer_url: str, database_url: str) -> None:
    PostgresSink(writer_url).write(make_evaluation())
    duplicate = "INSERT INTO measurement SELECT * FROM measurement LIMIT 1"
    with (
        pytest.raises(DatabaseRefused, match="23505"),
        transaction(writer_url) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(duplicate)


def test_f38_database_without_the_schema_is_refused(empty_database_url: str) -> None:
    with pytest.raises(SchemaMismatch, match="run monitoring-jobs migrate"):
        PostgresSink(empty_database_url).write(make_evaluation())


# --- again and again ------------------------------------------------------------------------------
def test_f26_rerun_leaves_the_same_points_and_row_counts(
    writer_url: str, database_url: str
) -> None:
    sink = PostgresSink(writer_url)
    sink.write(make_evaluation())
    first = points(database_url)
    sink.write(LATER)
    assert points(database_url) == first
    assert rows(database_url, "SELECT attempt FROM evaluation") == [("second",)]


def test_f26_publishing_one_attempt_twice_is_one_attempt(
    writer_url: str, database_url: str
) -> None:
    for _ in range(2):
        PostgresSink(writer_url).write(make_evaluation())
    assert attempts(database_url) == [("first", "written", "warning", None)]
    assert len(points(database_url)) == len(make_evaluation().measurements)


def test_f26_rerun_replaces_measurements_of_a_removed_column(
    writer_url: str, database_url: str
) -> None:
    sink = PostgresSink(writer_url)
    sink.write(make_evaluation(measurements=(named("kept"), named("removed"))))
    sink.write(replace(LATER, measurements=(named("kept"),)))
    assert rows(database_url, "SELECT column_name FROM measurement") == [("kept",)]


def test_f23_late_data_replace_the_earlier_result(writer_url: str, database_url: str) -> None:
    sink = PostgresSink(writer_url)
    sink.write(make_evaluation(status=Status.INSUFFICIENT_DATA))
    sink.write(LATER)
    assert rows(database_url, "SELECT status, computed_at FROM evaluation") == [
        ("warning", LATER.computed_at)
    ]


def test_rerun_leaves_other_windows_and_monitors_alone(writer_url: str, database_url: str) -> None:
    sink = PostgresSink(writer_url)
    sink.write(make_evaluation(window=day(1)))
    sink.write(make_evaluation(monitor="other"))
    sink.write(make_evaluation())
    before = points(database_url)
    sink.write(LATER)
    assert points(database_url) == before
    assert rows(database_url, "SELECT count(*) FROM evaluation") == [(3,)]


def test_f28_stale_attempt_is_refused_and_recorded(
    writer_url: str, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    sink = PostgresSink(writer_url)
    sink.write(LATER)
    before = points(database_url)
    with pytest.raises(StaleAttempt, match="wine_quality"):
        sink.write(make_evaluation(measurements=(named("zombie"),)))
    assert points(database_url) == before
    assert rows(database_url, "SELECT attempt FROM evaluation") == [("second",)]
    assert attempts(database_url) == [
        ("second", "written", "warning", None),
        ("first", "stale_attempt", "warning", None),
    ]
    assert [getattr(record, "action", None) for record in caplog.records] == ["stale_attempt"]


@hypothesis.settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(hours=st.lists(st.integers(0, 20), min_size=1, max_size=6, unique=True))
def test_f28_whatever_the_order_of_attempts_the_latest_stays(
    writer_url: str, database_url: str, hours: list[int]
) -> None:
    monitor = "m" + "_".join(map(str, hours))
    for hour in hours:
        attempt = make_evaluation(
            monitor=monitor,
            attempt=str(hour),
            computed_at=COMPUTED + timedelta(hours=hour),
            measurements=(named("shared"), named(f"column_{hour}")),
        )
        with contextlib.suppress(StaleAttempt):
            PostgresSink(writer_url).write(attempt)
    stored = rows(database_url, "SELECT attempt FROM evaluation WHERE monitor = %s", monitor)
    assert stored == [(str(max(hours)),)]
    columns = rows(database_url, "SELECT column_name FROM measurement WHERE monitor = %s", monitor)
    assert {name for (name,) in columns} == {"shared", f"column_{max(hours)}"}


# --- at once, and killed --------------------------------------------------------------------------
@pytest.mark.parametrize("order", ["earlier first", "later first"])
def test_f27_two_processes_on_one_key_end_as_one_run(
    writer_url: str, database_url: str, gate: Gate, order: str
) -> None:
    gate.before_insert("evaluation")
    both = [make_evaluation(measurements=(named("early"),)), LATER]
    if order == "later first":
        both.reverse()
    first = start_writer(writer_url, both[0])
    gate.wait_for(1)  # it has the lock on the key, and stands before its insertion
    second = start_writer(writer_url, both[1])
    gate.wait_for(2)
    gate.open()
    assert first.wait(60) == 0
    assert (second.wait(60) == 0) is (order == "earlier first")
    assert rows(database_url, "SELECT attempt FROM evaluation") == [("second",)]
    assert len(points(database_url)) == len(LATER.measurements)
    assert sorted(row[:2] for row in attempts(database_url)) == (
        [("first", "written"), ("second", "written")]
        if order == "earlier first"
        else [("first", "stale_attempt"), ("second", "written")]
    )


def test_f27_many_threads_on_one_key_end_as_one_run(writer_url: str, database_url: str) -> None:
    start = threading.Barrier(8, timeout=60)

    def write(number: int) -> None:
        start.wait()
        PostgresSink(writer_url).write(make_evaluation(attempt=f"attempt-{number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(points(database_url)) == len(make_evaluation().measurements)
    assert len(attempts(database_url)) == 8
    assert rows(database_url, "SELECT count(*) FROM evaluation") == [(1,)]


def test_f29_backfill_beside_the_daily_run_waits_for_nothing(
    writer_url: str, database_url: str, gate: Gate
) -> None:
    gate.before_insert("evaluation")
    daily = start_writer(writer_url, make_evaluation())
    gate.wait_for(1)
    with ThreadPoolExecutor(8) as pool:
        backfill = [
            pool.submit(PostgresSink(writer_url).write, make_evaluation(window=day(-number)))
            for number in range(1, 31)
        ]
        gate.wait_for(9)  # all stand before their insertions, none before the daily run's lock
        gate.open()
        for written in backfill:
            written.result(60)
    assert daily.wait(60) == 0
    assert rows(database_url, "SELECT count(*) FROM evaluation") == [(31,)]


def test_f30_sigkill_between_delete_and_insert_leaves_the_old_result(
    writer_url: str, database_url: str, gate: Gate
) -> None:
    PostgresSink(writer_url).write(make_evaluation())
    before = points(database_url)
    gate.before_insert("evaluation")
    writer = start_writer(writer_url, replace(LATER, measurements=(named("new"),)))
    gate.wait_for(1)  # the old rows are deleted, the new ones not yet there
    writer.send_signal(signal.SIGKILL)
    assert writer.wait(60) == -signal.SIGKILL
    assert points(database_url) == before  # while the dead writer's session still lingers
    gate.open()
    wait_until_alone(database_url)
    assert points(database_url) == before
    assert attempts(database_url) == [("first", "written", "warning", None)]
    PostgresSink(writer_url).write(replace(LATER, measurements=(named("new"),)))
    assert [row[2] for row in points(database_url)] == ["new"]


def test_f32_sigterm_while_writing_leaves_nothing_half_done(
    writer_url: str, database_url: str, gate: Gate
) -> None:
    gate.before_insert("measurement_default")
    writer = start_writer(writer_url, make_evaluation())
    gate.wait_for(1)
    writer.terminate()
    assert writer.wait(60) != 0
    gate.open()
    wait_until_alone(database_url)
    assert rows(database_url, "SELECT count(*) FROM evaluation") == [(0,)]
    assert attempts(database_url) == []


def test_f33_session_that_is_idle_in_its_transaction_is_ended(database_url: str) -> None:
    def stay_idle() -> None:
        with (
            transaction(url_as(database_url, "monitoring_writer")) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '20ms'")
            wait_until_alone(database_url)
            cursor.execute("SELECT 1")

    with pytest.raises(DatabaseUnavailable):
        stay_idle()
