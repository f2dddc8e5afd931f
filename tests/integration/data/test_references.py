from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.data.dataset import ColumnKind, Dataset
from monitoring_jobs.data.sources import (
    open_dataset,
    open_reference,
    reads_csv,
    trailing_window,
)
from monitoring_jobs.errors import ForbiddenSource, ReferenceMissing, TrackingRefused
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import MonitorSpec, TrailingSource
from monitoring_jobs.windows import Window

NUMERICAL = ColumnKind.NUMERICAL
DAY = Window(datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC))
Open = Callable[..., Dataset]


def monitor(folder: Path, **keys: Any) -> MonitorSpec:
    data = {"source": "parquet", "path": "log.parquet", "timestamp": "ts"}
    spec = MonitorSpec.model_validate({"name": "wine_quality", "data": data} | keys)
    return spec.located_in(folder)


@pytest.fixture
def reference(tmp_path: Path) -> Iterator[Open]:
    opened: list[Dataset] = []

    def open_it(source: dict[str, Any], *, download: Any = None, url: str = "", **keys: Any) -> Any:
        spec = monitor(tmp_path, reference=source, **keys)
        settings = Settings.load(connections={"logs": url} if url else {})
        opened.append(open_reference(spec, DAY, settings=settings, download=download))
        return opened[-1]

    yield open_it
    for dataset in opened:
        dataset.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Ten days of hourly rows, the window under test the last but one; x is the day's number."""
    times = [datetime(2026, 11, 12, tzinfo=UTC) + timedelta(hours=n) for n in range(240)]
    table = pa.table({"ts": times, "x": [float(t.day) for t in times]})
    pq.write_table(table, tmp_path / "log.parquet", row_group_size=50)
    return tmp_path / "log.parquet"


def days(dataset: Dataset) -> set[float]:
    return set(dataset.read("x", NUMERICAL).to_pylist())


def test_a_trailing_reference_ends_before_the_window_under_test(log: Path, reference: Open) -> None:
    assert days(reference({"source": "trailing", "windows": 3})) == {17.0, 18.0, 19.0}
    assert days(reference({"source": "trailing", "windows": 2, "skip": 1})) == {17.0, 18.0}
    assert days(reference({"source": "trailing", "windows": 1}, window="2d")) == {18.0, 19.0}


@given(
    windows=st.integers(1, 40),
    skip=st.integers(0, 10),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    length=st.sampled_from([None, "6h", "1d", "1w"]),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
)
def test_no_row_of_the_window_is_in_its_trailing_reference(
    windows: int, skip: int, zone: str, length: str | None, start: datetime
) -> None:
    source = TrailingSource(source="trailing", windows=windows, skip=skip)
    keys = {"reference": {"source": "trailing"}, "timezone": zone, "window": length}
    spec = monitor(Path("/"), **keys)
    under_test = Window(spec.boundaries.at_or_before(start), spec.boundaries.following(start))
    earlier = trailing_window(spec, source, under_test)
    assert earlier.end <= under_test.start
    assert (earlier.end == under_test.start) == (skip == 0)


def test_a_file_is_read_whole_from_the_monitors_folder(log: Path, reference: Open) -> None:
    assert reference({"source": "parquet", "path": "log.parquet"}).rows == 240


def test_a_reference_query_may_speak_of_the_window_under_test(
    log: Path, reference: Open, tmp_path: Path
) -> None:
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute("CREATE TABLE log (ts TEXT, x REAL)")
    rows = [(f"2026-11-{day:02d} 12:00:00", day) for day in range(10, 30)]
    connection.executemany("INSERT INTO log VALUES (?, ?)", rows)
    connection.commit()
    connection.close()
    query = "SELECT x FROM log WHERE ts < :start"
    source = {"source": "sql", "connection": "logs", "query": query}
    dataset = reference(source, url=f"sqlite:///{tmp_path / 'log.db'}")
    assert days(dataset) == set(map(float, range(10, 20)))


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_an_artifact_is_downloaded_and_removed_after_use(
    log: Path, reference: Open, suffix: str
) -> None:
    fetched: list[Path] = []

    def download(path: str, folder: Path) -> Path:
        fetched.append(folder / Path(path).name)
        table = pa.table({"x": [1.0, 2.0]})
        if suffix == "csv":
            fetched[-1].write_text("x\n1\n2\n")
        else:
            pq.write_table(table, fetched[-1])
        return fetched[-1]

    source = {"source": "mlflow_artifact", "path": f"data/reference.{suffix}", "run_id": "0" * 32}
    dataset = reference(source, download=download)
    assert dataset.read("x", NUMERICAL).to_pylist() == [1.0, 2.0]
    assert len(dataset.identity) == 32
    dataset.close()
    assert not fetched[0].exists()


