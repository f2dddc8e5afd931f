"""The benchmark's sections that need services run at tiny sizes, against real ones."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks import backfill, dashboards, extraction, publishing, reading
from tests.benchmarks.trials import Row, Trial


def quietly(_trial: Trial, _number: int) -> None:
    """Announce nothing."""


def assert_measured(rows: list[Row], *expected: str) -> None:
    assert [row.failures for row in rows if row.failures] == []
    assert set(expected) <= {row.what for row in rows}
    assert all(row.seconds > 0 for row in rows)


def test_a_backfill_is_measured_beside_cold_evaluations(tmp_path: Path) -> None:
    section = backfill.Backfill(
        bench=tmp_path, days=2, rows=1_000, rows_a_day=200, columns=3, rounds=1
    )
    assert_measured(section.measure(quietly), backfill.BACKFILL, backfill.COLD_EACH)


def test_reading_from_postgres_is_measured_beside_pandas(tmp_path: Path) -> None:
    section = reading.Reading(bench=tmp_path, rows=1_000, columns=3, rounds=1)
    assert_measured(section.measure(quietly), reading.COPY, reading.PANDAS)


def test_extraction_is_measured_beside_paging(tmp_path: Path) -> None:
    rows = extraction.Extraction(bench=tmp_path, runs=200, rounds=1).measure(quietly)
    assert_measured(rows, extraction.FULL, extraction.PAGING, extraction.INCREMENTAL)
    assert [row.rows for row in rows] == [200, 200, 2]


def test_publishing_is_measured_beside_bare_copy() -> None:
    rows = publishing.Publishing(measurements=200, rounds=1).measure(quietly)
    assert_measured(
        rows, publishing.PUBLISH, publishing.REPUBLISH, publishing.COPY, publishing.REPLACE
    )


def test_pushing_is_measured_beside_the_client_library(tmp_path: Path) -> None:
    rows = publishing.Pushing(bench=tmp_path, series=100, rounds=1).measure(quietly)
    assert_measured(rows, publishing.PUSH, publishing.BARE_PUSH)


def test_queries_of_dashboards_are_measured_and_explained(tmp_path: Path) -> None:
    section = dashboards.Dashboards(plans=tmp_path, monitors=3, days=35, columns=5, rounds=1)
    rows = section.measure(quietly)
    assert_measured([row for row in rows if row.costs], dashboards.WRITE, "fleet overview")
    sizes = [row.note for row in rows if not row.costs]
    assert len(sizes) == 2
    assert all(name in text for name in dashboards.INDEXES for text in sizes)
    plans = [path.read_text() for path in tmp_path.glob("*.txt")]
    assert len(plans) == len([row for row in rows if row.costs and not row.note])
    assert all("Execution Time" in plan for plan in plans)
