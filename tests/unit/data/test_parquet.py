from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring_jobs.data.dataset import ColumnKind
from monitoring_jobs.errors import ForbiddenSource, SourceUnavailable, UnreadableDataset
from monitoring_jobs.windows import Window
from tests.unit.data.conftest import DAY, Open

NUMERICAL, CATEGORICAL = ColumnKind.NUMERICAL, ColumnKind.CATEGORICAL
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
Write = Callable[..., str]


def times(*moments: datetime | None) -> pa.Array:
    return pa.array(moments, pa.timestamp("us", "UTC"))


def hours(count: int, start: datetime = DAY.start) -> pa.Array:
    return times(*(start + timedelta(hours=n) for n in range(count)))


# --- reading ------------------------------------------------------------------------------------
def test_a_window_is_cut_out_of_sorted_and_of_shuffled_rows(write: Write, open_file: Open) -> None:
    order = np.random.default_rng(1).permutation(72)
    stamps = hours(72, DAY.start - timedelta(days=1))
    write("sorted.parquet", {"ts": stamps, "x": np.arange(72.0)}, row_group_size=10)
    write(
        "shuffled.parquet",
        {"ts": stamps.take(pa.array(order)), "x": order.astype(float)},
        row_group_size=10,
    )
    for name in ("sorted.parquet", "shuffled.parquet"):
        dataset = open_file(name, DAY, timestamp="ts")
        assert dataset.rows == 24
        assert sorted(dataset.read("x", NUMERICAL).to_pylist()) == list(range(24, 48))
        assert dataset.left_out == {"before": 24, "after": 24, "no_timestamp": 0}


def test_f24_rows_before_after_and_without_time_are_counted(write: Write, open_file: Open) -> None:
    moments = times(NOON - timedelta(days=2), NOON, None, NOON + timedelta(days=400))
    write("log.parquet", {"ts": moments, "x": [1, 2, 3, 4]}, row_group_size=1)
    dataset = open_file("log.parquet", DAY, timestamp="ts")
    assert dataset.left_out == {"before": 1, "after": 1, "no_timestamp": 1}
    assert dataset.read("x", NUMERICAL).to_pylist() == [2.0]


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("form", ["timestamp", "text", "integer", "float", "labels"])
def test_rows_left_out_are_counted_alike_with_and_without_statistics(
    write: Write, open_file: Open, form: str, size: int, statistics: bool
) -> None:
    moments = [NOON - timedelta(days=9), None, NOON, None, None, NOON + timedelta(days=9), NOON]
    texts = pa.array([None if m is None else m.isoformat() for m in moments])
    numbers = pa.array([None if m is None else int(m.timestamp()) for m in moments])
    columns = {
        "timestamp": times(*moments),
        "text": pa.array([text.as_py() or "" for text in texts]),
        "integer": numbers,
        "float": pa.array([float(n.as_py() or "nan") for n in numbers]),
        "labels": texts.dictionary_encode(),
    }
    name = write(
        "log.parquet", {"ts": columns[form]}, row_group_size=size, write_statistics=statistics
    )
    unit = "s" if form in ("integer", "float") else None
    dataset = open_file(name, DAY, timestamp="ts", unit=unit)
    assert dataset.rows == 2
    assert dataset.left_out == {"before": 1, "after": 1, "no_timestamp": 3}
    whole = open_file(name, timestamp="ts", unit=unit)
    assert (whole.rows, set(whole.left_out.values())) == (7, {0})


def test_a_file_without_the_timestamp_column_has_rows_without_time(
    write: Write, open_file: Open
) -> None:
    write("log/1.parquet", {"ts": times(NOON), "x": [1]})
    write("log/2.parquet", {"x": [2, 3]})
    dataset = open_file("log", DAY, timestamp="ts")
    assert dataset.left_out == {"before": 0, "after": 0, "no_timestamp": 2}


@pytest.mark.parametrize("path", ["absent-*.parquet", "log"])
def test_a_window_without_files_leaves_nothing_out(
    write: Write, open_file: Open, path: str
) -> None:
    write("log/date=2026-01-01/a.parquet", {"ts": times(None), "x": [1]})
    dataset = open_file(path, DAY, timestamp="ts")
    assert dataset.left_out == {"before": 0, "after": 0, "no_timestamp": 0}