def test_f56_a_file_of_another_kind_is_refused_whatever_was_asked_for(
    log: Path, reference: Open
) -> None:
    def download(path: str, folder: Path) -> Path:
        (folder / "model.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
        return folder / "model.pkl"

    source = {"source": "mlflow_artifact", "path": "reference.parquet", "run_id": "0" * 32}
    with pytest.raises(ForbiddenSource, match=r"'model\.pkl': only parquet and csv"):
        reference(source, download=download)


@pytest.mark.parametrize(
    "source",
    [
        {"source": "parquet", "path": "absent.parquet"},
        {"source": "csv", "path": "absent.csv"},
        {"source": "parquet", "path": "empty.parquet"},
        {"source": "parquet", "path": "empty/"},
        {"source": "parquet", "path": "none-*.parquet"},
        {"source": "csv", "path": "header.csv"},
        {"source": "trailing", "windows": 3, "skip": 100},
        {"source": "mlflow_artifact", "path": "reference.parquet", "run_id": "0" * 32},
        {"source": "sql", "connection": "logs", "table": "absent"},
    ],
)
def test_f03_a_reference_that_is_missing_or_empty_names_the_monitor(
    log: Path, reference: Open, tmp_path: Path, source: dict[str, Any]
) -> None:
    pq.write_table(pa.table({"x": pa.array([], pa.float64())}), tmp_path / "empty.parquet")
    (tmp_path / "empty").mkdir()
    (tmp_path / "header.csv").write_text("x,y\n")

    def download(path: str, folder: Path) -> Path:
        raise TrackingRefused(f"artifact {path!r} is not among the run's files")

    with pytest.raises(ReferenceMissing, match="monitor 'wine_quality': the reference"):
        reference(source, download=download, url="sqlite://")


def test_a_reference_of_a_bad_monitor_leaves_no_temporary_files(
    log: Path, reference: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    (tmp_path / "header.csv").write_text("x,y\n")
    for path in ("header.csv", "absent.csv"):
        with pytest.raises(ReferenceMissing):
            reference({"source": "csv", "path": path})
    assert not list(scratch.iterdir())


def test_a_window_and_its_reference_share_labels_whatever_the_number_type(tmp_path: Path) -> None:
    pq.write_table(pa.table({"k": [1, 2, 3]}), tmp_path / "current.parquet")
    pq.write_table(pa.table({"k": [1.0, None, 3.0]}), tmp_path / "reference.parquet")
    labels = []
    for name in ("current", "reference"):
        spec = monitor(tmp_path, reference={"source": "parquet", "path": f"{name}.parquet"})
        with open_reference(spec, DAY, settings=Settings.load(), download=None) as dataset:
            labels.append(set(dataset.read("k", ColumnKind.CATEGORICAL).to_pylist()) - {None})
    assert labels == [{"1", "2", "3"}, {"1", "3"}]


@pytest.mark.parametrize("kind", ["csv", "mlflow_artifact", "trailing", "parquet", "sql"])
def test_declared_labels_of_every_reference_equal_those_of_a_csv_window(
    tmp_path: Path, kind: str
) -> None:
    header, day = "ts,k,x\n", "2026-11-{:02d}T12:00:00Z,{},1\n"
    (tmp_path / "log.csv").write_text(
        header + day.format(19, "3.0") + day.format(19, "4") + day.format(20, "3")
    )
    (tmp_path / "artifact.csv").write_text("k,x\n3.0,1\n4,1\n")
    pq.write_table(pa.table({"k": [3, 4], "x": [1, 1]}), tmp_path / "reference.parquet")
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection, connection:
        connection.execute("CREATE TABLE log (k INTEGER, x REAL)")
        connection.execute("INSERT INTO log VALUES (3, 1), (4, 1)")
    sources: dict[str, dict[str, Any]] = {
        "csv": {"path": "artifact.csv"},
        "mlflow_artifact": {"path": "artifact.csv", "run_id": "0" * 32},
        "trailing": {"windows": 1},
        "parquet": {"path": "reference.parquet"},
        "sql": {"connection": "logs", "table": "log"},
    }

    def download(path: str, folder: Path) -> Path:
        return Path(shutil.copy(tmp_path / path, folder))

    spec = monitor(
        tmp_path,
        reference={"source": kind, **sources[kind]},
        data={"source": "csv", "path": "log.csv", "timestamp": "ts"},
    )
    settings = Settings.load(connections={"logs": f"sqlite:///{tmp_path / 'log.db'}"})
    with (
        open_dataset(spec.data, DAY, folder=tmp_path, settings=settings, labels={"k"}) as current,
        open_reference(spec, DAY, settings=settings, download=download, labels={"k"}) as reference,
    ):
        assert current.columns["k"] is reference.columns["k"] is ColumnKind.CATEGORICAL
        assert current.read("k", ColumnKind.CATEGORICAL).to_pylist() == ["3"]
        assert reference.read("k", ColumnKind.CATEGORICAL).to_pylist() == ["3", "4"]
        assert reference.columns["x"] is NUMERICAL


@pytest.mark.parametrize(
    ("data", "reference", "expected"),
    [
        ("parquet", {"source": "parquet", "path": "a.parquet"}, False),
        ("parquet", {"source": "trailing"}, False),
        ("csv", {"source": "trailing"}, True),
        ("csv", {"source": "parquet", "path": "a.parquet"}, True),
        ("parquet", {"source": "csv", "path": "a.txt"}, True),
        ("parquet", {"source": "mlflow_artifact", "path": "a.CSV", "run_id": "0" * 32}, True),
        ("parquet", {"source": "mlflow_artifact", "path": "a.parquet", "run_id": "0" * 32}, False),
    ],
)
def test_a_monitor_reads_csv_where_data_or_reference_is(
    data: str, reference: dict[str, Any], expected: bool
) -> None:
    source = {"source": data, "path": "log", "timestamp": "ts"}
    assert reads_csv(monitor(Path("/"), data=source, reference=reference)) is expected


def test_open_dataset_is_a_context_manager(log: Path, tmp_path: Path) -> None:
    spec = monitor(tmp_path, reference={"source": "trailing"})
    with open_dataset(spec.data, DAY, folder=tmp_path, settings=Settings.load()) as dataset:
        assert dataset.rows == 24
