"""Parquet files as a dataset: row groups pruned by the window, one column in memory at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa

from monitoring_jobs.data.dataset import (
    BYTES_PER_VALUE,
    LEFT_OUT,
    ColumnKind,
)
from monitoring_jobs.data.files import DataFile
from monitoring_jobs.data.identity import RowHash
from monitoring_jobs.data.normalisation import (
    common_kind,
    concatenate,
    kind_of,
    label_kind,
    normalise,
    sampled,
)
from monitoring_jobs.data.parquet_file import ParquetFile
from monitoring_jobs.data.partitions import constant
from monitoring_jobs.data.timestamps import Clock, Split, select, split
from monitoring_jobs.errors import (
    UnreadableDataset,
)
from monitoring_jobs.statistics.buffers import to_arrow
from monitoring_jobs.windows import Window

# A process may have a thousand files open on most machines.
_MOST_OPEN = 64


@dataclass(frozen=True, slots=True)
class _Group:
    """A row group of a file and those of its rows that lie in the window."""

    number: int
    split: Split


class ParquetDataset:
    """Rows of parquet files, those of a window where one is given.

    Args:
        files: The files, in an order that does not change.
        shown: The source as a person knows it, for messages.
        clock: How the files write time; needed with a window.
        window: The rows that are meant; None means all.
        partition_types: Columns that are told by folder names.
        labels: Columns that are categorical even where numbers are stored.
        left_out: Rows that were left out before the files were written.
        identity: Returns the content's hash where a cheaper one than over the rows is to be had.
        on_close: Called by ``close``; removes the files where they are temporary.
    """

    def __init__(  # noqa: PLR0913 - each source knows other things beforehand
        self,
        files: Sequence[DataFile],
        shown: str,
        *,
        clock: Clock | None = None,
        window: Window | None = None,
        partition_types: Mapping[str, pa.DataType] | None = None,
        labels: Collection[str] = (),
        left_out: Mapping[str, int] | None = None,
        identity: Callable[[], str] | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self._shown, self._clock, self._window = shown, clock, window
        self._left_out_before, self._hash = left_out or {}, identity
        self._on_close = on_close
        self._lock = threading.RLock()
        self._pieces = [
            ParquetFile.open(file, most_idle=_MOST_OPEN // len(files)) for file in files
        ]
        stored = {name for piece in self._pieces for name in piece.schema.names}
        self._partitions = {
            name: data_type
            for name, data_type in (partition_types or {}).items()
            if files and name not in stored
        }
        self._columns = self._kinds(frozenset(labels))
        if window is not None and self._pieces:
            self._require_timestamp()

    def _kinds(self, labels: frozenset[str]) -> dict[str, ColumnKind]:
        kinds: dict[str, list[ColumnKind]] = {}
        for piece in self._pieces:
            for field in piece.schema:
                kinds.setdefault(field.name, []).append(kind_of(field.type))
        kinds |= {name: [kind_of(data_type)] for name, data_type in self._partitions.items()}
        return {
            name: label_kind(parts) if name in labels else common_kind(parts)
            for name, parts in kinds.items()
        }

    def _require_timestamp(self) -> None:
        name = self._clock.column if self._clock else None
        if name not in self._columns:
            known = ", ".join(list(self._columns)[:20])
            raise UnreadableDataset(
                f"{self._shown}: there is no timestamp column {name!r}",
                f"set data.timestamp to one of: {known}",
            )

    # --- what is known without reading data -----------------------------------------------------
    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """Every column in the order of the file, partition columns last."""
        return self._columns

    @property
    def partition_columns(self) -> frozenset[str]:
        """The columns that are told by folder names only."""
        return frozenset(self._partitions)

    @property
    def rows(self) -> int:
        """Rows inside the window."""
        return sum(group.split.rows for groups in self._selected for group in groups)

    @property
    def left_out(self) -> Mapping[str, int]:
        """Rows outside the window in files that may touch it."""
        counts = {name: self._left_out_before.get(name, 0) for name in LEFT_OUT}
        for groups in self._selected:
            for group in groups:
                for name in LEFT_OUT:
                    counts[name] += getattr(group.split, name)
        return counts

    @property
    def identity(self) -> str:
        """Hash of the content, 32 hexadecimal digits; computed when first asked for."""
        with self._lock:
            return self._identity

    @property
    def marks(self) -> Sequence[Any]:
        """What tells each file that holds rows from another one that is put in its place."""
        pairs = zip(self._pieces, self._selected, strict=True)
        return [piece.mark for piece, groups in pairs if any(group.split.rows for group in groups)]

    @cached_property
    def _identity(self) -> str:
        if self._hash is not None:
            return self._hash()
        rows = RowHash()
        for number, groups in enumerate(self._selected):
            for group in groups:
                if group.split.rows:
                    rows.add(group.split.rows, self._columns_of(number, group))
        return rows.hexdigest()

    def _columns_of(self, number: int, group: _Group) -> Iterator[tuple[str, pa.Array]]:
        for name in self._columns:
            (values,) = self._stored(number, [group], name)  # to its end: the reader is kept
            yield name, values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)

    # --- the window -----------------------------------------------------------------------------
    @property
    def _selected(self) -> list[list[_Group]]:
        with self._lock:
            return self._selection

    @cached_property
    def _selection(self) -> list[list[_Group]]:
        return [self._select(number) for number in range(len(self._pieces))]

    def _select(self, number: int) -> list[_Group]:
        piece = self._pieces[number]
        return [
            _Group(group, self._split(number, group))
            for group in range(piece.footer.num_row_groups)
        ]

    def _split(self, number: int, group: int) -> Split:
        piece = self._pieces[number]
        total = piece.footer.row_group(group).num_rows
        if self._window is None or self._clock is None:
            return Split(slice(0, total), total)
        try:
            decided = piece.place(group, self._clock, self._window)
            if decided is not None:
                return decided
            whole = _Group(group, Split(slice(0, total), total))
            (values,) = self._stored(number, [whole], self._clock.column)
            return split(values, self._clock, self._window)
        except UnreadableDataset as exc:
            if exc.what.startswith(self._shown):
                raise
            raise UnreadableDataset(f"{self._shown}: {exc.what}", exc.cure) from exc

    # --- data -----------------------------------------------------------------------------------
    def size(self, name: str) -> int:
        """Return about how many bytes a column takes once it is read, without reading it."""
        size = self.rows * BYTES_PER_VALUE
        if self._columns.get(name) is ColumnKind.CATEGORICAL:
            for piece, groups in zip(self._pieces, self._selected, strict=True):
                size += piece.size((group.number for group in groups if group.split.rows), name)
        return size

    def read(self, name: str, kind: ColumnKind) -> pa.ChunkedArray:
        """Return one column as float64 or as dictionary<int32, string>, nulls kept.

        Raises:
            UnreadableDataset: No such column, or it cannot be read as that kind.
            SourceUnavailable: The storage does not answer.
        """
        self._require_column(name)
        try:
            arrays = [normalise(values, kind) for values in self._values(name)]
        except ValueError as exc:
            raise UnreadableDataset(
                f"{self._shown}: column {name!r} cannot be read as {kind}: {exc}",
                "list it under the other kind, or mend the data",
            ) from exc
        return concatenate(arrays, kind)

    def sample(self, names: Sequence[str], rows: int, seed: int) -> pa.Table:
        """Return at most ``rows`` rows in their order: the same ones for the same seed.

        Numbers come as float64, categories as dictionary<int32, string>, times as timestamps.
        """
        total = self.rows
        if rows < total:
            generator = np.random.default_rng(seed)
            drawn = np.sort(generator.choice(total, size=rows, replace=False, shuffle=False))
        else:
            drawn = np.arange(total)
        return pa.table({name: self._draw(name, drawn) for name in names})

    def _draw(self, name: str, drawn: np.ndarray) -> pa.ChunkedArray:
        self._require_column(name)
        kind = self._columns[name]
        readable = kind in (ColumnKind.NUMERICAL, ColumnKind.CATEGORICAL)
        parts, first = [], 0
        for values in self._values(name):
            left, right = np.searchsorted(drawn, [first, first + len(values)])
            if left < right:
                taken = values.take(to_arrow(drawn[left:right] - first))
                parts.append(normalise(taken, kind) if readable else sampled(taken))
            first += len(values)
        if readable:
            return concatenate(parts, kind)
        types = {part.type for part in parts if not pa.types.is_null(part.type)}
        if len(types) != 1:
            return pa.chunked_array([pa.nulls(len(drawn))])
        return pa.chunked_array([part.cast(*types) for part in parts])

    def _require_column(self, name: str) -> None:
        if name not in self._columns:
            raise UnreadableDataset(
                f"{self._shown}: there is no column {name!r}", "check the monitor's columns"
            )

    def _values(self, name: str) -> Iterator[pa.ChunkedArray]:
        """Yield a column's selected rows, one row group at a time."""
        for number, groups in enumerate(self._selected):
            wanted = [group for group in groups if group.split.rows]
            if wanted:
                yield from self._stored(number, wanted, name)

    def _stored(
        self, number: int, groups: Sequence[_Group], name: str
    ) -> Iterator[pa.ChunkedArray]:
        piece = self._pieces[number]
        if name in piece.schema.names:
            numbers = [group.number for group in groups]
            for group, values in zip(groups, piece.read(numbers, name), strict=True):
                yield select(values, group.split.selection)
            return
        data_type = self._partitions.get(name, pa.null())
        value = piece.file.partition.get(name)
        for group in groups:
            yield pa.chunked_array([constant(value, data_type, group.split.rows)])

    # --- the end --------------------------------------------------------------------------------
    def close(self) -> None:
        """Remove what was spooled."""
        for piece in self._pieces:
            piece.close()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
