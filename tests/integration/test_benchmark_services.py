"""The benchmark's sections that need services run at tiny sizes, against real ones."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks import backfill, extraction, publishing, reading
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
    rows = extraction.Extraction(bench=tmp_path, runs=200, rounds=2).measure(quietly)
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
