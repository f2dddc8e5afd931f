from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring_jobs.data import csv as csv_source
from monitoring_jobs.data.dataset import ColumnKind
from monitoring_jobs.data.normalisation import normalise, spell_labels
from monitoring_jobs.errors import UnreadableDataset
from tests.unit.data.conftest import DAY, Open

NUMERICAL, CATEGORICAL = ColumnKind.NUMERICAL, ColumnKind.CATEGORICAL


@pytest.fixture
def open_csv(tmp_path: Path, open_file: Open) -> Callable[..., object]:
    def open_it(content: str | bytes, window: object = None, **source: object) -> object:
        raw = content.encode() if isinstance(content, str) else content
        (tmp_path / "log.csv").write_bytes(raw)
        return open_file("log.csv", window, source="csv", **source)

    return open_it


def test_types_are_told_from_all_values(open_csv: Open) -> None:
    dataset = open_csv(
        "i,f,b,t,d,m,n,z\n1,1.5,True,red,2026-11-20,2026-11-20T01:00:00Z,,1\n"
        ",nan,false,,2026-11-21,2026-11-20T02:00:00+01:00,,x\n3,inf,,NA,,,NA,2\n"
    )
    assert {name: str(kind) for name, kind in dataset.columns.items()} == {
        "i": "numerical",
        "f": "numerical",
        "b": "categorical",
        "t": "categorical",
        "d": "datetime",
        "m": "datetime",
        "n": "empty",
        "z": "categorical",
    }
    assert dataset.read("i", NUMERICAL).to_pylist() == [1.0, None, 3.0]
    assert dataset.read("b", CATEGORICAL).to_pylist() == ["True", "False", None]
    assert dataset.read("t", CATEGORICAL).to_pylist() == ["red", None, "NA"]
    assert dataset.read("f", NUMERICAL)[2].as_py() == float("inf")


def test_f07_a_type_that_widens_in_a_late_block_holds_for_all_rows(
    open_csv: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "_BLOCK", 256)
    rows = [f"{n},{n},," for n in range(200)] + ["0.5,x,7,2026-11-20"]
    dataset = open_csv("a,b,c,d\n" + "\n".join(rows) + "\n")
    assert list(dataset.columns.values()) == [NUMERICAL, CATEGORICAL, NUMERICAL, "datetime"]
    assert dataset.read("a", NUMERICAL).to_pylist() == [*map(float, range(200)), 0.5]
    assert dataset.read("b", CATEGORICAL).to_pylist() == [*map(str, range(200)), "x"]


def test_long_identifiers_stay_apart(open_csv: Open) -> None:
    ids = ["12345678901234567890", "12345678901234567891"]
    dataset = open_csv("id,x\n" + "".join(f"{i},1\n" for i in ids))
    assert dataset.read("id", CATEGORICAL).to_pylist() == ids


# --- declared labels ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["1", "2", ""], ["1", "2", None]),
        (["3.0", "3", "-0.0", "2.5"], ["3", "3", "0", "2.5"]),
        (["3.0", "a"], ["3", "a"]),
        ([" 3", "3.00 "], ["3", "3"]),
        (["007", "7", "+1", "3.10", "1e5"], ["007", "7", "+1", "3.10", "1e5"]),
        (["true", "FALSE", "True"], ["True", "False", "True"]),
        (["true", "unknown"], ["True", "unknown"]),
        (["1", "NA", "nan", "null"], ["1", None, None, None]),
        (["true", "None"], ["True", None]),
        (["NA", "EU", "nan"], ["NA", "EU", "nan"]),
        (["NA", "NA"], ["NA", "NA"]),
        (["2026-11-20", "2026-11-21"], ["2026-11-20", "2026-11-21"]),
        (["12345678901234567890", "3.0"], ["12345678901234567890", "3"]),
    ],
)
def test_declared_labels_are_text_whatever_they_look_like(
    open_csv: Open, cells: list[str], labels: list[str | None]
) -> None:
    dataset = open_csv("c,x\n" + "".join(f"{c},1\n" for c in cells), labels=["c", "absent"])
    assert dataset.columns == {"c": CATEGORICAL, "x": NUMERICAL}
    assert dataset.read("c", CATEGORICAL).to_pylist() == labels
    assert dataset.sample(["c"], 99, seed=1).column("c").to_pylist() == labels


