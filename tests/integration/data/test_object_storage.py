from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_jobs.data.dataset import ColumnKind, Dataset
from monitoring_jobs.data.sources import open_dataset
from monitoring_jobs.errors import ForbiddenSource, SourceUnavailable, UnreadableDataset
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import FileSource
from monitoring_jobs.windows import Window
from tests.fixtures.object_storage import Bucket

NUMERICAL, CATEGORICAL = ColumnKind.NUMERICAL, ColumnKind.CATEGORICAL
DAY = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
Open = Callable[..., Dataset]


@pytest.fixture
def open_url(tmp_path: Path) -> Iterator[Open]:
    opened: list[Dataset] = []

    def open_it(
        path: str, window: Window | None = None, roots: tuple[str, ...] = (), **source: Any
    ) -> Dataset:
        spec = FileSource.model_validate({"source": "parquet", "path": path, **source})
        settings = Settings.load(data_roots=roots)
        opened.append(open_dataset(spec, window, folder=tmp_path, settings=settings))
        return opened[-1]

    yield open_it
    for dataset in opened:
        dataset.close()


def parquet(day: datetime, value: float = 1.0) -> bytes:
    times = [day + timedelta(hours=n) for n in range(24)]
    sink = io.BytesIO()
    columns = {"ts": times, "x": np.full(24, value), "c": ["a", "b"] * 12}
    pq.write_table(pa.table(columns), sink, row_group_size=7)
    return sink.getvalue()


def test_a_window_is_read_from_hive_partitions(s3_bucket: Bucket, open_url: Open) -> None:
    for day in range(15, 26):
        start = datetime(2026, 11, day, tzinfo=UTC)
        s3_bucket.put(f"wine/date=2026-11-{day}/part.parquet", parquet(start, day))
    s3_bucket.put("wine/date=2026-11-15/part.parquet", b"broken, and never opened")
    s3_bucket.put("wine/_SUCCESS", b"")
    for path in ("wine", "wine/", "wine/date=*/*.parquet"):
        dataset = open_url(f"{s3_bucket.url}/{path}", DAY, timestamp="ts")
        assert dataset.rows == 24
        assert set(dataset.read("x", NUMERICAL).to_pylist()) == {20.0}
        assert set(dataset.read("date", CATEGORICAL).to_pylist()) == {"2026-11-20"}


def test_identity_in_a_bucket_is_that_of_the_local_file(
    s3_bucket: Bucket, open_url: Open, tmp_path: Path
) -> None:
    content = parquet(DAY.start)
    url = s3_bucket.put("reference.parquet", content)
    (tmp_path / "reference.parquet").write_bytes(content)
    assert open_url(url).identity == open_url("reference.parquet").identity
    assert open_url(url).read("c", CATEGORICAL).to_pylist() == ["a", "b"] * 12


def test_csv_is_read_from_a_bucket(s3_bucket: Bucket, open_url: Open) -> None:
    url = s3_bucket.put("log.csv", b"ts,x\n2026-11-20T00:00:00Z,1\n2026-11-21T00:00:00Z,2\n")
    dataset = open_url(url, DAY, source="csv", timestamp="ts")
    assert dataset.read("x", NUMERICAL).to_pylist() == [1.0]


def test_an_object_written_after_the_first_look_is_found(s3_bucket: Bucket, open_url: Open) -> None:
    assert open_url(f"{s3_bucket.url}/log/", DAY, timestamp="ts").rows == 0
    s3_bucket.put("log/a.parquet", parquet(DAY.start))
    assert open_url(f"{s3_bucket.url}/log/", DAY, timestamp="ts").rows == 24


def test_f17_missing_and_corrupt_objects_name_their_url(s3_bucket: Bucket, open_url: Open) -> None:
    with pytest.raises(UnreadableDataset, match=r"s3://bucket-\d+/absent\.parquet: no such file"):
        open_url(f"{s3_bucket.url}/absent.parquet", DAY, timestamp="ts")
    with pytest.raises(UnreadableDataset, match="no such file or bucket"):
        open_url("s3://no-such-bucket-at-all/log/", DAY, timestamp="ts")
    url = s3_bucket.put("broken.parquet", parquet(DAY.start)[:500])
    with pytest.raises(UnreadableDataset, match=r"broken\.parquet: cannot be read as parquet"):
        open_url(url, DAY, timestamp="ts")


def test_f18_buckets_outside_the_roots_are_refused(s3_bucket: Bucket, open_url: Open) -> None:
    url = s3_bucket.put("in/a.parquet", parquet(DAY.start))
    assert open_url(url, roots=(f"{s3_bucket.url}/in/",)).rows == 24
    for path in (f"{s3_bucket.url}/inside/a.parquet", "s3://other/in/a.parquet", "/etc/a.parquet"):
        with pytest.raises(ForbiddenSource):
            open_url(path, roots=(f"{s3_bucket.url}/in",))


def test_f34_storage_that_is_down_is_transient(
    s3_bucket: Bucket, open_url: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    type(s3_bucket.filesystem).clear_instance_cache()
    with pytest.raises(SourceUnavailable, match="s3://"):
        open_url(f"{s3_bucket.url}/other/a.parquet", DAY, timestamp="ts")
