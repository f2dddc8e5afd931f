"""A reference is read once, however many windows are compared with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from monitoring_jobs import evaluate
from monitoring_jobs.data import identity
from monitoring_jobs.data.parquet_file import ParquetFile
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.results import Evaluation
from monitoring_jobs.settings import Settings
from monitoring_jobs.windows import Window
from tests.fixtures.monitors import DAY, MonitorFactory, sample

DAYS = [
    Window(DAY.start + n * timedelta(days=1), DAY.end + n * timedelta(days=1)) for n in range(9)
]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """Counts how often each column of each file is read."""
    counted: Counter[tuple[str, str]] = Counter()
    real = ParquetFile.read

    def count(self: ParquetFile, groups: Sequence[int], name: str) -> Iterator[pa.ChunkedArray]:
        counted[Path(self.file.path).name, name] += 1
        return real(self, groups, name)

    monkeypatch.setattr(ParquetFile, "read", count)
    # Rely on the files at once, as if they had been written a while ago.
    monkeypatch.setattr(identity, "SETTLED_SECONDS", -1.0)
    return counted


def judge(path: Path, window: Window, folder: Path, *, cache_mb: int = 100) -> Evaluation:
    settings = Settings.load(
        report_store=str(folder / "store"), cache_dir=folder / "cache", cache_mb=cache_mb
    )
    return evaluate(load_monitor(path), window, settings, report=False)


@pytest.mark.parametrize("segments", [None, ["region"]])
def test_windows_of_one_reference_read_it_once(
    make_monitor: MonitorFactory,
    reads: Counter[tuple[str, str]],
    tmp_path: Path,
    segments: list[str] | None,
) -> None:
    path = make_monitor(current=sample(3600, days=len(DAYS)), segments=segments)
    found = [judge(path, window, tmp_path) for window in DAYS]
    of_reference = {name: count for (file, name), count in reads.items() if "reference" in file}
    # A segment column is read once as such and once as a column.
    assert of_reference.keys() == {"alcohol", "malic_acid", "region"}
    assert set(of_reference.values()) <= {1, 2}
    assert of_reference["alcohol"] == 1
    for window, evaluation in zip(DAYS, found, strict=True):
        assert evaluation.rows.current == 400
        again = judge(path, window, tmp_path, cache_mb=0)
        assert again.measurements == evaluation.measurements
        assert again.reference_id == evaluation.reference_id


def test_the_segments_of_a_column_come_from_one_read(
    make_monitor: MonitorFactory, reads: Counter[tuple[str, str]], tmp_path: Path
) -> None:
    path = make_monitor(segments=["region", "label"])
    evaluation = judge(path, DAY, tmp_path, cache_mb=0)
    assert len({m.segment for m in evaluation.measurements}) == 1 + 3 + 2
    assert reads["log.parquet", "alcohol"] == 1
    assert reads["reference.parquet", "alcohol"] == 1


def test_an_error_leaves_the_columns_that_wait(
    make_monitor: MonitorFactory, reads: Counter[tuple[str, str]], tmp_path: Path
) -> None:
    table = sample(400, seed=1)
    for number in range(40):
        table = table.append_column(f"x{number}", table["alcohol"])
    columns = {"numerical": [f"x{number}" for number in range(40)], "categorical": []}
    path = make_monitor(current=table, reference=table, columns=columns)
    settings = Settings.load(
        report_store=str(tmp_path / "store"), cache_dir=tmp_path / "cache", threads=1
    )

    def stop(done: int, _columns: int, _name: str) -> None:
        raise KeyboardInterrupt if done == 1 else AssertionError

    with pytest.raises(KeyboardInterrupt):
        evaluate(load_monitor(path), DAY, settings, report=False, progress=stop)
    assert len({name for _, name in reads if name.startswith("x")}) < 40