def test_declared_labels_are_categorical_whatever_number_type_files_store(
    write: Write, open_file: Open
) -> None:
    write("log/k=1/1.parquet", {"c": [3, 4], "x": [1, 2], "d": times(NOON, NOON)})
    write("log/k=2/2.parquet", {"c": ["3", "a"], "x": [1, 2], "d": times(NOON, NOON)})
    dataset = open_file("log", labels={"c", "k", "d", "absent"})
    assert dict(dataset.columns) == {
        "c": CATEGORICAL,
        "x": NUMERICAL,
        "d": ColumnKind.DATETIME,
        "k": CATEGORICAL,
    }
    assert dataset.read("c", CATEGORICAL).to_pylist() == ["3", "4", "3", "a"]
    sample = dataset.sample(["c", "k"], 4, seed=1)
    assert sample.to_pydict() == {"c": ["3", "4", "3", "a"], "k": ["1", "1", "2", "2"]}


def test_row_groups_outside_the_window_are_not_read(
    write: Write, open_file: Open, tmp_path: Path
) -> None:
    stamps = hours(72, DAY.start - timedelta(days=1))
    write("log.parquet", {"x": np.arange(72.0), "ts": stamps}, row_group_size=24)
    path = tmp_path / "log.parquet"
    groups = pq.read_metadata(path)
    content = bytearray(path.read_bytes())
    for group in (0, 2):
        for number in (0, 1):
            column = groups.row_group(group).column(number)
            start = column.dictionary_page_offset or column.data_page_offset
            content[start : start + column.total_compressed_size] = bytes(
                column.total_compressed_size
            )
    path.write_bytes(content)
    dataset = open_file("log.parquet", DAY, timestamp="ts")
    assert dataset.read("x", NUMERICAL).to_pylist() == list(range(24, 48))
    assert dataset.left_out == {"before": 24, "after": 24, "no_timestamp": 0}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_f25_statistics_and_rows_agree_on_the_boundary(
    write: Write, open_file: Open, unit: str
) -> None:
    moments = times(DAY.start, DAY.end - timedelta(seconds=1), DAY.end)
    stamps = moments.cast(pa.timestamp(unit, "UTC"))
    write("log.parquet", {"ts": stamps, "x": [1, 2, 3]}, row_group_size=1)
    next_day = Window(DAY.end, DAY.end + timedelta(days=1))
    assert open_file("log.parquet", DAY, timestamp="ts").rows == 2
    assert open_file("log.parquet", next_day, timestamp="ts").rows == 1


def test_columns_come_in_file_order_with_their_kinds(write: Write, open_file: Open) -> None:
    write(
        "log.parquet",
        {"b": [1], "a": ["x"], "day": [date(2026, 1, 1)], "n": pa.nulls(1), "l": [[1]]},
    )
    assert list(open_file("log.parquet").columns.items()) == [
        ("b", "numerical"),
        ("a", "categorical"),
        ("day", "datetime"),
        ("n", "empty"),
        ("l", "other"),
    ]


@pytest.mark.parametrize(
    "name", ["", "a.b", "a", "x" * 10_000, "zeile\nzwei", "q\"';--", "größe", "</script>"]
)
def test_f12_any_column_name_is_read_verbatim(write: Write, open_file: Open, name: str) -> None:
    columns = {"a": [0.0], "a.b": [0.0]} | {name: [7.0]}
    write("log.parquet", columns)
    assert open_file("log.parquet").read(name, NUMERICAL).to_pylist() == [7.0]


def test_f12_duplicate_column_names_are_refused(tmp_path: Path, open_file: Open) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    pq.write_table(table, tmp_path / "log.parquet")
    with pytest.raises(UnreadableDataset, match=r"log\.parquet: column names occur twice: 'x'"):
        open_file("log.parquet")


def test_labels_share_one_dictionary_across_row_groups(write: Write, open_file: Open) -> None:
    write("log.parquet", {"c": ["a", "b", "c", None, "a"]}, row_group_size=2)
    column = open_file("log.parquet").read("c", CATEGORICAL)
    assert column.to_pylist() == ["a", "b", "c", None, "a"]
    assert len({tuple(chunk.dictionary.to_pylist()) for chunk in column.chunks}) == 1


def test_f06_text_where_numbers_are_wanted_names_the_column(write: Write, open_file: Open) -> None:
    write("log.parquet", {"x": ["secret"]})
    with pytest.raises(
        UnreadableDataset, match=r"column 'x' cannot be read as numerical"
    ) as caught:
        open_file("log.parquet").read("x", NUMERICAL)
    assert "secret" not in str(caught.value)


