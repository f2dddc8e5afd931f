from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring_jobs.data.dataset import ColumnKind
from monitoring_jobs.data.normalisation import common_kind, kind_of, normalise

NUMERICAL, CATEGORICAL = ColumnKind.NUMERICAL, ColumnKind.CATEGORICAL
DATETIME, EMPTY, OTHER = ColumnKind.DATETIME, ColumnKind.EMPTY, ColumnKind.OTHER

INTEGERS = [f() for f in (pa.int8, pa.int16, pa.int32, pa.int64, pa.uint8, pa.uint32, pa.uint64)]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]
TEXTS = [pa.string(), pa.large_string(), pa.string_view()]


@pytest.mark.parametrize(
    ("data_type", "kind"),
    [
        *((t, NUMERICAL) for t in (*INTEGERS, *FLOATS, pa.decimal128(30, 2))),
        *((t, CATEGORICAL) for t in (*TEXTS, pa.bool_())),
        (pa.dictionary(pa.int8(), pa.string()), CATEGORICAL),
        (pa.dictionary(pa.int8(), pa.int64()), CATEGORICAL),
        *((t, DATETIME) for t in (pa.timestamp("ns"), pa.timestamp("s", "UTC"), pa.date32())),
        (pa.date64(), DATETIME),
        (pa.null(), EMPTY),
        *((t, OTHER) for t in (pa.list_(pa.int8()), pa.struct([("a", pa.int8())]), pa.binary())),
        *((t, OTHER) for t in (pa.time64("us"), pa.duration("s"))),
    ],
)
def test_f07_every_type_has_one_kind(data_type: pa.DataType, kind: ColumnKind) -> None:
    assert kind_of(data_type) is kind


def test_parts_without_values_agree_with_any_kind_and_different_kinds_make_none() -> None:
    assert common_kind([EMPTY, NUMERICAL]) is NUMERICAL
    assert common_kind([EMPTY]) is EMPTY
    assert common_kind([NUMERICAL, CATEGORICAL]) is OTHER


@pytest.mark.parametrize("data_type", [*INTEGERS, *FLOATS, pa.decimal128(30, 2)])
def test_f07_all_numbers_read_as_float64_with_nulls(data_type: pa.DataType) -> None:
    values = pa.array([1, None, 3], pa.int64()).cast(data_type)
    read = normalise(values, NUMERICAL)
    assert read.type == pa.float64()
    assert read.to_pylist() == [1.0, None, 3.0]


@pytest.mark.parametrize("data_type", [*INTEGERS, *FLOATS, pa.decimal128(30, 2)])
def test_f07_numbers_read_as_categories_bear_the_same_labels_whatever_their_type(
    data_type: pa.DataType,
) -> None:
    read = normalise(pa.array([3, None, 0], pa.int64()).cast(data_type), CATEGORICAL)
    assert read.type == pa.dictionary(pa.int32(), pa.string())
    assert read.to_pylist() == ["3", None, "0"]


@pytest.mark.parametrize("data_type", [*TEXTS, pa.dictionary(pa.int8(), pa.large_string())])
def test_f07_all_texts_read_as_the_same_categories(data_type: pa.DataType) -> None:
    plain = pa.array(["red", None, "", "red"])
    values = plain.dictionary_encode() if pa.types.is_dictionary(data_type) else plain
    read = normalise(values.cast(data_type), CATEGORICAL)
    assert read.type == pa.dictionary(pa.int32(), pa.string())
    assert read.to_pylist() == ["red", None, "", "red"]


def test_f07_booleans_are_true_and_false() -> None:
    read = normalise(pa.array([True, False, None]), CATEGORICAL)
    assert read.to_pylist() == ["True", "False", None]


def test_f07_text_is_never_read_as_numbers() -> None:
    with pytest.raises(ValueError, match="not numbers"):
        normalise(pa.array(["1", "2"]), NUMERICAL)


@pytest.mark.parametrize("kind", [NUMERICAL, CATEGORICAL])
def test_f07_a_column_without_type_reads_as_nulls_of_any_kind(kind: ColumnKind) -> None:
    read = normalise(pa.nulls(3), kind)
    assert read.null_count == len(read) == 3


def test_f08_nan_and_infinity_stay_visible_to_the_statistics() -> None:
    read = normalise(pa.array([np.nan, np.inf, -np.inf, None], from_pandas=False), NUMERICAL)
    assert read.null_count == 1
    assert np.isnan(read[0].as_py())
    assert read[1].as_py() == np.inf


def test_f08_nan_is_no_category() -> None:
    values = pa.array([np.nan, 1.5, -0.0, 0.0], from_pandas=False)
    assert normalise(values, CATEGORICAL).to_pylist() == [None, "1.5", "0", "0"]


def test_labels_that_become_equal_are_one_category() -> None:
    read = normalise(pa.array([-0.0, 0.0], from_pandas=False), CATEGORICAL)
    assert len(read.dictionary) == 1


def test_f11_bytes_that_are_no_text_are_replaced() -> None:
    raw = pa.array([b"\xff\xfe", b"ok"]).buffers()
    values = pa.Array.from_buffers(pa.string(), 2, raw)
    assert normalise(values, CATEGORICAL).to_pylist() == ["\ufffd\ufffd", "ok"]


def test_f12_labels_are_kept_verbatim() -> None:
    labels = ["", "a\nb", "'; DROP TABLE x; --", 'quote"', "</script>", "x" * 10_000, "ü\0"]
    assert normalise(pa.array(labels), CATEGORICAL).to_pylist() == labels


def test_times_and_uuids_can_be_labels() -> None:
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    assert normalise(pa.array([date(2026, 11, 20)]), CATEGORICAL).to_pylist() == ["2026-11-20"]
    assert normalise(pa.array([moment]), CATEGORICAL).to_pylist() == ["2026-11-20 00:00:00+00:00"]
    own = uuid.UUID(int=7)
    assert normalise(pa.array([own.bytes], pa.uuid()), CATEGORICAL).to_pylist() == [own.hex]


def test_lists_cannot_be_read() -> None:
    with pytest.raises(ValueError, match="not categories"):
        normalise(pa.array([[1]]), CATEGORICAL)


@given(st.lists(st.none() | st.integers(-(2**53), 2**53)))
def test_f07_integers_floats_and_decimals_of_the_same_value_share_their_label(
    values: list[int | None],
) -> None:
    labels = [None if v is None else str(v) for v in values]
    floats = [None if v is None else float(v) for v in values]
    decimals = [None if v is None else Decimal(v) for v in values]
    for array in (
        pa.array(values, pa.int64()),
        pa.array(floats, pa.float64()),
        pa.array(decimals, pa.decimal128(30, 2)),
    ):
        assert normalise(array, CATEGORICAL).to_pylist() == labels


@given(st.lists(st.none() | st.text()), st.booleans())
def test_f07_text_survives_however_it_is_stored(values: list[str | None], encoded: bool) -> None:
    try:
        array = pa.array(values, pa.string())
    except UnicodeEncodeError:  # a lone surrogate cannot be in arrow at all
        return
    column = pa.chunked_array([array, array.slice(1)])
    stored = column.dictionary_encode() if encoded else column
    assert normalise(stored, CATEGORICAL).to_pylist() == [*values, *values[1:]]
