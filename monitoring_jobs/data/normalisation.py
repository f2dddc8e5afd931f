"""The one table that says what a column of each type is, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from monitoring_jobs.data.dataset import ColumnKind
from monitoring_jobs.statistics.buffers import to_numpy, to_strings

Values: TypeAlias = pa.Array | pa.ChunkedArray
LABELS = pa.dictionary(pa.int32(), pa.string())

_KINDS: tuple[tuple[Callable[[pa.DataType], bool], ColumnKind], ...] = (
    (pat.is_null, ColumnKind.EMPTY),
    (pat.is_boolean, ColumnKind.CATEGORICAL),
    (pat.is_integer, ColumnKind.NUMERICAL),
    (pat.is_floating, ColumnKind.NUMERICAL),
    (pat.is_decimal, ColumnKind.NUMERICAL),
    (pat.is_string, ColumnKind.CATEGORICAL),
    (pat.is_large_string, ColumnKind.CATEGORICAL),
    (pat.is_string_view, ColumnKind.CATEGORICAL),
    (pat.is_timestamp, ColumnKind.DATETIME),
    (pat.is_date, ColumnKind.DATETIME),
)


def kind_of(data_type: pa.DataType) -> ColumnKind:
    """Return the kind of a column of this type.

    A dictionary of text, numbers or booleans is what pandas calls a category, hence categorical
    whatever its labels are.
    """
    if isinstance(data_type, pa.BaseExtensionType):
        return kind_of(data_type.storage_type)
    if pat.is_dictionary(data_type):
        inner = kind_of(data_type.value_type)
        return ColumnKind.CATEGORICAL if inner is ColumnKind.NUMERICAL else inner
    for matches, kind in _KINDS:
        if matches(data_type):
            return kind
    return ColumnKind.OTHER


def common_kind(kinds: Iterable[ColumnKind]) -> ColumnKind:
    """Return the kind of a column whose parts have these kinds; ``OTHER`` if they differ."""
    distinct = set(kinds) - {ColumnKind.EMPTY}
    if not distinct:
        return ColumnKind.EMPTY
    return distinct.pop() if len(distinct) == 1 else ColumnKind.OTHER


def label_kind(kinds: Iterable[ColumnKind]) -> ColumnKind:
    """Return the kind of a column that is declared to hold labels, which numbers may be, too."""
    distinct = set(kinds) - {ColumnKind.EMPTY}
    if distinct and distinct <= {ColumnKind.NUMERICAL, ColumnKind.CATEGORICAL}:
        return ColumnKind.CATEGORICAL
    return common_kind(distinct)


def normalise(values: Values, kind: ColumnKind) -> pa.Array:
    """Return the values as float64 (``NUMERICAL``) or dictionary<int32, string> (``CATEGORICAL``).

    Numbers read as categories are written as people write them, so that 3 and 3.0 are one label;
    NaN as a category is a null. Text is never read as numbers.

    Raises:
        ValueError: The type cannot be read as that kind.
    """
    array = _plain(values)
    if kind is ColumnKind.NUMERICAL:
        return _numbers(array)
    if kind is ColumnKind.CATEGORICAL:
        return _labels(array)
    raise ValueError(f"a column is read as numerical or categorical, not as {kind}")


def _plain(values: Values) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    if isinstance(values, pa.ChunkedArray):  # text beyond 2 GB stays in chunks
        values = pa.concat_arrays([chunk.cast(pa.large_string()) for chunk in values.chunks])
    if isinstance(values, pa.ExtensionArray):
        return values.storage
    return values


# --- numbers ------------------------------------------------------------------------------------
def _numbers(array: pa.Array) -> pa.Array:
    data_type = array.type
    if pat.is_float64(data_type):
        return array
    if pat.is_null(data_type):
        return pa.nulls(len(array), pa.float64())
    if pat.is_dictionary(data_type):
        return _numbers(array.dictionary_decode())
    if pat.is_boolean(data_type):
        array = array.cast(pa.uint8())
    elif not (pat.is_integer(data_type) or pat.is_floating(data_type) or pat.is_decimal(data_type)):
        raise ValueError(f"holds {data_type}, not numbers")
    return array.cast(pa.float64(), safe=False)


# --- labels -------------------------------------------------------------------------------------
def _labels(array: pa.Array) -> pa.DictionaryArray:
    data_type = array.type
    if pat.is_null(data_type):
        return pa.DictionaryArray.from_arrays(
            pa.nulls(len(array), pa.int32()), pa.nulls(0, pa.string())
        )
    if pat.is_float16(data_type):
        return _labels(array.cast(pa.float32()))
    value_type = data_type.value_type if pat.is_dictionary(data_type) else data_type
    write = _writer(value_type)
    encoded = array if pat.is_dictionary(data_type) else array.dictionary_encode()
    if write is None and _is_clean(encoded.dictionary):
        return encoded.cast(LABELS)
    return _relabel(encoded, write or _decode)


def _writer(value_type: pa.DataType) -> Callable[[pa.Array], list[str | None]] | None:
    """Return what turns distinct values into labels; None where they are labels already."""
    if pat.is_string(value_type) or pat.is_large_string(value_type) or _is_view(value_type):
        return None
    if pat.is_floating(value_type):
        return _write_floats
    if pat.is_decimal(value_type):
        return lambda values: _write_floats(values.cast(pa.float64(), safe=False))
    if pat.is_fixed_size_binary(value_type):  # a UUID
        return lambda values: [None if v is None else v.hex() for v in values.to_pylist()]
    if (
        pat.is_boolean(value_type)
        or pat.is_integer(value_type)
        or pat.is_timestamp(value_type)
        or pat.is_date(value_type)
    ):
        return lambda values: [None if v is None else str(v) for v in values.to_pylist()]
    raise ValueError(f"holds {value_type}, not categories")


def _is_view(value_type: pa.DataType) -> bool:
    return bool(value_type == pa.string_view())


def _write_floats(values: pa.Array) -> list[str | None]:
    """Write 3.0 as 3 and everything else as its shortest form at its own precision."""
    numbers = to_numpy(values, null=np.nan)
    return [_write_float(number) for number in numbers]


def _write_float(number: Any) -> str | None:
    if np.isnan(number):
        return None
    if np.isfinite(number) and number == np.floor(number):
        return str(int(number))
    return str(number)


def spell_labels(values: Values) -> Values:
    """Return labels of a file without types as they are written where a type is stored.

    3.0 becomes 3 and true becomes True; what no stored number or boolean would be written as stays:
    007, +1, 3.10 (a version, perhaps).
    """
    for pattern, spelling in _SPELLINGS:
        values = pc.replace_substring_regex(values, pattern=pattern, replacement=spelling)
    return values


_SPELLINGS = (
    (r"^\s*-?0(?:\.0+)?\s*$", "0"),
    (r"^\s*(-?[1-9][0-9]*)(?:\.0+)?\s*$", r"\1"),
    (r"^\s*(-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9])\s*$", r"\1"),
    (r"^\s*(?i:true)\s*$", "True"),
    (r"^\s*(?i:false)\s*$", "False"),
)


def _is_clean(dictionary: pa.Array) -> bool:
    """Whether the labels are valid UTF-8, unlike some that other writers leave in parquet files."""
    try:
        dictionary.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return bool(dictionary.null_count == 0)


def _decode(dictionary: pa.Array) -> list[str | None]:
    raw = dictionary.cast(pa.large_string()).view(pa.large_binary())
    return [None if v is None else v.decode("utf-8", "replace") for v in raw.to_pylist()]


def _relabel(
    encoded: pa.DictionaryArray, write: Callable[[pa.Array], list[str | None]]
) -> pa.DictionaryArray:
    """Replace the dictionary by its written labels; values that share a label become one."""
    labels = to_strings(write(encoded.dictionary)).cast(pa.string()).dictionary_encode()
    indices = labels.indices.cast(pa.int32()).take(encoded.indices)
    return pa.DictionaryArray.from_arrays(indices, labels.dictionary)


def concatenate(arrays: Iterable[pa.Array], kind: ColumnKind) -> pa.ChunkedArray:
    """Return normalised arrays as one column; labels share one dictionary."""
    target = pa.float64() if kind is ColumnKind.NUMERICAL else LABELS
    column = pa.chunked_array(list(arrays), target)
    return column.unify_dictionaries() if kind is ColumnKind.CATEGORICAL else column


def sampled(values: Values) -> pa.Array:
    """Return sampled values in the form of their kind; what no check can read becomes null."""
    array = _plain(values)
    kind = kind_of(array.type)
    if kind in (ColumnKind.NUMERICAL, ColumnKind.CATEGORICAL):
        return normalise(array, kind)
    if kind is ColumnKind.DATETIME:
        plain = array.dictionary_decode() if pat.is_dictionary(array.type) else array
        return pc.cast(plain, pa.timestamp("us", getattr(plain.type, "tz", None)), safe=False)
    return pa.nulls(len(array))