def test_declared_labels_of_all_blocks_and_files_are_one_column(
    open_file: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "_BLOCK", 64)
    (tmp_path / "log").mkdir()
    (tmp_path / "log/1.csv").write_text("c\n" + "3.0\n" * 100)
    (tmp_path / "log/2.csv").write_text("c\n" + "3\n" * 100 + "a\n" * 100)
    dataset = open_file("log", source="csv", labels={"c"})
    read = dataset.read("c", CATEGORICAL)
    assert read.to_pylist() == ["3"] * 200 + ["a"] * 100
    assert dataset.columns == {"c": CATEGORICAL}


def test_a_timestamp_is_a_time_though_it_is_declared_as_label(open_csv: Open) -> None:
    stamp = int(DAY.start.timestamp())
    content = f"ts,x\n{stamp},1\n{stamp - 1},2\n"
    dataset = open_csv(content, DAY, timestamp="ts", unit="s", labels={"ts"})
    assert dataset.read("x", NUMERICAL).to_pylist() == [1.0]


def test_a_header_alone_has_declared_labels(open_csv: Open) -> None:
    dataset = open_csv("c,x\n", labels={"c"})
    assert (dataset.rows, dataset.columns["c"]) == (0, CATEGORICAL)


@pytest.mark.parametrize(
    ("cells", "stored"),
    [
        (["3", "0", "-7"], pa.array([3, 0, -7])),
        (["3", "", "-7"], pa.array([3.0, None, -7.0])),
        (["3.0", "0.0", "2.5"], pa.array([3.0, 0.0, 2.5])),
        (["3", "0", "7"], pa.array(["3", "0", "7"])),
        (["007", "01"], pa.array(["007", "01"])),
        (["true", "false"], pa.array([True, False])),
        (["3", "7"], pa.array([3, 7]).dictionary_encode()),
        (["a", "NA", ""], pa.array(["a", "NA", None])),
    ],
)
def test_declared_labels_of_csv_equal_those_that_parquet_stores(
    open_csv: Open, open_file: Open, write: Callable[..., str], cells: list[str], stored: pa.Array
) -> None:
    written = open_csv("c,x\n" + "".join(f"{c},1\n" for c in cells), labels={"c"})
    other = open_file(write("log.parquet", {"c": stored}), labels={"c"})
    assert written.columns["c"] is other.columns["c"] is CATEGORICAL
    read, same = (side.read("c", CATEGORICAL).to_pylist() for side in (written, other))
    assert read == same
    assert other.sample(["c"], 2, seed=1).column("c").type == pa.dictionary(pa.int32(), pa.string())


@given(number=st.one_of(st.integers(-(10**15), 10**15), st.booleans()))
def test_a_declared_label_is_spelled_as_the_table_spells_its_value(number: int) -> None:
    texts = [str(number), str(number).lower()]
    if not isinstance(number, bool):
        texts += [f"{number}.0", f" {number}.00"]
    expected = normalise(pa.array([number]), CATEGORICAL).to_pylist() * len(texts)
    assert spell_labels(pa.array(texts)).to_pylist() == expected


def test_identity_of_a_csv_file_tells_which_of_its_columns_are_labels(open_csv: Open) -> None:
    content = "c,x\n007,1\n"
    plain, absent, labels = (open_csv(content, labels=n).identity for n in ((), ("z",), ("c",)))
    assert plain == absent != labels
    assert labels == open_csv(content, labels={"c", "z"}).identity


