from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_jobs.data.dataset import Dataset
from monitoring_jobs.data.sources import open_dataset
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import FileSource
from monitoring_jobs.windows import Window

Open = Callable[..., Dataset]
DAY = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))


@pytest.fixture
def open_file(tmp_path: Path) -> Any:
    """Opens a path below tmp_path; what it opened is closed after the test."""
    opened: list[Dataset] = []

    def open_it(
        path: str,
        window: Window | None = None,
        *,
        roots: tuple[str, ...] = (),
        labels: Collection[str] = (),
        **source: Any,
    ) -> Dataset:
        spec = FileSource.model_validate({"source": "parquet", "path": path, **source})
        settings = Settings.load(data_roots=roots)
        dataset = open_dataset(spec, window, folder=tmp_path, settings=settings, labels=labels)
        opened.append(dataset)
        return dataset

    yield open_it
    for dataset in opened:
        with closing(dataset):
            pass


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes columns as a parquet file below tmp_path and returns its relative path."""

    def write_it(name: str, columns: dict[str, Any], **options: Any) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path, **options)
        return name

    return write_it
