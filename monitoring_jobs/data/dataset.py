"""What every source becomes: a dataset that is read one column at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import TracebackType
from typing import Any, Protocol, Self

import pyarrow as pa

from monitoring_jobs.errors import UnreadableDataset

# A float64, or a number into labels beside what the dictionary costs.
BYTES_PER_VALUE = 8

# Why a row is no row of the window.
LEFT_OUT = ("before", "after", "no_timestamp")


class ColumnKind(StrEnum):
    """What can be computed of a column.

    ``EMPTY`` is a column that never held a value and bears no type; it agrees with every kind.
    """

    NUMERICAL = "numerical"
    CATEGORICAL = "categorical"
    DATETIME = "datetime"
    EMPTY = "empty"
    OTHER = "other"


class Dataset(Protocol):
    """Rows of a window or a reference. Safe to read from several threads; close it when done."""

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """Every column in the order of the file, partition columns last."""

    @property
    def partition_columns(self) -> frozenset[str]:
        """The columns that are told by folder names only."""

    @property
    def rows(self) -> int:
        """Rows inside the window."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """Rows outside the window: before, after, no_timestamp; always these three keys.

        ``before`` and ``after`` count what was met: no rows of partitions that cannot touch the
        window, of a database those that the query returned, some of which lie near a window that
        is asked for roughly. ``no_timestamp`` counts all rows of the files that were opened or of
        the table, whatever window is asked for; a query's condition leaves them out unseen.
        Without a window nothing is left out.
        """

    @property
    def identity(self) -> str:
        """Hash of the content, 32 hexadecimal digits; computed when first asked for."""

    @property
    def marks(self) -> Sequence[Any]:
        """What tells each file that holds rows from another one that is put in its place.

        As JSON can hold it, as it was when the file was opened, and the same on any machine.
        """

    def size(self, name: str) -> int:
        """Return about how many bytes a column takes once it is read, without reading it."""

    def read(self, name: str, kind: ColumnKind) -> pa.ChunkedArray:
        """Return one column as float64 or as dictionary<int32, string>, nulls kept.

        Raises:
            UnreadableDataset: No such column, or it cannot be read as that kind.
            SourceUnavailable: The storage does not answer.
        """

    def sample(self, names: Sequence[str], rows: int, seed: int) -> pa.Table:
        """Return at most ``rows`` rows in their order: the same ones for the same seed."""

    def close(self) -> None:
        """Remove what was spooled."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def require_distinct(names: Sequence[str], shown: str) -> None:
    """Refuse column names that occur twice.

    Raises:
        UnreadableDataset: Which of them would be meant?
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        listed = ", ".join(repr(name[:80]) for name in twice[:5])
        raise UnreadableDataset(f"{shown}: column names occur twice: {listed}", "rename them")
