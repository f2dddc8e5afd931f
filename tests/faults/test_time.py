"""F19-F25 as a person meets them: naive times, changing clocks, empty windows, late rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.fixtures.command_line import Cli
from tests.fixtures.monitors import DAY, MonitorFactory, sample
from tests.fixtures.postgres import libpq

DAY_ARGS = ("--start", "2026-11-20", "--end", "2026-11-21", "--no-report")


def naive(table: pa.Table) -> pa.Table:
    wall = table["ts"].cast(pa.timestamp("us"))
    return table.set_column(0, "ts", wall)


def numbers_of(out: str) -> dict[str, Any]:
    line = next(line for line in out.splitlines() if line.startswith("numbers: "))
    numbers: dict[str, Any] = json.loads(Path(line.removeprefix("numbers: ")).read_text("utf-8"))
    return numbers


def test_f19_naive_timestamps_without_a_zone_are_refused(
    cli: Cli, make_monitor: MonitorFactory
) -> None:
    code, _, err = cli("evaluate", make_monitor(current=naive(sample(400))), *DAY_ARGS)
    assert code == 1
    assert err.count("\n") == 1
    assert "timezone" in err


def test_f19_naive_timestamps_are_read_in_their_zone(
    cli: Cli, make_monitor: MonitorFactory
) -> None:
    data = {
        "source": "parquet",
        "path": "data/wine_quality/log.parquet",
        "timestamp": "ts",
        "timezone": "Europe/Berlin",
    }
    path = make_monitor(current=naive(sample(2400)), data=data)
    _, out, _ = cli("evaluate", path, *DAY_ARGS)
    # 00:00 to 23:59 of Berlin is 23:00 to 22:59 in UTC: the first hour lies before the window.
    assert numbers_of(out)["rows"]["current"] == 2300


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
    ],
)
def test_f20_a_day_of_changing_clocks_misses_and_repeats_no_row(
    cli: Cli, make_monitor: MonitorFactory, zone: str, day: str, hours: float
) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    start = (midnight - timedelta(days=1)).astimezone(UTC)
    per_hour = 20
    log = sample(72 * per_hour, start=start, days=3)
    path = make_monitor(current=log, timezone=zone)
    counts = []
    for number in (-1, 0, 1):
        first = (midnight + timedelta(days=number)).date()
        code, out, _ = cli(
            "evaluate", path, "--start", first, "--end", first + timedelta(days=1), "--no-report"
        )
        assert code == 0
        counts.append(numbers_of(out)["rows"]["current"])
    assert counts[0] == 24 * per_hour
    assert counts[1] == hours * per_hour
    # Three times 24 hours of rows: what the odd day is short of, or has too much, is the last's.
    assert counts[2] == min(24, 48 - hours) * per_hour


@pytest.mark.parametrize(
    "instants",
    [
        ("--start", "2026-11-21", "--end", "2026-11-20"),
        ("--start", "2026-11-20", "--end", "2026-11-20"),
        ("--start", "2026-11-20"),
        ("--end", "2026-11-20"),
    ],
)
def test_f21_a_window_without_time_is_refused_before_any_read(
    cli: Cli, make_monitor: MonitorFactory, tmp_path: Path, instants: tuple[str, ...]
) -> None:
    path = make_monitor()
    (path.parent / "data/wine_quality/log.parquet").write_bytes(b"not parquet")
    code, out, err = cli("evaluate", path, *instants)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert not (tmp_path / "reports").exists()


def test_f22_the_boundary_of_the_last_window_is_the_schedules_not_now(
    cli: Cli, make_monitor: MonitorFactory
) -> None:
    _, out, _ = cli("evaluate", make_monitor(schedule="0 6 * * 1"), "--no-report")
    window = numbers_of(out)["window"]
    start, end = (datetime.fromisoformat(window[key]) for key in ("start", "end"))
    assert (start.weekday(), start.hour, start.minute) == (0, 6, 0)
    assert end - start == timedelta(days=7)


def test_f23_late_rows_replace_the_earlier_result(
    cli: Cli,
    make_monitor: MonitorFactory,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MONITORING_DATABASE_URL", database_url)
    path = make_monitor(current=sample(300, seed=1))
    assert cli("run", path, *DAY_ARGS)[0] == 0
    pq.write_table(sample(420, seed=1), path.parent / "data/wine_quality/log.parquet")
    assert cli("run", path, *DAY_ARGS)[0] == 0
    with psycopg2.connect(libpq(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT window_start, rows_current FROM monitoring.evaluation")
        assert cursor.fetchall() == [(DAY.start, 420)]
        cursor.execute("SELECT outcome, count(*) FROM monitoring.evaluation_attempt GROUP BY 1")
        assert cursor.fetchall() == [("written", 2)]
    connection.close()


def test_f24_rows_of_the_future_are_left_out(cli: Cli, make_monitor: MonitorFactory) -> None:
    log = pa.concat_tables([sample(300), sample(50, start=datetime(2099, 1, 1, tzinfo=UTC))])
    _, out, _ = cli("evaluate", make_monitor(current=log), *DAY_ARGS)
    assert numbers_of(out)["rows"]["current"] == 300


def test_f25_a_row_at_the_end_belongs_to_the_next_window(
    cli: Cli, make_monitor: MonitorFactory
) -> None:
    path = make_monitor(current=pa.concat_tables([sample(300), sample(1, start=DAY.end)]))
    _, out, _ = cli("evaluate", path, *DAY_ARGS)
    assert numbers_of(out)["rows"]["current"] == 300
    _, out, _ = cli("evaluate", path, "--start", "2026-11-21", "--end", "2026-11-22", "--no-report")
    assert numbers_of(out)["rows"]["current"] == 1
