"""Maintenance: partitions, retention, gauges of removed monitors, orphan reports."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitoring_jobs.errors import (
    DatabaseUnavailable,
    GatewayUnavailable,
    SchemaMismatch,
    SinksFailed,
)
from monitoring_jobs.maintain import MONTHS_AHEAD, MaintenanceSummary, maintain
from monitoring_jobs.reports.store import ReportStore, drafts
from monitoring_jobs.settings import Settings
from monitoring_jobs.sinks.postgres import PostgresSink
from monitoring_jobs.sinks.pushgateway import PushgatewaySink, TextfileSink
from monitoring_jobs.windows import Window
from tests.fixtures.command_line import Cli
from tests.fixtures.evaluations import day, make_evaluation
from tests.fixtures.postgres import Gate, rows
from tests.fixtures.pushgateway import scrape

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
CLOSED = "http://127.0.0.1:1"


@pytest.fixture
def settings(tmp_path: Path, writer_url: str) -> Settings:
    """Only the writer's login: maintenance needs no more."""
    return Settings(database_url=writer_url, report_store=str(tmp_path / "reports"))  # type: ignore[arg-type]


def changed(settings: Settings, **changes: Any) -> Settings:
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    return Settings(**{**values, **changes})


def at(year: int, month: int, day: int = 1) -> Window:
    start = datetime(year, month, day, tzinfo=UTC)
    return Window(start, start + timedelta(days=1))


def partitions(url: str) -> dict[str, int]:
    """Return the partitions by name, each with its number of rows."""
    names = rows(
        url,
        "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid "
        "WHERE inhparent = 'monitoring.measurement'::regclass ORDER BY relname",
    )
    return {name: rows(url, f"SELECT count(*) FROM {name}")[0][0] for (name,) in names}


def write(url: str, *windows: Window) -> int:
    """Write an evaluation for each window; return the number of measurements of one."""
    for window in windows:
        PostgresSink(url).write(make_evaluation(window=window))
    return len(make_evaluation().measurements)