def test_a_column_that_is_not_there_is_named(write: Write, open_file: Open) -> None:
    write("log.parquet", {"x": [1]})
    with pytest.raises(UnreadableDataset, match="there is no column 'y'"):
        open_file("log.parquet").read("y", NUMERICAL)
    with pytest.raises(
        UnreadableDataset, match=r"timestamp column 'ts'; set data\.timestamp to one"
    ):
        open_file("log.parquet", DAY, timestamp="ts")


def test_f19_naive_timestamps_without_zone_name_the_file(write: Write, open_file: Open) -> None:
    write("log.parquet", {"ts": [datetime(2026, 11, 20, 12)], "x": [1]})
    with pytest.raises(UnreadableDataset, match=r"log\.parquet: .*'ts' has no time zone"):
        assert open_file("log.parquet", DAY, timestamp="ts").rows
    zoned = open_file("log.parquet", DAY, timestamp="ts", timezone="Europe/Berlin")
    assert zoned.rows == 1


# --- several files --------------------------------------------------------------------------------
def test_files_of_a_folder_may_differ_in_columns_and_number_types(
    write: Write, open_file: Open
) -> None:
    write("log/a.parquet", {"x": [1, 2], "old": ["a", "b"]})
    write("log/b.parquet", {"x": [2.5], "new": [True]})
    write("log/_SUCCESS.parquet", {"nothing": [1]})
    dataset = open_file("log")
    assert list(dataset.columns) == ["x", "old", "new"]
    assert dataset.read("x", NUMERICAL).to_pylist() == [1.0, 2.0, 2.5]
    assert dataset.read("new", CATEGORICAL).to_pylist() == [None, None, "True"]


def test_f06_a_column_whose_type_changes_between_files_is_other(
    write: Write, open_file: Open
) -> None:
    write("log/a.parquet", {"x": [1]})
    write("log/b.parquet", {"x": ["1"]})
    assert open_file("log").columns["x"] is ColumnKind.OTHER


def test_hive_partitions_are_pruned_by_the_window_and_read_as_columns(
    write: Write, open_file: Open, tmp_path: Path
) -> None:
    for day in range(10, 31):
        start = datetime(2026, 11, day, tzinfo=UTC)
        for region in ("eu", "us%2Feast"):
            name = f"log/date=2026-11-{day}/region={region}/part.parquet"
            write(name, {"ts": hours(24, start), "x": np.full(24, float(day))})
    far = tmp_path / "log/date=2026-11-10/region=eu/part.parquet"
    far.write_bytes(b"broken, and never opened")
    dataset = open_file("log", DAY, timestamp="ts")
    assert dataset.rows == 48
    assert set(dataset.read("x", NUMERICAL).to_pylist()) == {20.0}
    assert set(dataset.read("region", CATEGORICAL).to_pylist()) == {"eu", "us/east"}
    assert dataset.columns["date"] is ColumnKind.DATETIME
    assert dataset.partition_columns == {"date", "region"}


def test_year_month_day_partitions_are_pruned(
    write: Write, open_file: Open, tmp_path: Path
) -> None:
    write("log/year=2026/month=11/day=20/a.parquet", {"ts": hours(24)})
    write("log/year=2026/month=12/day=09/a.parquet", {"ts": hours(24, NOON + timedelta(days=19))})
    for folder in ("year=2025/month=11/day=20", "year=2026/month=01/day=20"):
        far = tmp_path / "log" / folder
        far.mkdir(parents=True)
        (far / "a.parquet").write_bytes(b"never opened")
    dataset = open_file("log", DAY, timestamp="ts")
    assert dataset.rows == 24
    assert set(dataset.read("month", CATEGORICAL).to_pylist()) == {"11"}


def test_a_date_partition_can_be_the_timestamp(write: Write, open_file: Open) -> None:
    for day in (19, 20, 21):
        write(f"log/date=2026-11-{day}/a.parquet", {"x": [float(day)]})
    dataset = open_file("log", DAY, timestamp="date", timezone="UTC")
    assert dataset.read("x", NUMERICAL).to_pylist() == [20.0]