# --- rows and their times -----------------------------------------------------------------------
def test_rows_are_left_out_once_however_many_blocks_and_files_there_are(
    open_file: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "_BLOCK", 256)
    (tmp_path / "log").mkdir()
    for number in range(2):
        rows = ["2026-11-19T01:00:00Z", "", "2026-11-20T01:00:00Z", "2026-11-22T01:00:00Z", "NA"]
        lines = "".join(f"{row},1\n" for row in rows * 50)
        (tmp_path / f"log/{number}.csv").write_text("ts,x\n" + lines)
    dataset = open_file("log", DAY, source="csv", timestamp="ts")
    assert dataset.rows == 100
    assert dataset.left_out == {"before": 100, "after": 100, "no_timestamp": 200}
    whole = open_file("log", source="csv", timestamp="ts")
    assert whole.left_out == {"before": 0, "after": 0, "no_timestamp": 0}
    nothing = open_file("absent-*", DAY, source="csv", timestamp="ts")
    assert nothing.left_out == {"before": 0, "after": 0, "no_timestamp": 0}


def test_rows_are_filtered_to_the_window_while_they_are_read(open_csv: Open) -> None:
    dataset = open_csv(
        "ts,x\n2026-11-19T23:59:59Z,1\n2026-11-20T00:00:00Z,2\n,3\n2026-11-21T00:00:00Z,4\n",
        DAY,
        timestamp="ts",
    )
    assert dataset.read("x", NUMERICAL).to_pylist() == [2.0]
    assert dataset.left_out == {"before": 1, "after": 1, "no_timestamp": 1}


def test_f19_naive_times_need_a_zone(open_csv: Open) -> None:
    content = "ts,x\n2026-11-20 00:30:00,1\n"
    with pytest.raises(
        UnreadableDataset, match=r"log\.csv: timestamp column 'ts' has no time zone"
    ):
        open_csv(content, DAY, timestamp="ts")
    assert open_csv(content, DAY, timestamp="ts", timezone="Europe/Berlin").rows == 0
    assert open_csv(content, DAY, timestamp="ts", timezone="UTC").rows == 1


def test_epoch_milliseconds_are_times_when_the_unit_is_given(open_csv: Open) -> None:
    stamp = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
    content = f"ts,x\n{stamp - 1},1\n{stamp},2\n"
    assert open_csv(content, DAY, timestamp="ts", unit="ms").rows == 1


def test_a_missing_timestamp_column_names_the_known_ones(open_csv: Open) -> None:
    with pytest.raises(UnreadableDataset, match=r"no timestamp column 'ts'; .*one of: when, x"):
        open_csv("when,x\n1,2\n", DAY, timestamp="ts")


def test_a_header_alone_is_a_dataset_without_rows(open_csv: Open) -> None:
    dataset = open_csv("a,b\n")
    assert (dataset.rows, list(dataset.columns)) == (0, ["a", "b"])


def test_quotes_newlines_and_byte_order_marks_are_understood(open_csv: Open) -> None:
    dataset = open_csv('\ufeffname,"a,b"\n"x\ny",1\n"say ""hi""",2\n')
    assert list(dataset.columns) == ["name", "a,b"]
    assert dataset.read("name", CATEGORICAL).to_pylist() == ["x\ny", 'say "hi"']


def test_compressed_files_are_read(tmp_path: Path, open_file: Open) -> None:
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(b"x\n1\n2\n"))
    dataset = open_file("log.csv.gz", source="csv")
    assert dataset.read("x", NUMERICAL).to_pylist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"a;b\n1;2\n", "is separated by semicolons"),
        (b"a\tb\n1\t2\n", "is separated by tabs"),
        (b"a|b\n1|2\n", "is separated by bars"),
        ("größe,b\n1,2\n".encode("latin-1"), "is not UTF-8"),
        ("a,b\n1,größe\n".encode("latin-1"), "is not UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "is not UTF-8"),
        (b"a,b\n1,secret,3\n", "a row has 3 columns, the header 2|row 2 has 3 columns"),
        (b"", "is empty"),
        (b"a,b,a\n1,2,3\n", "column names occur twice: 'a'"),
    ],
)
def test_f17_another_delimiter_or_encoding_is_refused_without_showing_data(
    open_csv: Open, content: bytes, cause: str
) -> None:
    with pytest.raises(UnreadableDataset, match=rf"log\.csv: ({cause})") as caught:
        open_csv(content)
    assert "secret" not in str(caught.value)