# --- partitions -----------------------------------------------------------------------------------
def test_f40_migrate_leaves_the_coming_months_with_partitions(
    empty_database_url: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITORING_DATABASE_URL", empty_database_url)
    code, out, err = cli("migrate")
    assert (code, err) == (0, "")
    assert "revision" in out
    assert len(partitions(empty_database_url)) == 1 + MONTHS_AHEAD + 1  # the default, this month
    assert cli("migrate")[0] == 0
    assert len(partitions(empty_database_url)) == 1 + MONTHS_AHEAD + 1


def test_f40_partitions_are_created_ahead(settings: Settings, database_url: str) -> None:
    summary = maintain(settings, now=NOW, months_ahead=2)
    assert summary == MaintenanceSummary(partitions_created=3)
    assert partitions(database_url) == {
        "measurement_2026_11": 0,
        "measurement_2026_12": 0,
        "measurement_2027_01": 0,
        "measurement_default": 0,
    }
    assert maintain(settings, now=NOW, months_ahead=2) == MaintenanceSummary()


def test_f40_window_without_a_partition_is_caught_and_shown(
    writer_url: str, reader_url: str, database_url: str
) -> None:
    count = write(writer_url, at(2026, 11), at(2030, 1))
    assert partitions(database_url) == {"measurement_default": 2 * count}
    assert rows(reader_url, "SELECT default_rows, partitions, covered_until FROM storage") == [
        (2 * count, 0, None)
    ]


def test_f40_rows_of_the_default_partition_move_into_their_new_partition(
    settings: Settings, writer_url: str, reader_url: str, database_url: str
) -> None:
    last_moment = Window(
        datetime(2026, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 12, 1, 12, tzinfo=UTC),
    )
    count = write(writer_url, at(2026, 11), last_moment, at(2026, 12), at(2024, 2, 29))
    before = sorted(rows(database_url, "SELECT * FROM measurement"), key=str)
    assert maintain(settings, now=NOW, months_ahead=1).partitions_created == 3
    assert partitions(database_url) == {
        "measurement_2024_02": count,
        "measurement_2026_11": 2 * count,
        "measurement_2026_12": count,
        "measurement_default": 0,
    }
    assert sorted(rows(database_url, "SELECT * FROM measurement"), key=str) == before
    assert rows(reader_url, "SELECT default_rows, covered_until FROM storage") == [
        (0, datetime(2027, 1, 1, tzinfo=UTC))
    ]


def test_f40_moved_rows_are_replaced_by_a_rerun(
    settings: Settings, writer_url: str, database_url: str
) -> None:
    count = write(writer_url, at(2026, 11))
    maintain(settings, now=NOW, months_ahead=0)
    write(writer_url, at(2026, 11))
    assert partitions(database_url) == {"measurement_2026_11": count, "measurement_default": 0}


def test_f40_new_partition_has_the_key_and_the_checks_of_its_parent(
    settings: Settings, writer_url: str, database_url: str
) -> None:
    write(writer_url, at(2026, 11))
    maintain(settings, now=NOW, months_ahead=0)
    constraints = (
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = %s::regclass ORDER BY 1"
    )
    keys = "SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass AND indisunique"
    for statement in (constraints, keys):
        assert rows(database_url, statement, "monitoring.measurement_2026_11") == rows(
            database_url, statement, "monitoring.measurement_default"
        )


def test_f40_months_are_cut_in_utc_whatever_the_session_says(
    writer_url: str, database_url: str
) -> None:
    rows(
        writer_url + "&options=-c%20timezone%3DPacific/Auckland%20-c%20search_path%3Dmonitoring",
        "SELECT monitoring.create_measurement_partition('2026-11-01')",
    )
    assert "FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00')" in str(
        rows(
            database_url,
            "SET timezone = 'UTC'; SELECT pg_get_expr(relpartbound, oid) FROM pg_class "
            "WHERE relname = 'measurement_2026_11'",
        )
    )


def test_f40_two_maintenances_and_writers_at_once_lose_nothing(
    settings: Settings, writer_url: str, database_url: str
) -> None:
    windows = [at(2026, month, day) for month in (10, 11, 12) for day in range(1, 11)]
    count = write(writer_url, *windows[::3])
    start = threading.Barrier(4, timeout=60)

    def write_some(number: int) -> None:
        start.wait()
        write(writer_url, *windows[number::2])

    def maintain_once() -> None:
        start.wait()
        maintain(settings, now=NOW, months_ahead=1)

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(write_some, n) for n in (0, 1)]
        work += [pool.submit(maintain_once) for _ in range(2)]
        for done in work:
            done.result(60)
    maintain(settings, now=NOW, months_ahead=1)
    found = partitions(database_url)
    assert found.pop("measurement_default") == 0
    assert found == {f"measurement_2026_{month}": 10 * count for month in (10, 11, 12)}


def test_f40_rerun_during_the_move_replaces_the_moved_rows(
    settings: Settings, writer_url: str, database_url: str
) -> None:
    count = write(writer_url, at(2026, 11))
    gate = Gate(database_url)
    gate.after_ddl("CREATE TABLE")
    with ThreadPoolExecutor(3) as pool:
        maintenance = pool.submit(maintain, settings, now=NOW, months_ahead=0)
        gate.wait_for(1)  # it is about to move the rows
        rerun = pool.submit(write, writer_url, at(2026, 11))
        gate.wait_for(2)
        reader = pool.submit(rows, database_url, "SELECT count(*) FROM measurement")
        gate.wait_for(3)
        gate.open()
        assert maintenance.result(60).partitions_created == 1
        rerun.result(60)
        assert reader.result(60) == [(count,)]
    assert partitions(database_url) == {"measurement_2026_11": count, "measurement_default": 0}


