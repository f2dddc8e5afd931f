"""The mark of a window: the same for every worker, another as soon as its rows are rewritten."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from monitoring_jobs.data.mark import mark_of
from monitoring_jobs.data.sources import open_dataset
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import FileSource
from tests.fixtures.monitors import DAY, sample


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log" / "day=2026-11-20"
    folder.mkdir(parents=True)
    pq.write_table(sample(400), folder / "a.parquet")
    return folder.parent


def mark(log: Path) -> str:
    source = FileSource(source="parquet", path=str(log), timestamp="ts")
    with open_dataset(source, DAY, folder=log, settings=Settings()) as dataset:
        return mark_of(dataset, "parquet")


def test_another_mount_of_the_same_files_bears_the_same_mark(log: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(log, elsewhere)  # keeps the times of writing
    assert mark(elsewhere) == mark(log)


def test_a_file_of_the_same_size_written_later_bears_another(log: Path) -> None:
    before = mark(log)
    file = log / "day=2026-11-20" / "a.parquet"
    found = file.stat()
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    assert mark(log) != before


def test_another_file_of_the_window_changes_the_mark_and_one_beside_it_does_not(log: Path) -> None:
    before = mark(log)
    pq.write_table(sample(50, start=DAY.end), log / "tomorrow.parquet")
    other = log / "day=2026-11-19"
    other.mkdir()
    pq.write_table(sample(50, start=DAY.start - timedelta(days=1)), other / "a.parquet")
    assert mark(log) == before
    pq.write_table(sample(5), log / "late.parquet")
    assert mark(log) != before


def test_a_window_without_files_has_a_mark(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert mark(tmp_path / "none")
