"""A reference of files is read once; from then on it is known without being opened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from monitoring_jobs.data import identity, sources
from monitoring_jobs.data.dataset import ColumnKind, Dataset
from monitoring_jobs.data.sources import open_reference
from monitoring_jobs.errors import ReferenceMissing, SourceUnavailable
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import MonitorSpec
from tests.unit.data.conftest import DAY

TABLE = pa.table({"x": [1.0, 2.0, None], "region": ["a", "b", "a"]})
pytestmark = pytest.mark.usefixtures("settled")


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rely on files at once, as if they had been written a while ago."""
    monkeypatch.setattr(identity, "SETTLED_SECONDS", -1.0)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes each time that a source is opened for real."""
    notes: list[str] = []
    real = sources._open_place

    def note(source: object, *args: object, **kwargs: object) -> Dataset:
        notes.append(type(source).__name__)
        return real(source, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(sources, "_open_place", note)
    return notes


@pytest.fixture(params=["parquet", "csv"])
def reference(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Dataset]:
    path = tmp_path / f"reference.{request.param}"
    write = pq.write_table if request.param == "parquet" else pyarrow.csv.write_csv
    write(TABLE, path)
    spec = MonitorSpec.model_validate(
        {
            "name": "wine",
            "data": {"source": "parquet", "path": "log.parquet", "timestamp": "ts"},
            "reference": {"source": request.param, "path": path.name},
        }
    ).located_in(tmp_path)

    def again(**settings: object) -> Dataset:
        loaded = Settings.load(**{"cache_dir": tmp_path / "cache", **settings})
        return open_reference(spec, DAY, settings=loaded, download=None)

    return again


def described(dataset: Dataset) -> tuple[object, ...]:
    with dataset:
        known = dataset.identity, dataset.rows, dict(dataset.columns), dataset.partition_columns
        return (*known, dict(dataset.left_out))


def test_a_known_reference_is_described_without_being_opened(
    reference: Callable[[], Dataset], opened: list[str]
) -> None:
    first = described(reference())
    assert opened == ["FileSource"]
    assert described(reference()) == first
    assert opened == ["FileSource"]


def test_a_column_that_is_not_kept_opens_it_once(
    reference: Callable[[], Dataset], opened: list[str]
) -> None:
    with reference() as first:
        expected = first.read("x", ColumnKind.NUMERICAL)
    with reference() as known:
        for _ in range(3):
            assert known.read("x", ColumnKind.NUMERICAL).equals(expected)
        assert known.sample(["region"], 10, 0)["region"].to_pylist() == ["a", "b", "a"]
    assert len(opened) == 2


def test_a_reference_that_is_written_anew_is_another(
    reference: Callable[[], Dataset], tmp_path: Path
) -> None:
    before = described(reference())
    for path in tmp_path.glob("reference.*"):
        write = pq.write_table if path.suffix == ".parquet" else pyarrow.csv.write_csv
        write(TABLE.slice(0, 2), path)
    after = described(reference())
    assert after[1] == 2
    assert after[0] != before[0]


def test_a_reference_that_changes_before_it_is_read_is_refused(
    reference: Callable[[], Dataset], tmp_path: Path
) -> None:
    described(reference())
    with reference() as known:
        for path in tmp_path.glob("reference.*"):
            write = pq.write_table if path.suffix == ".parquet" else pyarrow.csv.write_csv
            write(TABLE.slice(0, 2), path)
        with pytest.raises(SourceUnavailable, match="changed while"):
            known.read("x", ColumnKind.NUMERICAL)


def test_a_file_that_joins_a_folder_later_is_not_mixed_in(tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    folder.mkdir()
    pq.write_table(TABLE, folder / "a.parquet")
    spec = MonitorSpec.model_validate(
        {
            "name": "wine",
            "data": {"source": "parquet", "path": "log.parquet", "timestamp": "ts"},
            "reference": {"source": "parquet", "path": "reference"},
        }
    ).located_in(tmp_path)
    settings = Settings.load(cache_dir=tmp_path / "cache")
    first = described(open_reference(spec, DAY, settings=settings, download=None))
    with open_reference(spec, DAY, settings=settings, download=None) as known:
        pq.write_table(TABLE, folder / "b.parquet")
        assert known.identity == first[0]
        assert len(known.read("x", ColumnKind.NUMERICAL)) == first[1] == 3
    assert described(open_reference(spec, DAY, settings=settings, download=None))[1] == 6


def test_a_reference_that_is_gone_is_missed_although_it_is_known(
    reference: Callable[[], Dataset], tmp_path: Path
) -> None:
    described(reference())
    for path in tmp_path.glob("reference.*"):
        path.unlink()
    with pytest.raises(ReferenceMissing, match="reference"):
        reference()


@pytest.mark.parametrize("damage", ["", "{", "[1, 2, 3, 4]", '["id", 3, [["x", "kind"]], []]'])
def test_a_damaged_description_is_written_anew(
    reference: Callable[[], Dataset],
    opened: list[str],
    tmp_path: Path,
    damage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = described(reference())
    (path,) = (tmp_path / "cache").rglob("*.json")
    path.write_text(damage)
    assert described(reference()) == first
    assert "read again" in caplog.text
    assert len(opened) == 2
    assert json.loads(path.read_text())[1] == 3


def test_without_a_cache_nothing_is_kept(
    reference: Callable[..., Dataset], opened: list[str], tmp_path: Path
) -> None:
    for _ in range(2):
        described(reference(cache_mb=0))
    assert len(opened) == 2
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_costs_time_only(
    reference: Callable[..., Dataset], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert described(reference(cache_dir=tmp_path / "file"))[1] == 3
    assert "cannot be kept" in caplog.text