# --- retention ------------------------------------------------------------------------------------
def test_f40_retention_drops_whole_months_and_their_evaluations(
    settings: Settings, writer_url: str, database_url: str
) -> None:
    old = (at(2026, 7, 3), at(2026, 8, 31))
    kept = (at(2026, 9, 1), at(2026, 11, 20))
    write(writer_url, *old, *kept)
    PostgresSink(writer_url).record_error("other", old[0], "a", NOW, "failed")
    maintain(settings, now=NOW, months_ahead=0)
    summary = maintain(settings, now=NOW, retention=timedelta(days=60), months_ahead=0)
    assert summary == MaintenanceSummary(partitions_dropped=2, evaluations_deleted=2)
    assert list(partitions(database_url)) == [
        "measurement_2026_09",
        "measurement_2026_11",
        "measurement_default",
    ]
    starts = [window.start for window in kept]
    for table in ("evaluation", "evaluation_attempt", "measurement"):
        found = rows(database_url, f"SELECT DISTINCT window_start FROM {table} ORDER BY 1")
        assert [start for (start,) in found] == starts, table
    leftovers = rows(database_url, "SELECT to_regclass('measurement_2026_07')")
    assert leftovers == [(None,)]


def test_f40_retention_reaches_old_rows_of_the_default_partition(
    settings: Settings, writer_url: str, database_url: str
) -> None:
    count = write(writer_url, at(2020, 1), at(2026, 11))
    summary = maintain(settings, now=NOW, retention=timedelta(days=365), months_ahead=0)
    assert summary.evaluations_deleted == 1
    assert summary.partitions_dropped == 0
    assert partitions(database_url) == {"measurement_2026_11": count, "measurement_default": 0}


def test_without_retention_nothing_is_deleted(
    settings: Settings, writer_url: str, database_url: str
) -> None:
    write(writer_url, at(1999, 1))
    maintain(settings, now=NOW)
    assert rows(database_url, "SELECT count(*) FROM evaluation") == [(1,)]


# --- gauges ---------------------------------------------------------------------------------------
def test_f45_gauges_of_a_removed_monitor_are_deleted(
    settings: Settings, writer_url: str, pushgateway_url: str
) -> None:
    sink = PushgatewaySink(pushgateway_url)
    for name in ("kept", "removed_from_database", "removed_from_store"):
        sink.write(make_evaluation(monitor=name))
    PostgresSink(writer_url).write(make_evaluation(monitor="kept"))
    PostgresSink(writer_url).write(make_evaluation(monitor="removed_from_database"))
    ReportStore.open(settings.report_store).put(make_evaluation(monitor="removed_from_store"), None)
    summary = maintain(
        changed(settings, pushgateway_url=pushgateway_url), now=NOW, monitors=["kept"]
    )
    assert summary.removed_monitors == ("removed_from_database", "removed_from_store")
    shown = {dict(labels).get("monitor") for _, labels in scrape(pushgateway_url)}
    assert "kept" in shown
    assert not shown & {"removed_from_database", "removed_from_store"}


def test_f45_removed_monitor_is_noted_until_its_file_or_a_result_is_back(
    settings: Settings, writer_url: str, database_url: str
) -> None:
    def removed() -> set[str]:
        return {name for (name,) in rows(database_url, "SELECT monitor FROM removed_monitor")}

    sink = PostgresSink(writer_url)
    for name in ("kept", "renamed", "retired"):
        sink.write(make_evaluation(monitor=name))
    maintain(settings, now=NOW)
    assert removed() == set()
    maintain(settings, now=NOW, monitors=["kept"])
    assert removed() == {"renamed", "retired"}
    maintain(settings, now=NOW, monitors=["kept", "renamed"])
    assert removed() == {"retired"}
    sink.write(make_evaluation(monitor="retired", window=day(1)))
    assert removed() == set()


@pytest.mark.parametrize("monitors", [None, ()])
def test_f45_no_gauge_is_deleted_while_the_monitors_are_unknown(
    settings: Settings, writer_url: str, tmp_path: Path, monitors: tuple[str, ...] | None
) -> None:
    PostgresSink(writer_url).write(make_evaluation())
    TextfileSink(tmp_path / "gauges.prom").write(make_evaluation())
    local = changed(settings, textfile=tmp_path / "gauges.prom")
    assert maintain(local, now=NOW, monitors=monitors).removed_monitors == ()
    assert len(list(tmp_path.glob("*.prom"))) == 1