def test_a_glob_takes_the_files_it_names(write: Write, open_file: Open) -> None:
    write("log/a-1.parquet", {"x": [1]})
    write("log/a-2.parquet", {"x": [2]})
    write("log/b-1.parquet", {"x": [3]})
    assert open_file("log/a-*.parquet").read("x", NUMERICAL).to_pylist() == [1.0, 2.0]


@pytest.mark.parametrize("path", ["log", "log/date=*/a.parquet", "*.parquet"])
def test_f01_a_folder_or_glob_without_files_has_no_rows_and_no_columns(
    tmp_path: Path, open_file: Open, path: str
) -> None:
    (tmp_path / "log").mkdir()
    dataset = open_file(path, DAY, timestamp="ts")
    assert (dataset.rows, dict(dataset.columns)) == (0, {})


def test_f01_a_file_without_rows_in_the_window_keeps_its_columns(
    write: Write, open_file: Open
) -> None:
    write("log.parquet", {"ts": hours(3, NOON + timedelta(days=7)), "c": ["a", "b", "c"]})
    dataset = open_file("log.parquet", DAY, timestamp="ts")
    assert dataset.rows == 0
    assert dataset.read("c", CATEGORICAL).to_pylist() == []
    assert dataset.sample(["ts", "c"], 10, 1).num_rows == 0


# --- broken and forbidden -------------------------------------------------------------------------
@pytest.mark.parametrize("damage", ["empty", "text", "truncated", "pages"])
def test_f17_a_corrupt_file_names_its_path_and_gives_no_partial_result(
    write: Write, open_file: Open, tmp_path: Path, damage: str
) -> None:
    write("log.parquet", {"x": np.random.default_rng(0).normal(size=5000)}, compression="zstd")
    path = tmp_path / "log.parquet"
    content = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "text": b"a,b\n1,2\n" * 100,
            "truncated": content[: len(content) // 2],
            "pages": content[:4] + bytes(len(content) // 2) + content[4 + len(content) // 2 :],
        }[damage]
    )
    with pytest.raises(UnreadableDataset, match=r"log\.parquet: cannot be read as parquet"):
        open_file("log.parquet").read("x", NUMERICAL)


def test_f17_a_file_that_is_not_there_is_unreadable(open_file: Open) -> None:
    with pytest.raises(UnreadableDataset, match="no such file or folder"):
        open_file("absent.parquet")


@pytest.mark.parametrize(
    "path", ["../log.parquet", "a/../../log.parquet", "log\0.parquet", "s3://bucket/../other/x"]
)
def test_f18_paths_that_climb_are_refused(open_file: Open, path: str) -> None:
    with pytest.raises(ForbiddenSource, match="climbs"):
        open_file(path)


@pytest.mark.parametrize(
    "path",
    [
        "http://host/x.parquet",
        "memory://x.parquet",
        "simplecache::s3://b/x",
        "ftp://h/x",
        "zip://x",
    ],
)
def test_f18_other_schemes_are_refused_before_any_read(open_file: Open, path: str) -> None:
    with pytest.raises(ForbiddenSource, match="not allowed"):
        open_file(path)


def test_f18_paths_outside_the_roots_are_refused_also_by_symlink(
    write: Write, open_file: Open, tmp_path: Path
) -> None:
    write("inside/a.parquet", {"x": [1]})
    write("outside/b.parquet", {"x": [2]})
    write("inside-out/c.parquet", {"x": [2]})
    (tmp_path / "inside/link.parquet").symlink_to(tmp_path / "outside/b.parquet")
    roots = (str(tmp_path / "inside"),)
    assert open_file("inside/a.parquet", roots=roots).rows == 1
    for path in (
        "outside/b.parquet",
        "inside-out/c.parquet",
        "inside/link.parquet",
        "inside",
        "inside/*.parquet",
        "s3://bucket/x.parquet",
    ):
        with pytest.raises(ForbiddenSource):
            open_file(path, roots=roots)


def test_f18_a_scheme_is_allowed_where_a_root_names_it(open_file: Open) -> None:
    import fsspec

    table = pa.table({"x": [1.0]})
    with fsspec.open("memory://allowed/log.parquet", "wb") as handle:
        pq.write_table(table, handle)
    dataset = open_file("memory://allowed/log.parquet", roots=("memory://allowed",))
    assert dataset.read("x", NUMERICAL).to_pylist() == [1.0]
    with pytest.raises(ForbiddenSource):
        open_file("memory://allowed2/log.parquet", roots=("memory://allowed",))


