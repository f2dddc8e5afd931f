"""Rows on their way from a stream to temporary parquet files, filtered to the window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_jobs.data.dataset import LEFT_OUT
from monitoring_jobs.data.files import DataFile
from monitoring_jobs.data.partitions import Partition, constant
from monitoring_jobs.data.timestamps import Clock, split
from monitoring_jobs.errors import SourceUnavailable, UnreadableDataset
from monitoring_jobs.windows import Window

# Bounds what is held in memory. Wide rows get more of it, as every row group costs every column
# that is read later a seek and a footer entry.
_ROW_GROUP_BYTES, _ROW_GROUP_BYTES_AT_MOST = 32 * 2**20, 64 * 2**20
_ROW_GROUP_ROWS = 32_768


@dataclass(frozen=True, slots=True)
class Spooled:
    """What a spool left behind.

    Attributes:
        files: Local parquet files, in the order of the rows.
        left_out: Rows that were not written because they lie outside the window.
        partition_types: Columns that are told by folder names.
        identity: Returns the content's hash where a cheaper one than over the rows is to be had.
    """

    files: Sequence[DataFile]
    left_out: Mapping[str, int]
    partition_types: Mapping[str, pa.DataType] = field(default_factory=dict)
    identity: Callable[[], str] | None = None


class Spool:
    """Writes batches to parquet files in a folder; a batch of another schema begins another file.

    Args:
        folder: Where the files are put.
        shown: The source as a person knows it.
        clock: How the rows write time; None keeps all of them.
        window: The rows to keep; None keeps all of them.
        partition: What folder names say of all rows.
        partition_types: The types of those columns.
    """

    def __init__(
        self,
        folder: Path,
        shown: str,
        clock: Clock | None,
        window: Window | None,
        *,
        partition: Partition | None = None,
        partition_types: Mapping[str, pa.DataType] | None = None,
    ) -> None:
        self._folder, self._shown = folder, shown
        self._clock, self._window = clock, window
        self._partition, self._types = partition or {}, partition_types or {}
        self._writer: pq.ParquetWriter | None = None
        self._pending: list[pa.Table] = []
        self._pending_rows = self._pending_bytes = 0
        self.files: list[DataFile] = []
        self.left_out = dict.fromkeys(LEFT_OUT, 0)

    def write(self, batch: pa.Table) -> None:
        """Keep the rows of a batch that lie in the window.

        Raises:
            UnreadableDataset: The batch does not say when its rows happened.
            SourceUnavailable: There is no room for the temporary file.
        """
        kept = self._inside(batch)
        if self._pending and self._pending[0].schema != kept.schema:
            self._flush()
            self._end_file()
        # An empty batch is kept too, for its columns: a quiet window still has a schema.
        if kept.num_rows or not (self._pending or self._writer):
            self._pending.append(kept)
            self._pending_rows += kept.num_rows
            self._pending_bytes += kept.nbytes
        if self._is_row_group():
            self._flush()

    def _is_row_group(self) -> bool:
        enough = _ROW_GROUP_BYTES
        if self._pending_rows < _ROW_GROUP_ROWS:
            enough = _ROW_GROUP_BYTES_AT_MOST
        return self._pending_bytes >= enough

    def _inside(self, batch: pa.Table) -> pa.Table:
        if self._clock is None or self._window is None:
            return batch
        times = self._times(batch, self._clock.column)
        try:
            found = split(times, self._clock, self._window)
        except UnreadableDataset as exc:
            raise UnreadableDataset(f"{self._shown}: {exc.what}", exc.cure) from exc
        for name in LEFT_OUT:
            self.left_out[name] += getattr(found, name)
        if isinstance(found.selection, slice):
            return batch.slice(found.selection.start, found.rows)
        return batch.filter(found.selection)

    def _times(self, batch: pa.Table, name: str) -> pa.ChunkedArray | pa.Array:
        if name in batch.column_names:
            return batch.column(name)
        if name in self._types:
            return constant(self._partition.get(name), self._types[name], batch.num_rows)
        known = ", ".join(batch.column_names[:20])
        raise UnreadableDataset(
            f"{self._shown}: there is no timestamp column {name!r}",
            f"set data.timestamp to one of: {known}",
        )

    def _flush(self) -> None:
        if not self._pending:
            return
        table = pa.concat_tables(self._pending)
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
        try:
            if self._writer is not None and self._writer.schema != table.schema:
                self._end_file()
            if self._writer is None:
                self._writer = self._begin_file(table.schema)
            self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        except OSError as exc:
            raise SourceUnavailable(
                f"{self._shown}: no temporary file can be written to {self._folder}",
                "make room there, or set TMPDIR to a larger disk",
            ) from exc

    def _begin_file(self, schema: pa.Schema) -> pq.ParquetWriter:
        path = self._folder / f"spool-{len(list(self._folder.iterdir())):06d}.parquet"
        self.files.append(DataFile(str(path), self._shown, self._partition))
        text = [f.name for f in schema if pa.types.is_string(f.type)]
        # Lives for one job only: lz4 costs little, and dictionaries pay for text alone.
        return pq.ParquetWriter(
            path, schema, compression="lz4", use_dictionary=text, write_statistics=False
        )

    def _end_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._end_file()