def test_f45_textfiles_of_a_removed_monitor_are_deleted(
    settings: Settings, writer_url: str, tmp_path: Path
) -> None:
    for name in ("kept", "removed"):
        TextfileSink(tmp_path / "gauges.prom").write(make_evaluation(monitor=name))
        PostgresSink(writer_url).write(make_evaluation(monitor=name))
    local = changed(settings, textfile=tmp_path / "gauges.prom")
    maintain(local, now=NOW, monitors={"kept"})
    assert [path.name for path in tmp_path.glob("*.prom")] == ["gauges.kept.prom"]


# --- the report store -----------------------------------------------------------------------------
def test_f59_orphan_reports_are_swept(settings: Settings) -> None:
    store = ReportStore.open(settings.report_store)
    stored = store.put(make_evaluation(), "<html></html>")
    folder = Path(store.location("wine_quality", stored.window))
    (folder / "report-orphan.html").write_text("left by a killed writer")
    later = datetime.now(UTC) + timedelta(days=2)  # files bear the time of the machine
    assert maintain(settings, now=later).orphans_removed == 1
    assert store.report_html("wine_quality", stored.window) == "<html></html>"


def test_drafts_go_a_month_after_they_were_made_and_nothing_else(settings: Settings) -> None:
    store = ReportStore.open(settings.report_store)
    drafted = ReportStore.open(drafts(settings.report_store))
    for place in (store, drafted):
        place.put(make_evaluation(), "<html></html>")
    today = datetime.now(UTC)  # files bear the time of the machine
    assert maintain(settings, now=today + timedelta(days=29)).drafts_deleted == 0
    assert drafted.windows("wine_quality") == [make_evaluation().window]
    assert maintain(settings, now=today + timedelta(days=31)).drafts_deleted == 1
    assert drafted.windows("wine_quality") == []
    assert store.windows("wine_quality") == [make_evaluation().window]


def test_drafts_are_no_monitor_of_the_store(settings: Settings) -> None:
    store = ReportStore.open(settings.report_store)
    ReportStore.open(drafts(settings.report_store)).put(make_evaluation(), None)
    assert store.monitors() == []
    assert store.windows("wine_quality") == []


def test_reports_leave_the_store_only_by_their_own_retention(settings: Settings) -> None:
    store = ReportStore.open(settings.report_store)
    for window in (at(2026, 1), at(2026, 11)):
        store.put(make_evaluation(window=window), None)
    assert maintain(settings, now=NOW, retention=timedelta(days=90)).reports_deleted == 0
    assert maintain(settings, now=NOW, report_retention=timedelta(days=90)).reports_deleted == 1
    assert store.windows("wine_quality") == [at(2026, 11)]


# --- failures -------------------------------------------------------------------------------------
def test_f34_database_that_is_down_keeps_the_reports_from_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    store = ReportStore.open(settings.report_store)
    store.put(make_evaluation(window=at(2026, 1)), None)
    down = changed(settings, database_url="postgresql://writer@127.0.0.1:1/results")
    with pytest.raises(DatabaseUnavailable):
        maintain(down, now=NOW, report_retention=timedelta(days=90))
    assert store.windows("wine_quality") == []


def test_f42_all_failures_are_named(settings: Settings, empty_database_url: str) -> None:
    ReportStore.open(settings.report_store).put(make_evaluation(), None)
    broken = changed(settings, database_url=None, pushgateway_url=CLOSED)
    with pytest.raises(GatewayUnavailable):
        maintain(broken, now=NOW, monitors=["other"])
    worse = changed(
        settings, database_url="postgresql://writer@127.0.0.1:1/results", pushgateway_url=CLOSED
    )
    with pytest.raises(SinksFailed) as caught:
        maintain(worse, now=NOW, monitors=["other"])
    assert set(caught.value.errors) == {"monitors", "partitions", "gauges"}


def test_f38_database_without_the_schema_is_refused(
    settings: Settings, empty_database_url: str
) -> None:
    with pytest.raises(SchemaMismatch, match="run monitoring-jobs migrate"):
        maintain(changed(settings, database_url=empty_database_url), now=NOW)