# --- sample and identity --------------------------------------------------------------------------
def test_f13_a_sample_is_bounded_repeatable_and_in_order(write: Write, open_file: Open) -> None:
    write(
        "log.parquet",
        {"x": np.arange(1000.0), "c": [str(n) for n in range(1000)], "ts": hours(1000)},
        row_group_size=77,
    )
    dataset = open_file("log.parquet")
    sample = dataset.sample(["c", "x", "ts"], 100, 7)
    assert sample.equals(dataset.sample(["c", "x", "ts"], 100, 7))
    assert not sample.equals(dataset.sample(["c", "x", "ts"], 100, 8))
    numbers = sample["x"].to_pylist()
    assert len(set(numbers)) == 100
    assert numbers == sorted(numbers)
    assert [float(label) for label in sample["c"].to_pylist()] == numbers
    assert dataset.sample(["x"], 5000, 7).num_rows == 1000


def test_identity_of_a_file_is_its_bytes_wherever_it_lies(write: Write, open_file: Open) -> None:
    for name, value in (("a.parquet", 1), ("other/b.parquet", 1), ("c.parquet", 2)):
        write(name, {"x": [value]})
    first, same, other = (
        open_file(n).identity for n in ("a.parquet", "other/b.parquet", "c.parquet")
    )
    assert len(first) == 32
    assert first == same != other


def test_identity_of_a_window_is_its_rows_in_any_order_and_cut(
    write: Write, open_file: Open
) -> None:
    stamps, order = hours(24), pa.array(np.random.default_rng(3).permutation(24))
    columns = {"ts": stamps, "x": pa.array(range(24)), "c": pa.array(list("abc" * 8))}
    write("a.parquet", columns, row_group_size=5)
    shuffled = pa.table(columns).take(order)
    write("b.parquet", dict(zip(shuffled.column_names, shuffled.columns, strict=True)))
    write("c.parquet", columns | {"x": pa.array([*range(23), 99])})
    swapped = [*range(2, 24), 1, 0]  # each column has the same values still
    write("d.parquet", columns | {"x": pa.array(swapped)})
    first, same, *others = (open_file(f"{n}.parquet", DAY, timestamp="ts").identity for n in "abcd")
    assert first == same
    assert first not in others


def test_reading_from_many_threads_gives_every_column(write: Write, open_file: Open) -> None:
    from concurrent.futures import ThreadPoolExecutor

    write(
        "log.parquet",
        {"ts": hours(5000, DAY.start)} | {f"x{n}": np.full(5000, float(n)) for n in range(20)},
        row_group_size=500,
    )
    dataset = open_file("log.parquet", DAY, timestamp="ts")

    def total(number: int) -> Any:
        return sum(dataset.read(f"x{number}", NUMERICAL).to_pylist())

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(total, range(20))) == [24.0 * n for n in range(20)]


def test_a_file_that_is_written_again_while_it_is_read_is_not_mixed(
    write: Write, open_file: Open, tmp_path: Path
) -> None:
    path = write("log.parquet", {"x": [1.0, 2.0]})
    dataset = open_file(path)
    assert dataset.read("x", NUMERICAL).to_pylist() == [1.0, 2.0]
    other = write("other.parquet", {"x": [3.0, 4.0]})
    (tmp_path / path).write_bytes((tmp_path / other).read_bytes())
    with pytest.raises(SourceUnavailable, match="written again while it was read"):
        dataset.read("x", NUMERICAL)


def test_a_file_that_is_replaced_after_its_footer_was_read_is_not_mixed(
    write: Write, open_file: Open, tmp_path: Path
) -> None:
    path = write("log.parquet", {"x": [1.0, 2.0]})
    dataset = open_file(path)
    (tmp_path / write("other.parquet", {"x": [3.0, 4.0]})).replace(tmp_path / path)
    with pytest.raises(SourceUnavailable, match="written again while it was read"):
        dataset.read("x", NUMERICAL)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_readers_are_closed_with_the_dataset(write: Write, open_file: Open) -> None:
    write("log/a.parquet", {"x": [1.0]})
    write("log/b.parquet", {"x": [2.0]})
    before = open_files()
    dataset = open_file("log")
    assert dataset.read("x", NUMERICAL).to_pylist() == [1.0, 2.0]
    assert open_files() == before + 2
    dataset.close()
    assert open_files() == before