def test_f17_a_truncated_archive_is_refused(tmp_path: Path, open_file: Open) -> None:
    whole = gzip.compress(b"x\n" + b"\n".join(b"%d" % n for n in range(100_000)))
    (tmp_path / "log.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableDataset, match=r"log\.csv\.gz"):
        open_file("log.csv.gz", source="csv")


def test_csv_in_hive_partitions_has_their_columns(tmp_path: Path, open_file: Open) -> None:
    for day in (1, 20):
        folder = tmp_path / f"log/date=2026-11-{day:02d}"
        folder.mkdir(parents=True)
        (folder / "a.csv").write_text(f"ts,x\n2026-11-{day:02d}T05:00:00Z,{day}\n")
    dataset = open_file("log", DAY, source="csv", timestamp="ts")
    assert dataset.read("x", NUMERICAL).to_pylist() == [20.0]
    assert dataset.read("date", CATEGORICAL).to_pylist() == ["2026-11-20"]
    assert dataset.partition_columns == {"date"}


def test_spooled_files_are_removed_by_close(
    open_csv: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    dataset = open_csv("x\n1\n")
    assert list(scratch.iterdir())
    dataset.close()
    assert not list(scratch.iterdir())
    with pytest.raises(UnreadableDataset):
        open_csv("x;y\n1;2\n")
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("block", [64, 2**20])
def test_f17_an_open_quote_swallows_no_rows(
    open_csv: Open, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(csv_source, "_BLOCK", block)
    rows = ["1,a"] * 3 + ['2,"b'] + ["3,c"] * 5
    with pytest.raises(UnreadableDataset, match="never closed"):
        open_csv("x,c\n" + "\n".join(rows) + "\n")


def test_quotes_inside_values_are_no_open_quotes(open_csv: Open) -> None:
    assert open_csv('x,c\n1,5" pipe\n2,a\n').rows == 2
    assert open_csv('x,c\n1,a\n2,"two\nlines"\n').rows == 2


def test_identity_of_a_csv_file_is_its_bytes(open_csv: Open) -> None:
    first, same, other = (open_csv(c).identity for c in ("x\n1\n", "x\n1\n", "x\n2\n"))
    assert first == same != other


_cells = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats().map(repr),
    st.text("abNA ,\"\n'", max_size=5),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(column=st.lists(_cells, min_size=1, max_size=30), block=st.sampled_from([64, 2**20]))
def test_f07_no_value_is_lost_or_made_up(
    open_csv: Open, monkeypatch: pytest.MonkeyPatch, column: list[str], block: int
) -> None:
    monkeypatch.setattr(csv_source, "_BLOCK", block)
    table = pa.table({"key": ["k"] * len(column), "x": column})
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(table, sink)
    dataset = open_csv(sink.getvalue().to_pybytes())
    assert dataset.rows == len(column)
    read = dataset.read("x", CATEGORICAL).to_pylist()
    if pa.types.is_string(pa.infer_type(column)) and dataset.columns["x"] is CATEGORICAL:
        plain = [cell or None for cell in column]
        assert read in (plain, [c and c.strip().capitalize() for c in plain])
    else:
        numbers = [math.nan if c.strip() in ("", "NA") else float(c) for c in column]
        expected = [None if math.isnan(number) else number for number in numbers]
        found = [None if label is None else float(label) for label in read]
        assert found == expected
