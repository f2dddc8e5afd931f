"""A numerical column, reduced to its finite values in ascending order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitoring_jobs.statistics.buffers import to_numpy

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# So many values at once stay inside a processor's cache.
_BLOCK = 2**15


@dataclass(frozen=True, eq=False)
class NumericColumn:
    """Everything that the checks ask of a numerical column, sorted once.

    Attributes:
        rows: All rows, the missing ones included.
        missing: Rows that are null or NaN.
        infinite: Rows that hold plus or minus infinity.
        sorted: The finite values, ascending, float64; may be a read-only memory map.
    """

    rows: int
    missing: int
    infinite: int
    sorted: Floats

    @classmethod
    def from_arrow(cls, values: pa.Array | pa.ChunkedArray) -> Self:
        """Count and sort an arrow column of numbers; nulls and NaN are missing."""
        return cls.from_values(as_floats(values))

    @classmethod
    def from_values(cls, values: Floats) -> Self:
        """Count and sort numbers, NaN where they are missing; sorted in place where that may be."""
        if values.flags.writeable:
            values.sort()
        else:
            values = np.sort(values)
        # Sorting leaves -inf in front and +inf and NaN behind, so that nothing is compared by row.
        first = int(np.searchsorted(values, -np.inf, side="right"))
        last, end = (int(np.searchsorted(values, bound)) for bound in (np.inf, np.nan))
        finite = values[first:last]
        if finite.size < values.size // 2:
            finite = finite.copy()  # lets go of the rest
        return cls(
            rows=values.size,
            missing=values.size - end,
            infinite=first + end - last,
            sorted=finite,
        )

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return plain arrays (no pickles) from which ``from_arrays`` builds the same column."""
        counts = np.array([self.rows, self.missing, self.infinite, self.distinct], dtype=np.int64)
        moments = np.array([self.mean, self._deviation])
        return {"counts": counts, "moments": moments, "sorted": self.sorted}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Build from what ``to_arrays`` gave; the arrays are used as they are, never copied."""
        rows, missing, infinite, distinct = (int(count) for count in arrays["counts"])
        mean, deviation = (float(moment) for moment in arrays["moments"])
        column = cls(rows=rows, missing=missing, infinite=infinite, sorted=arrays["sorted"])
        # What took a pass over all values is not computed again.
        vars(column).update(distinct=distinct, mean=mean, _deviation=deviation)
        return column

    @property
    def n(self) -> int:
        """How many finite values there are."""
        return int(self.sorted.size)

    @cached_property
    def distinct(self) -> int:
        """How many different finite values there are."""
        if not self.n:
            return 0
        return int(np.count_nonzero(self.sorted[1:] != self.sorted[:-1])) + 1

    @property
    def minimum(self) -> float:
        """The smallest finite value; NaN where there is none."""
        return float(self.sorted[0]) if self.n else np.nan

    @property
    def maximum(self) -> float:
        """The largest finite value; NaN where there is none."""
        return float(self.sorted[-1]) if self.n else np.nan

    @cached_property
    def mean(self) -> float:
        """The arithmetic mean; NaN where there is no value, infinite where the sum overflows."""
        with np.errstate(over="ignore"):
            return float(self.sorted.mean()) if self.n else np.nan

    @property
    def std(self) -> float:
        """The standard deviation of a sample (divisor n - 1); NaN below two values."""
        return self._std(1)

    @property
    def population_std(self) -> float:
        """The standard deviation of a whole population (divisor n); NaN where there is no value."""
        return self._std(0)

    def _std(self, freedom: int) -> float:
        if self.n <= freedom:
            return np.nan
        return float(np.sqrt(self._deviation / (self.n - freedom)))

    @cached_property
    def _deviation(self) -> float:
        """The sum of squared differences from the mean; infinite where it overflows."""
        total = 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, self.n, _BLOCK):
                away = self.sorted[start : start + _BLOCK] - self.mean
                total += float(np.square(away, out=away).sum())
        return total

    def quantile(self, q: float) -> float:
        """Return the value below which a share ``q`` of the values lies; NaN where there is none.

        Linear between neighbors, which is method 7 of Hyndman and Fan (1996) and what
        ``numpy.quantile`` does; read off the sorted values in constant time.
        """
        if not self.n:
            return np.nan
        place = q * (self.n - 1)
        left = int(place)
        right = min(left + 1, self.n - 1)
        below, above, part = float(self.sorted[left]), float(self.sorted[right]), place - left
        # The longer leg is never taken, so that equal neighbors give exactly themselves.
        step = above - below
        return below + step * part if part < 0.5 else above - step * (1 - part)

    def count_below(self, bound: float) -> int:
        """Return how many finite values are smaller than ``bound``."""
        return int(np.searchsorted(self.sorted, bound, side="left"))

    def count_above(self, bound: float) -> int:
        """Return how many finite values are larger than ``bound``."""
        return self.n - int(np.searchsorted(self.sorted, bound, side="right"))

    def counts(self) -> tuple[Floats, Integers]:
        """Return the different finite values, ascending, and how often each occurs."""
        if not self.n:
            return self.sorted, np.zeros(0, dtype=np.int64)
        first = np.concatenate(([0], np.flatnonzero(self.sorted[1:] != self.sorted[:-1]) + 1))
        return self.sorted[first], np.diff(first, append=self.n)


def as_floats(values: pa.Array | pa.ChunkedArray) -> Floats:
    """Return an arrow column of numbers as float64, NaN where it is null; a view where it can be.

    The array is writeable only if it belongs to nobody else.
    """
    if not pa.types.is_float64(values.type):
        values = values.cast(pa.float64(), safe=False)
    return to_numpy(values, null=np.nan)
