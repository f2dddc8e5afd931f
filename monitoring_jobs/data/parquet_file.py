"""One parquet file: its footer is read once, its data by whoever asks for a column."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from monitoring_jobs.data.dataset import ColumnKind, require_distinct
from monitoring_jobs.data.files import DataFile, versions_when_opened
from monitoring_jobs.data.normalisation import kind_of
from monitoring_jobs.data.timestamps import Clock, Split, extremes
from monitoring_jobs.errors import (
    DatasetMissing,
    MonitoringError,
    SourceUnavailable,
    UnreadableDataset,
)
from monitoring_jobs.windows import Window

_Stamp: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ParquetFile:
    """A file that is there and has a footer; safe to read from several threads.

    Attributes:
        file: Where it is.
        footer: Its row groups and what is known of them.
        schema: Its columns.
        leaves: The places of flat columns in the footer.
        stamp: What tells it from another one that is put in its place.
        most_idle: How many readers may stay open until ``close``.
    """

    file: DataFile
    footer: pq.FileMetaData
    schema: pa.Schema
    leaves: Mapping[str, int]
    stamp: _Stamp
    most_idle: int
    _idle: list[tuple[BinaryIO, pq.ParquetFile]] = field(default_factory=list, repr=False)

    @classmethod
    def open(cls, file: DataFile, *, most_idle: int = 0) -> ParquetFile:
        """Read a footer.

        Args:
            file: Where it is.
            most_idle: How many readers may stay open until ``close``.

        Raises:
            DatasetMissing: There is no such file.
            UnreadableDataset: It is no parquet file, or two of its columns share a name.
            SourceUnavailable: The object storage does not answer.
        """
        with _translated(file.shown), file.open() as handle:
            stamp = _stamp(handle)
            footer = pq.read_metadata(handle)
            schema = footer.schema.to_arrow_schema()
        require_distinct(schema.names, file.shown)
        leaves = {footer.schema.column(n).path: n for n in range(len(footer.schema))}
        return cls(file, footer, schema, leaves, stamp, most_idle)

    def read(self, groups: Sequence[int], name: str) -> Iterator[pa.ChunkedArray]:
        """Yield one column as it is stored, row group by row group; text comes with a dictionary.

        Raises:
            UnreadableDataset: The data is damaged.
            SourceUnavailable: The object storage does not answer, or the file is another one now.
        """
        with _translated(self.file.shown), self._reader() as reader:
            for group in groups:
                table = reader.read_row_group(group, columns=[name], use_threads=False)
                yield table.column(name)

    @contextmanager
    def _reader(self) -> Iterator[pq.ParquetFile]:
        """Lend a reader: to make one takes a look at every column, too long to do for each."""
        try:
            handle, reader = self._idle.pop()
        except IndexError:
            handle = self.file.open()
            reader = self._open_reader(handle)
        try:
            self._require_unchanged(handle)
            yield reader
        except BaseException:
            handle.close()
            raise
        if len(self._idle) < self.most_idle:
            self._idle.append((handle, reader))
        else:
            handle.close()

    def _require_unchanged(self, handle: BinaryIO) -> None:
        if _stamp(handle) != self.stamp:
            raise SourceUnavailable(
                f"{self.file.shown}: the file was written again while it was read", "try again"
            )

    def _open_reader(self, handle: BinaryIO) -> pq.ParquetFile:
        is_text = ((f.name, kind_of(f.type) is ColumnKind.CATEGORICAL) for f in self.schema)
        return pq.ParquetFile(
            handle,
            metadata=self.footer,
            read_dictionary=[name for name, text in is_text if text],
            pre_buffer=self.file.filesystem is not None,
        )

    def close(self) -> None:
        """Close the readers; the next read opens another."""
        while self._idle:
            self._idle.pop()[0].close()

    @property
    def mark(self) -> list[Any]:
        """The stamp as any machine sees it, wherever the storage is mounted."""
        own = self.stamp[2:] if self.file.filesystem is None else self.stamp
        return [posixpath.basename(self.file.path), dict(self.file.partition), *own]

    def size(self, groups: Iterable[int], name: str) -> int:
        """Return how many bytes a column takes in some row groups before they are compressed."""
        leaf = self.leaves.get(name)
        if leaf is None:
            return 0
        chunks = (self.footer.row_group(group).column(leaf) for group in groups)
        return sum(chunk.total_uncompressed_size for chunk in chunks)

    def place(self, group: int, clock: Clock, window: Window) -> Split | None:
        """Say by the footer's minimum and maximum where a row group lies; None: it must be read."""
        metadata, leaf = self.footer.row_group(group), self.leaves.get(clock.column)
        found = None if leaf is None else metadata.column(leaf).statistics
        if found is None or found.null_count is None or not found.has_min_max:
            return None
        data_type = self.schema.field(clock.column).type
        bounds = extremes(found, data_type)
        if bounds is None:
            return None
        lowest, highest = bounds
        low, high = clock.thresholds(data_type, window)
        rows = metadata.num_rows - found.null_count
        decided = Split(slice(0, 0), 0, no_timestamp=found.null_count)
        if highest < low:
            return replace(decided, before=rows)
        if lowest >= high:
            return replace(decided, after=rows)
        if lowest >= low and highest < high and found.null_count == 0:
            return Split(slice(0, rows), rows)
        return None


def _stamp(handle: BinaryIO) -> _Stamp:
    versions = versions_when_opened(handle)
    if versions is not None:
        return tuple(sorted(versions.items()))
    found = os.fstat(handle.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@contextmanager
def _translated(shown: str) -> Iterator[None]:
    """Translate what pyarrow raises over a broken file; errors of the storage pass by."""
    try:
        yield
    except MonitoringError:
        raise
    except FileNotFoundError as exc:
        raise DatasetMissing(f"{shown}: no such file", "check the path") from exc
    except (pa.ArrowException, OSError, ValueError, UnicodeDecodeError) as exc:
        raise UnreadableDataset(
            f"{shown}: cannot be read as parquet: {type(exc).__name__}",
            "the file is corrupt, truncated or of another format; write it again",
        ) from exc
