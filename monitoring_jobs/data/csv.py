"""CSV files: types told from all rows, then spooled as parquet, filtered to the window."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from monitoring_jobs.data.dataset import require_distinct
from monitoring_jobs.data.files import DataFile
from monitoring_jobs.data.identity import hash_files
from monitoring_jobs.data.normalisation import spell_labels
from monitoring_jobs.data.spool import Spool, Spooled
from monitoring_jobs.data.timestamps import Clock
from monitoring_jobs.errors import MonitoringError, UnreadableDataset
from monitoring_jobs.windows import Window

_BLOCK = 8 * 2**20
_HEADER_BYTES = 2**20
# Words for "nothing" where numbers or times are expected; in text NA may be North America.
_NULL_WORDS = pa.array(["", "NA", "N/A", "n/a", "null", "NULL", "None", "none"])
_BOOLEANS = pa.array(["true", "false"])
_LABEL_NULLS = pa.concat_arrays([_NULL_WORDS, pa.array(["nan", "NaN", "NAN"])])
_NULLABLE_LABELS = frozenset({pa.int64(), pa.float64(), pa.bool_()})
_Speller = Callable[[pa.ChunkedArray], pa.ChunkedArray]
# From narrow to wide; a column has the first type that all of its values fit.
_TYPES: tuple[pa.DataType, ...] = (
    pa.null(),
    pa.int64(),
    pa.float64(),
    pa.bool_(),
    pa.date32(),
    pa.timestamp("us"),
    pa.timestamp("us", "UTC"),
    pa.string(),
)
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def spool_csv(
    files: Sequence[DataFile],
    clock: Clock | None,
    window: Window | None,
    folder: Path,
    partition_types: Mapping[str, pa.DataType],
    *,
    labels: Collection[str] = (),
) -> Spooled:
    """Read CSV files, comma-separated UTF-8 with a header, into temporary parquet files.

    The files are streamed twice: once to learn the type of every column from all of its values,
    once to write them. Memory holds a few blocks only.

    Args:
        files: The files; they need not have the same columns.
        clock: How the rows write time.
        window: The rows to keep; None keeps all.
        folder: Where temporary files are put.
        partition_types: Columns that are told by folder names.
        labels: Columns that are text whatever their values look like; the timestamp is none.

    Raises:
        UnreadableDataset: Another delimiter or encoding, ragged rows, or no usable timestamps.
        SourceUnavailable: The object storage does not answer.
    """
    local = [file.fetched(folder, number) for number, file in enumerate(files)]
    types: dict[str, pa.DataType] = {}
    for file in local:
        _learn_types(file, types)
    spell = {
        name: _speller(types[name])
        for name in labels
        if name in types and not (clock and name == clock.column)
    }
    spooled: list[DataFile] = []
    left_out: dict[str, int] = {}
    for file in local:
        spool = Spool(
            folder,
            file.shown,
            clock,
            window,
            partition=file.partition,
            partition_types=partition_types,
        )
        with _readable(file.shown), spool:
            for batch in _batches(file):
                spool.write(_typed(batch, types, spell))
        spooled += spool.files
        for name, count in spool.left_out.items():
            left_out[name] = left_out.get(name, 0) + count
    identity = partial(hash_files, local, read_as=sorted(spell)) if window is None else None
    return Spooled(spooled, left_out, partition_types, identity)


def _learn_types(file: DataFile, types: dict[str, pa.DataType]) -> None:
    with _readable(file.shown):
        last_row: pa.Table | None = None
        for batch in _batches(file):
            last_row = batch.slice(batch.num_rows - 1) if batch.num_rows else last_row
            for name in batch.column_names:
                types[name] = _widen(batch.column(name), types.get(name, pa.null()))
        if last_row is not None:
            _refuse_open_quote(file, last_row)


def _refuse_open_quote(file: DataFile, last_row: pa.Table) -> None:
    """Refuse a file whose last value begins with a quote that nothing closes.

    Such a value swallows all the rows behind it, and pyarrow calls it well.
    """
    values = [value for column in last_row.columns for value in column.to_pylist()]
    if not any("\n" in value for value in values if value):
        return
    quotes = 0
    with pa.input_stream(file.path, compression="detect") as stream:
        while block := stream.read(_BLOCK):
            quotes += block.count(b'"')
    if quotes % 2:
        raise UnreadableDataset(
            f"{file.shown}: a quote is opened and never closed",
            'close it; inside a quoted value write "" for a quote',
        )


def _widen(values: pa.ChunkedArray, earlier: pa.DataType) -> pa.DataType:
    """Return the narrowest type that fits these values and the earlier ones."""
    for data_type in _TYPES[_TYPES.index(earlier) :]:
        if not _may_follow(earlier, data_type):
            continue
        try:
            numbers = _converted(values, data_type)
        except pa.ArrowInvalid:
            continue
        if pa.types.is_floating(data_type) and _are_long_digits(values, numbers):
            return pa.string()
        return data_type
    return pa.string()


def _may_follow(earlier: pa.DataType, later: pa.DataType) -> bool:
    """Whether values that had the earlier type also fit the later one."""
    families = (
        {pa.null(), pa.int64(), pa.float64()},
        {pa.null(), pa.date32(), pa.timestamp("us")},
        {pa.null(), pa.bool_()},
        {pa.null(), pa.timestamp("us", "UTC")},
    )
    return pa.types.is_string(later) or any({earlier, later} <= family for family in families)


def _are_long_digits(values: pa.ChunkedArray, numbers: pa.ChunkedArray) -> bool:
    """Whether there are identifiers of so many digits that floats would merge them."""
    huge = pc.fill_null(pc.greater_equal(pc.abs(numbers), 2.0**63), False)  # noqa: FBT003
    if not pc.any(huge).as_py():
        return False
    return bool(pc.any(pc.match_substring_regex(values.filter(huge), r"^\s*-?\d+\s*$")).as_py())


def _typed(
    batch: pa.Table, types: Mapping[str, pa.DataType], spell: Mapping[str, _Speller]
) -> pa.Table:
    columns = {
        name: (
            spell[name](batch.column(name))
            if name in spell
            else _converted(batch.column(name), types[name])
        )
        for name in batch.column_names
    }
    return pa.table(columns)


def _speller(data_type: pa.DataType) -> _Speller:
    """Return what turns text into labels, given the type that a column would have by its looks.

    Where all other values are numbers or booleans, words for nothing are no labels.
    """
    is_like_numbers = data_type in _NULLABLE_LABELS

    def spell(values: pa.ChunkedArray) -> pa.ChunkedArray:
        encoded = values.combine_chunks().dictionary_encode()
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        distinct = encoded.dictionary
        is_null = pc.equal(distinct, "")
        if is_like_numbers:
            is_null = pc.is_in(pc.utf8_trim_whitespace(distinct), value_set=_LABEL_NULLS)
        written = pc.if_else(is_null, pa.scalar(None, pa.string()), spell_labels(distinct))
        return pa.chunked_array([written.take(encoded.indices)], pa.string())

    return spell


def _converted(values: pa.ChunkedArray, data_type: pa.DataType) -> pa.ChunkedArray:
    """Return text as another type.

    Raises:
        pa.ArrowInvalid: Some value does not fit.
    """
    if pa.types.is_string(data_type):
        return pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    values = pc.utf8_trim_whitespace(values)
    values = pc.if_else(
        pc.is_in(values, value_set=_NULL_WORDS), pa.scalar(None, pa.string()), values
    )
    if pa.types.is_null(data_type):
        if values.null_count < len(values):
            raise pa.ArrowInvalid("not null")
        return pa.chunked_array([pa.nulls(len(values))])
    if pa.types.is_boolean(data_type):
        lowered = pc.utf8_lower(values)
        if pc.any(pc.invert(pc.is_in(lowered.drop_null(), value_set=_BOOLEANS))).as_py():
            raise pa.ArrowInvalid("not boolean")
        return pc.equal(lowered, "true")
    return values.cast(data_type)


# --- the file -----------------------------------------------------------------------------------
def _batches(file: DataFile) -> Iterator[pa.Table]:
    """Yield blocks of rows, every column as text."""
    names = _header(file)
    with pa.input_stream(file.path, compression="detect") as stream:
        reader = arrow_csv.open_csv(
            stream,
            read_options=arrow_csv.ReadOptions(block_size=_BLOCK),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
        yield reader.schema.empty_table()
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _header(file: DataFile) -> list[str]:
    with pa.input_stream(file.path, compression="detect") as stream:
        start = stream.read(_HEADER_BYTES)
    if not start.strip():
        raise UnreadableDataset(f"{file.shown}: is empty", "a CSV file begins with a header")
    cut = start.rfind(b"\n") + 1 or len(start)
    text = start[:cut].decode("utf-8-sig")
    names = next(csv.reader(io.StringIO(text, newline="")))
    for delimiter, called in _OTHER_DELIMITERS.items():
        if len(names) == 1 and delimiter in names[0]:
            raise UnreadableDataset(
                f"{file.shown}: is separated by {called}, not by commas",
                "write it with commas, or as parquet",
            )
    require_distinct(names, file.shown)
    return names


@contextmanager
def _readable(shown: str) -> Iterator[None]:
    """Translate pyarrow's errors; their texts quote rows, so that they are not passed on."""
    try:
        yield
    except MonitoringError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error) as exc:
        raise UnreadableDataset(f"{shown}: {_cause(exc)}", "write it again, or as parquet") from exc


def _cause(exc: Exception) -> str:
    text = str(exc)
    ragged = re.search(r"Row #(\d+): Expected (\d+) columns, got (\d+)", text)
    if ragged:
        return f"row {ragged[1]} has {ragged[3]} columns, the header {ragged[2]}"
    ragged = re.search(r"Expected (\d+) columns, got (\d+)", text)
    if ragged:
        return f"a row has {ragged[2]} columns, the header {ragged[1]}"
    if isinstance(exc, UnicodeDecodeError) or "UTF8" in text or "UTF-8" in text:
        return "is not UTF-8 text"
    return f"cannot be read as CSV: {type(exc).__name__}"
