from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from monitoring_jobs.data.reference import ReferenceCache
from monitoring_jobs.statistics import CategoricalColumn, ColumnStatistics, NumericColumn

REFERENCE = "a" * 32


def numbers(scale: float = 1.0, rows: int = 1000) -> NumericColumn:
    return NumericColumn.from_arrow(pa.array(np.arange(rows) * scale))


def refuse() -> ColumnStatistics:
    raise AssertionError("computed although it is kept")


def get(
    cache: ReferenceCache,
    reference: str,
    column: str,
    kind: str,
    segment: str,
    compute: Callable[[], ColumnStatistics],
) -> ColumnStatistics:
    """Ask for one segment."""
    (found,) = cache.get(reference, column, kind, [segment], lambda: [compute()])
    return found


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_statistics_are_computed_once_and_mapped_from_then_on(tmp_path: Path) -> None:
    labels = pa.array(["b", "a", None, "b", "ü"]).dictionary_encode()
    for kind, column in (
        ("numerical", numbers()),
        ("categorical", CategoricalColumn.from_arrow(labels)),
    ):
        first = get(ReferenceCache(tmp_path, 10**7), REFERENCE, "x", kind, "", lambda c=column: c)
        again = get(ReferenceCache(tmp_path, 10**7), REFERENCE, "x", kind, "", refuse)
        assert first is column
        for name, values in column.to_arrays().items():
            np.testing.assert_array_equal(again.to_arrays()[name], values)


def test_mapped_arrays_cannot_be_changed(tmp_path: Path) -> None:
    cache = ReferenceCache(tmp_path, 10**7)
    get(cache, REFERENCE, "x", "numerical", "", numbers)
    found = get(cache, REFERENCE, "x", "numerical", "", refuse)
    assert isinstance(found, NumericColumn)
    with pytest.raises(ValueError, match="read-only"):
        found.sorted[0] = 7


def test_every_part_of_the_key_counts(tmp_path: Path) -> None:
    cache = ReferenceCache(tmp_path, 10**7)
    keys = [
        (REFERENCE, "x", ""),
        ("b" * 32, "x", ""),
        (REFERENCE, "y", ""),
        (REFERENCE, "x", "region=eu"),
        (REFERENCE, 'x", "', ""),
        (REFERENCE, "../../x\0\ud800", ""),
    ]
    for number, (reference, column, segment) in enumerate(keys):
        get(cache, reference, column, "numerical", segment, lambda n=number: numbers(n + 1.0))
    for number, (reference, column, segment) in enumerate(keys):
        found = get(cache, reference, column, "numerical", segment, refuse)
        assert isinstance(found, NumericColumn)
        assert found.sorted[1] == number + 1.0
    assert all(path.is_relative_to(tmp_path / "references") for path in entries(tmp_path))


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "header", "longer"])
def test_a_damaged_entry_is_computed_again(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache = ReferenceCache(tmp_path, 10**7)
    get(cache, REFERENCE, "x", "numerical", "", numbers)
    (path,) = entries(tmp_path)
    content = bytearray(path.read_bytes())
    flipped = bytearray(content)
    flipped[-100] ^= 1
    path.write_bytes(
        {
            "empty": b"",
            "truncated": content[:-1000],
            "flipped": flipped,
            "header": content[:20] + b"}" + content[21:],
            "longer": content + b"more",
        }[damage]
    )
    again = get(cache, REFERENCE, "x", "numerical", "", numbers)
    np.testing.assert_array_equal(again.to_arrays()["sorted"], np.arange(1000.0))
    assert "computed again" in caplog.text
    get(cache, REFERENCE, "x", "numerical", "", refuse)


def test_the_entry_that_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    cache = ReferenceCache(tmp_path, 100_000)
    for number in range(10):
        get(cache, REFERENCE, f"x{number}", "numerical", "", numbers)
        for path in entries(tmp_path):
            found = path.stat()
            os.utime(path, (found.st_atime, found.st_mtime - 10))
        get(cache, REFERENCE, "x0", "numerical", "", refuse)
    for _ in range(10):
        get(cache, REFERENCE, f"y{_}", "numerical", "", numbers)
        get(cache, REFERENCE, "x0", "numerical", "", refuse)
    get(cache, REFERENCE, "x0", "numerical", "", refuse)
    assert sum(path.stat().st_size for path in entries(tmp_path)) <= 100_000 * 1.1


def test_an_evicted_entry_stays_readable_where_it_is_mapped(tmp_path: Path) -> None:
    cache = ReferenceCache(tmp_path, 20_000)
    get(cache, REFERENCE, "x", "numerical", "", numbers)
    mapped = get(cache, REFERENCE, "x", "numerical", "", refuse)
    for number in range(5):
        get(cache, REFERENCE, f"y{number}", "numerical", "", numbers)
    assert mapped.to_arrays()["sorted"][-1] == 999.0


def test_a_size_of_zero_keeps_nothing(tmp_path: Path) -> None:
    get(ReferenceCache(tmp_path, 0), REFERENCE, "x", "numerical", "", numbers)
    assert not entries(tmp_path)


def test_a_cache_that_cannot_be_written_costs_no_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    found = get(ReferenceCache(tmp_path / "file", 10**7), REFERENCE, "x", "numerical", "", numbers)
    assert found.rows == 1000
    assert "cannot be cached" in caplog.text


def _work(folder: Path, seed: int) -> bool:
    cache = ReferenceCache(folder, 60_000)
    order = np.random.default_rng(seed).integers(0, 12, 150)
    return all(
        get(cache, REFERENCE, f"x{n}", "numerical", "", lambda n=n: numbers(n + 1.0)).to_arrays()[
            "sorted"
        ][1]
        == n + 1.0
        for n in order
    )


def test_processes_share_a_folder_while_entries_come_and_go(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert all(pool.starmap(_work, [(tmp_path, seed) for seed in range(2)]))
    assert not [path for path in entries(tmp_path) if path.suffix == ".tmp"]


def test_segments_that_are_asked_for_together_are_kept_together(tmp_path: Path) -> None:
    cache = ReferenceCache(tmp_path, 10**7)
    columns = [numbers(1.0), numbers(2.0)]
    cache.get(REFERENCE, "x", "numerical", ["r=a", "r=b"], lambda: columns)
    found = cache.get(REFERENCE, "x", "numerical", ["r=a", "r=b"], lambda: [refuse()])
    assert [column.to_arrays()["sorted"][1] for column in found] == [1.0, 2.0]
    assert len(entries(tmp_path)) == 1
    other = cache.get(REFERENCE, "x", "numerical", ["r=b", "r=a"], lambda: columns[::-1])
    assert [column.to_arrays()["sorted"][1] for column in other] == [2.0, 1.0]


def test_what_is_no_entry_costs_no_evaluation(tmp_path: Path) -> None:
    (tmp_path / "references").mkdir()
    (tmp_path / "references" / ".DS_Store").touch()
    cache = ReferenceCache(tmp_path, 1)  # too small for anything: it is evicted at once
    assert get(cache, REFERENCE, "x", "numerical", "", numbers).n == 1000
