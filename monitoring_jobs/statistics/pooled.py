"""Two sorted columns walked together, a block at a time: what tests on ranks are made of.

Nothing here holds more than a block of rows, apart from a run of equal values.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from monitoring_jobs.statistics.numeric import Floats, Integers

# So many values of each column at once stay inside a processor's cache.
_BLOCK = 2**14


class Ties(NamedTuple):
    """Different values of two pooled columns, ascending, and where each column stands at them.

    Attributes:
        values: The values, each once.
        first_below: How many values of the first column are smaller; int64.
        second_below: The same of the second column.
        first: How many values of the first column are equal; int64.
        second: The same of the second column.
    """

    values: Floats
    first_below: Integers
    second_below: Integers
    first: Integers
    second: Integers


def tied_values(first: Floats, second: Floats) -> Iterator[Ties]:
    """Walk over the different values of two ascending columns; every value comes in one block.

    Each block is merged by a stable argsort, which recognizes two ascending runs.

    Args:
        first: Finite values, ascending.
        second: Finite values, ascending.
    """
    i = j = 0
    while i < first.size or j < second.size:
        # The smaller of the two bounds keeps both parts short.
        bound = min(
            column[min(place + _BLOCK, column.size) - 1] if place < column.size else np.inf
            for column, place in ((first, i), (second, j))
        )
        part = first[i : i + np.searchsorted(first[i:], bound, side="right")]
        other = second[j : j + np.searchsorted(second[j:], bound, side="right")]
        yield _merge(part, other, i, j)
        i, j = i + part.size, j + other.size


def _merge(first: Floats, second: Floats, i: int, j: int) -> Ties:
    both = np.concatenate((first, second))
    order = np.argsort(both, kind="stable")
    values = both[order]
    last = np.append(np.flatnonzero(values[1:] != values[:-1]), values.size - 1)
    from_first = np.cumsum(order < first.size)[last]
    from_second = last + 1 - from_first
    first_ties, second_ties = np.diff(from_first, prepend=0), np.diff(from_second, prepend=0)
    return Ties(
        values[last],
        i + from_first - first_ties,
        j + from_second - second_ties,
        first_ties,
        second_ties,
    )


def count_distinct(first: Floats, second: Floats) -> int:
    """Return how many different values two ascending columns hold together."""
    return sum(ties.values.size for ties in tied_values(first, second))


def quantile(first: Floats, second: Floats, q: float) -> float:
    """Return the value below which a share ``q`` of both columns' values lies; see ``numpy``.

    Linear between neighbors (method 7 of Hyndman and Fan 1996), in logarithmic time.

    Args:
        first: Finite values, ascending.
        second: Finite values, ascending; at least one in both together.
        q: From 0 to 1.
    """
    place = q * (first.size + second.size - 1)
    left = int(place)
    below = _nth(first, second, left)
    if place == left:
        return below
    step = _nth(first, second, left + 1) - below
    return below + step * (place - left)


def _nth(first: Floats, second: Floats, n: int) -> float:
    """Return the value before which ``n`` others stand in the pooled order."""
    low, high = max(0, n - second.size), min(n, first.size)
    # How many of the n come from the first column: bisected, as neither column ever falls.
    i = low + bisect_left(
        range(low, high), x=True, key=lambda k: bool(first[k] > second[n - k - 1])
    )
    candidates = [column[k] for column, k in ((first, i), (second, n - i)) if k < column.size]
    return float(min(candidates))
