"""Statistics of many groups of a column's rows, all from one read of the column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_jobs.statistics import ColumnStatistics
from monitoring_jobs.statistics.categorical import EncodedLabels
from monitoring_jobs.statistics.numeric import NumericColumn, as_floats


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows by group; no row is in two groups.

    Attributes:
        order: The numbers of the rows, one group behind the other; within a group they ascend.
        bounds: Where each group begins in ``order``, and where the last one ends.
    """

    order: NDArray[np.intp]
    bounds: NDArray[np.intp]

    @classmethod
    def of(cls, numbers: NDArray[Any], count: int) -> Self:
        """Sort rows by group.

        Args:
            numbers: The group of each row; -1 for a row of none.
            count: How many groups there are, fewer than 65,535.
        """
        # Numbers this small are sorted by radix, in linear time; -1 becomes the last of them.
        numbers = numbers.astype(np.uint16)
        order = np.argsort(numbers, kind="stable")
        bounds = np.searchsorted(numbers[order], np.arange(count + 1))
        return cls(order=order[: bounds[-1]], bounds=bounds)

    def rows(self, group: int) -> NDArray[np.intp]:
        """Return the numbers of the rows of a group."""
        return self.order[self.bounds[group] : self.bounds[group + 1]]

    def size(self, group: int) -> int:
        """Return how many rows a group has."""
        return int(self.bounds[group + 1] - self.bounds[group])

    def cut(self, values: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Yield the values of each group; together they take as much memory as the column."""
        gathered = values[self.order]
        for begin, end in zip(self.bounds[:-1], self.bounds[1:], strict=True):
            yield gathered[begin:end]


def statistics_of_groups(
    values: pa.Array | pa.ChunkedArray, groups: Groups
) -> list[ColumnStatistics]:
    """Reduce the rows of each group as ``statistics_of`` reduces a whole column.

    Args:
        values: Numbers for a numerical column, strings (dictionary-encoded or plain) for a
            categorical one.
        groups: Which rows belong together.
    """
    if pa.types.is_floating(values.type) or pa.types.is_integer(values.type):
        return [NumericColumn.from_values(part) for part in groups.cut(as_floats(values))]
    encoded = EncodedLabels(values)
    return [encoded.count_rows(part) for part in groups.cut(encoded.codes())]
